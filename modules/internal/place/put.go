package place

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
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

// Put moves src into the folder dir under the first free name of names and returns it.
//
// announce, when not nil, is called with each name before it is tried, so that the caller can
// record where src is about to go: after a crash it then knows whether src has arrived. The
// move has reached the disk when Put returns nil. src must be on the file system of dir.
func Put(src, dir string, names Naming, announce func(name string) error) (string, error) {
	name, err := FirstFree(names, func(name string) (bool, error) {
		if Exists(filepath.Join(dir, name)) {
			return false, nil
		}
		if announce != nil {
			if err := announce(name); err != nil {
				return false, err
			}
		}
		err := Rename(src, filepath.Join(dir, name))
		if errors.Is(err, fs.ErrExist) {
			return false, nil
		}
		return err == nil, Explain(err)
	})
	if err != nil {
		return "", fmt.Errorf("moving %q to %q: %w", src, dir, err)
	}
	return name, errors.Join(SyncFolder(dir), SyncFolder(filepath.Dir(src)))
}

// Explain says what a rename across file systems means; other errors stay as they are.
func Explain(err error) error {
	if errors.Is(err, syscall.EXDEV) {
		return fmt.Errorf("the folders of the data folder are on different file systems: "+
			"mount the data folder as a whole and none of its folders by itself: %w", err)
	}
	return err
}
