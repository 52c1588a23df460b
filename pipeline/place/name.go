package place

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/shirou/gopsutil/v4/disk"

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

// Explain says what a rename across file systems means; other errors stay as they are.
func Explain(err error) error {
	if errors.Is(err, syscall.EXDEV) {
		return fmt.Errorf("the folders of the data folder are on different file systems: "+
			"mount the data folder as a whole and none of its folders by itself: %w", err)
	}
	return err
}

// Space returns how many bytes can be written to the file system of dir and how many it has in all,
// and false if that is not known: some file systems have no size.
func Space(dir string) (free, size int64, known bool) {
	usage, err := disk.Usage(dir)
	if err != nil || usage.Total == 0 {
		return 0, 0, false
	}
	return int64(usage.Free), int64(usage.Total), true
}

// Free is the free space of Space.
func Free(dir string) (int64, bool) {
	free, _, known := Space(dir)
	return free, known
}

// CheckRoom returns an error that says how much is needed and how much is free, and that wraps
// ENOSPC, when dir has no room for so many bytes. If that is not known, there is room.
func CheckRoom(dir string, need int64) error {
	free, known := Free(dir)
	if !known || free >= need {
		return nil
	}
	return fmt.Errorf("%s are needed and %s are free: %w", Bytes(need), Bytes(free), syscall.ENOSPC)
}

// Bytes shows a number of bytes to people, in the units that disks are sold in. It is coarse
// on purpose: a message that is repeated does not change with each byte that is written.
func Bytes(n int64) string {
	const mega, giga = 1_000_000, 1_000_000_000
	if n >= giga {
		return fmt.Sprintf("%.1f GB", float64(n)/giga)
	}
	return fmt.Sprintf("%d MB", (n+mega-1)/mega)
}
