package place

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
)

// A Disk is the few operations that this package and the spool do to a file system. There is
// one that is real, of Local, and tests have one that crashes where they say, and forgets then what
// was not synced.
//
// No operation but Rename, Mkdir and RenameNew decides anything between processes, so nothing
// here needs locks, file notification or O_EXCL.
type Disk interface {
	// ReadFile reads a small file whole. What is no file is job.ErrNotFile or another error, and what
	// is too long job.ErrTooLong, with its beginning.
	ReadFile(path string) ([]byte, error)
	// ReadDir lists a folder, sorted by name: of more than MostEntries, some.
	ReadDir(path string) ([]fs.DirEntry, error)
	Lstat(path string) (fs.FileInfo, error)
	// Temp makes a new file with data and FileMode in the folder dir, under a name that begins
	// with TempPrefix, and returns its path. With sync, the data is on the disk by then. With an error, the path is that of what
	// could not be removed, or "".
	Temp(dir string, data []byte, sync bool) (path string, err error)
	Mkdir(path string) error
	// Rename is rename(2): it replaces a file at newPath.
	Rename(oldPath, newPath string) error
	// RenameNew replaces nothing: when there is something at newPath, it fails with fs.ErrExist. After a crash a file may be
	// at both paths, and then RenameNew ends that.
	RenameNew(oldPath, newPath string) error
	Remove(path string) error
	// RemoveAll removes a file, or a folder with all that is in it; as much as it can besides an error. What is not there is
	// none, and a folder that takes long is ErrRefilled.
	RemoveAll(path string) error
	// SyncFolder puts the entries of a folder on the disk.
	SyncFolder(dir string) error
	// Chmod sets the mode of a file.
	Chmod(path string, mode fs.FileMode) error
	// Touch gives a file or folder another time of change, which takes no room on a full disk.
	Touch(path string) error
}

// removeFor is how long the removal of one folder may take: some millions of files are gone by then, and a lease lasts.
const removeFor = 30 * time.Second

// ErrRefilled is returned for a folder that is not empty after removeFor.
var ErrRefilled = fmt.Errorf("it is not empty after %s, so something may be filling it", removeFor)

// MostEntries is of how many entries of a folder a list is kept in memory. Whatever is taken from a folder makes place for
// the next ones; who has to know all says that there are too many.
const MostEntries = 200_000

// An osDisk is the file system of this machine. No operation follows a link in a path: services do not trust each other, and
// one that exchanges a folder for a link does not lead another one elsewhere.
type osDisk struct {
	// uid and gid are what new files get; -1 for this process's own.
	uid, gid int
}

func (osDisk) ReadFile(path string) ([]byte, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // It was only read.
	data, err := job.Read(f)
	if err != nil {
		return data, fmt.Errorf("reading %q: %w", path, err)
	}
	return data, nil
}

func (d osDisk) Temp(dir string, data []byte, sync bool) (path string, err error) {
	var f *os.File
	err = in(dir, func(dir string) (err error) {
		f, err = os.CreateTemp(dir, TempPrefix+"*")
		return err
	})
	if err != nil {
		return "", err
	}
	path = filepath.Join(dir, filepath.Base(f.Name()))
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(FileMode)
	}
	if err == nil && (d.uid >= 0 || d.gid >= 0) {
		err = f.Chown(d.uid, d.gid)
	}
	if err == nil && sync {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		if Local.Remove(path) != nil {
			return path, err
		}
		return "", err
	}
	return path, nil
}

func (osDisk) Touch(path string) error {
	return at(path, func(path string) error { return touch(path, time.Now()) })
}

func (osDisk) ReadDir(path string) ([]fs.DirEntry, error) { return readDir(path, MostEntries) }

func readDir(path string, most int) (entries []fs.DirEntry, err error) {
	err = in(path, func(path string) error {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }() // It was only read.
		entries, err = f.ReadDir(most)
		return ignoreEOF(err)
	})
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	for i, e := range entries {
		entries[i] = entry{e, path}
	}
	return entries, err
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// An entry is one that is looked at by its own path: that under which it was listed is gone.
type entry struct {
	fs.DirEntry
	dir string
}

func (e entry) Info() (fs.FileInfo, error) { return Local.Lstat(filepath.Join(e.dir, e.Name())) }

func (osDisk) Lstat(path string) (info fs.FileInfo, err error) {
	err = at(path, func(path string) (err error) {
		info, err = os.Lstat(path)
		return err
	})
	return info, err
}

func (osDisk) Mkdir(path string) error {
	return at(path, func(path string) error { return os.Mkdir(path, FolderMode) })
}

func (osDisk) Rename(oldPath, newPath string) error { return between(oldPath, newPath, os.Rename) }

func (osDisk) RenameNew(oldPath, newPath string) error {
	return between(oldPath, newPath, func(oldPath, newPath string) error { return rename(oldPath, newPath, renameExclusive, os.Link) })
}

func (osDisk) Remove(path string) error { return at(path, os.Remove) }

func (osDisk) Chmod(path string, mode fs.FileMode) error {
	return at(path, func(path string) error { return chmod(path, mode) })
}

