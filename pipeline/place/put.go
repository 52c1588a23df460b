package place

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/im2-audio/im2/pipeline/title"
)

// NameLimit is how many bytes a file name may have on every file system in use.
const NameLimit = title.Limit

// A Naming gives the names to try, one after the other: the wanted name for 1, then
// "name (2)", "name (3)" and so on.
type Naming func(n int) string

// FileNames numbers a file's name before its extension: "song.mp3", "song (2).mp3". The bytes
// of name are kept as they are, valid UTF-8 or not; names beyond NameLimit are shortened.
func FileNames(name string) Naming { return FileNamesWithin(name, NameLimit) }

// FileNamesWithin is FileNames for names of at most limit bytes.
func FileNamesWithin(name string, limit int) Naming {
	return func(n int) string { return title.Number(name, n, limit) }
}

// FolderNames numbers a folder's name at its end. No name has more than limit bytes.
func FolderNames(name string, limit int) Naming {
	return func(n int) string { return title.NumberFolder(name, n, limit) }
}

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

// PutText is Placer.PutText on the file system of this machine.
func PutText(path, text, scratch string) error { return Placer{OS{}}.PutText(path, text, scratch) }
