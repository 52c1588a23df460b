package place

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// mostNames ends the search for a free name. Nobody has so many songs of one name; reaching
// it means that something else is wrong.
const mostNames = 100_000

// errNoName is returned when every name that could be tried is taken.
var errNoName = errors.New("no free name left")

// Put moves src into the folder dir under the first free name of names and returns it.
//
// announce, when not nil, is called with each name before it is tried, so that the caller can
// record where src is about to go: after a crash it then knows whether src has arrived. The
// move has reached the disk when Put returns nil. src must be on the file system of dir.
func Put(src, dir string, names Naming, announce func(name string) error) (string, error) {
	for n := 1; n < mostNames; n++ {
		name := names(n)
		if Exists(filepath.Join(dir, name)) {
			continue
		}
		if announce != nil {
			if err := announce(name); err != nil {
				return "", err
			}
		}
		err := Rename(src, filepath.Join(dir, name))
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return "", fmt.Errorf("moving %q to %q: %w", src, dir, err)
		}
		return name, errors.Join(SyncFolder(dir), SyncFolder(filepath.Dir(src)))
	}
	return "", fmt.Errorf("moving %q to %q: %w", src, dir, errNoName)
}
