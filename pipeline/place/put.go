package place

import (
	"errors"
	"fmt"
	"syscall"
)

// mostNames ends the search for a free name. Nobody has so many songs of one name; reaching
// it means that something else is wrong.
const mostNames = 100_000

// errNoName is returned when every name that could be tried is taken.
var errNoName = errors.New("no free name left")

// FirstFree calls try with one name after the other until it reports true, and returns that
// name. An error of try ends the search.
func FirstFree(names Naming, try func(name string) (bool, error)) (string, error) {
	for n := 1; n < mostNames; n++ {
		name := names(n)
		free, err := try(name)
		if err != nil {
			return "", err
		}
		if free {
			return name, nil
		}
	}
	return "", errNoName
}

// Put is Placer.Put on the file system of this machine.
func Put(src, dir string, names Naming, announce func(name string) error) (string, error) {
	return Placer{OS{}}.Put(src, dir, names, announce)
}

// Explain says what a rename across file systems means; other errors stay as they are.
func Explain(err error) error {
	if errors.Is(err, syscall.EXDEV) {
		return fmt.Errorf("the folders of the data folder are on different file systems: "+
			"mount the data folder as a whole and none of its folders by itself: %w", err)
	}
	return err
}
