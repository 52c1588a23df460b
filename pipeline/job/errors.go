package job

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

var (
	// ErrEnded is returned for a job that was to be cancelled and rests already, or whose end had begun.
	ErrEnded = errors.New("it has ended")
	// ErrIncoming is returned for one whose song the watcher is taking: nobody else can know what is done of that.
	ErrIncoming = errors.New("the watcher is still taking its song")
)

// errorsShown is how many errors of many jobs a text has.
const errorsShown = 10

// JoinErrors is errors.Join for what many jobs met, with a text that has an end: the first ten, and how many more
// there are. It returns nil where all are nil.
func JoinErrors(errs ...error) error {
	errs = slices.DeleteFunc(slices.Clone(errs), func(err error) bool { return err == nil })
	if len(errs) <= errorsShown {
		return errors.Join(errs...)
	}
	return manyErrors(errs)
}

type manyErrors []error

func (m manyErrors) Error() string {
	texts := make([]string, errorsShown)
	for i := range texts {
		texts[i] = m[i].Error()
	}
	return fmt.Sprintf("%s\nand %d more errors", strings.Join(texts, "\n"), len(m)-errorsShown)
}

func (m manyErrors) Unwrap() []error { return m }