func (osDisk) SyncFolder(dir string) error { return SyncFolder(dir) }

// A Placer does what this package is for on a Disk.
type Placer struct {
	Disk
	// Moved is told of a temporary file that is not where it was made, since its folder was moved meanwhile; nil for nobody.
	Moved func(temp string)
}

// Discard removes a temporary file that Temp made.
func (p Placer) Discard(temp string) {
	if err := p.Remove(temp); errors.Is(err, fs.ErrNotExist) && p.Moved != nil {
		p.Moved(temp)
	}
}

// making is Temp for what follows it: with an error, nothing is left.
func (p Placer) making(dir string, data []byte, sync bool) (string, error) {
	temp, err := p.Temp(dir, data, sync)
	if err != nil && temp != "" {
		p.Discard(temp)
	}
	return temp, err
}

// WriteDurable writes data to path whole: a reader sees the old content or the new one, also
// after a power cut. What is written is on the disk before it gets its name, and the name before
// it returns.
func (p Placer) WriteDurable(path string, data []byte) error {
	if err := p.write(path, data, true); err != nil {
		return err
	}
	return p.SyncFolder(filepath.Dir(path))
}

// WriteWhole writes data to path so that no running program ever reads half of it. It does
// not wait for the disk: it is for files that are not needed after a crash, such as progress.
func (p Placer) WriteWhole(path string, data []byte) error { return p.write(path, data, false) }

// write fills a temporary file beside path and renames it to path. It leaves nothing behind
// when it fails, and its error names path alone: the temporary name would be another one each
// time.
func (p Placer) write(path string, data []byte, sync bool) error {
	temp, err := p.making(filepath.Dir(path), data, sync)
	if err == nil {
		if err = p.Rename(temp, path); err != nil {
			p.Discard(temp)
		}
	}
	if err != nil {
		return fmt.Errorf("writing %q: %w", path, plain(err))
	}
	return nil
}

// Has reports whether there is an entry of any kind at path. Links are not followed. Unlike
// Exists, it reports an error if it cannot find out: for callers that delete or
// give up something because of the answer.
func (p Placer) Has(path string) (bool, error) {
	_, err := p.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Taken reports whether there is something else at path than src, which may have that name besides its own: see RenameNew.
func (p Placer) Taken(src, path string) (bool, error) {
	there, err := p.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil || !there.Mode().IsRegular() {
		return err == nil, err
	}
	mine, err := p.Lstat(src)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	return err == nil && !os.SameFile(mine, there), err
}

// Put moves src into the folder dir under the first free name of names and returns it.
//
// announce, when not nil, is called with each name before it is tried, so that the caller can
// record where src is about to go: after a crash it then knows whether src has arrived. The
// move has reached the disk when Put returns nil. src must be on the file system of dir.
func (p Placer) Put(src, dir string, names Naming, announce func(name string) error) (string, error) {
	name, err := FirstFree(names, func(name string) (bool, error) {
		if taken, err := p.Taken(src, filepath.Join(dir, name)); taken || err != nil {
			return false, err
		}
		if announce != nil {
			if err := announce(name); err != nil {
				return false, err
			}
		}
		err := p.RenameNew(src, filepath.Join(dir, name))
		if errors.Is(err, fs.ErrExist) {
			return false, nil
		}
		return err == nil, Explain(err)
	})
	if err != nil {
		return "", fmt.Errorf("moving %q to %q: %w", src, dir, err)
	}
	return name, errors.Join(p.SyncFolder(dir), p.SyncFolder(filepath.Dir(src)))
}

// PutText makes a file with this text at path, which never replaces another one: when there
// is something else at path, the error is fs.ErrExist. A file with exactly this text counts
// as made, so that the caller may repeat the call after a crash.
//
// scratch is a folder of the caller's own on the same file system, for the temporary file:
// people never see that in the folder of path, whatever happens.
func (p Placer) PutText(path, text, scratch string) error {
	mine, err := p.holds(path, text)
	if mine {
		return nil
	}
	if taken, hasErr := p.Has(path); taken || err != nil || hasErr != nil {
		return fmt.Errorf("writing %q: %w", path, cmp.Or(err, hasErr, fs.ErrExist))
	}
	temp, err := p.making(scratch, []byte(text), true)
	if err != nil {
		return fmt.Errorf("writing %q: %w", path, plain(err))
	}
	if err := p.RenameNew(temp, path); err != nil {
		p.Discard(temp)
		return fmt.Errorf("writing %q: %w", path, err)
	}
	return p.SyncFolder(filepath.Dir(path))
}

// holds reports whether path is a regular file with this text. It opens nothing else: people
// can put a FIFO there, and reading that would wait for ever. What this user may not read is none.
func (p Placer) holds(path, text string) (bool, error) {
	info, err := p.Lstat(path)
	if err == nil && (!info.Mode().IsRegular() || info.Size() != int64(len(text))) {
		return false, nil
	}
	var data []byte
	if err == nil {
		data, err = p.ReadFile(path)
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return false, nil
	}
	return err == nil && string(data) == text, err
}
