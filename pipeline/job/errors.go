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

// An IDError is an error about one job. Its text is that of Err.
type IDError struct {
	ID  string
	Err error
}

func (e *IDError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *IDError) Unwrap() error { return e.Err }

// WithID says of which job an error is. It returns nil for nil.
func WithID(id string, err error) error {
	if err == nil {
		return nil
	}
	return &IDError{ID: id, Err: err}
}

// IDErrors returns the errors about jobs that err is, wraps or joins: one for each job.
func IDErrors(err error) (all []*IDError) {
	switch e := err.(type) { //nolint:errorlint // it goes through the tree itself
	case nil:
	case *IDError:
		return []*IDError{e}
	case interface{ Unwrap() error }:
		return IDErrors(e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, part := range e.Unwrap() {
			for _, found := range IDErrors(part) {
				if !slices.ContainsFunc(all, func(before *IDError) bool { return before.ID == found.ID }) {
					all = append(all, found)
				}
			}
		}
	}
	return all
}

// IDOf returns the job of an error about one; "" where it is about none, or several.
func IDOf(err error) string {
	if all := IDErrors(err); len(all) == 1 {
		return all[0].ID
	}
	return ""
}
