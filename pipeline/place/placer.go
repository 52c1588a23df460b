package place

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// A Placer does what this package is for on a Disk.
type Placer struct{ Disk }

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
	temp, err := p.Temp(filepath.Dir(path), data, sync)
	if err == nil {
		if err = p.Rename(temp, path); err != nil {
			_ = p.Remove(temp)
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

// Put moves src into the folder dir under the first free name of names and returns it.
//
// announce, when not nil, is called with each name before it is tried, so that the caller can
// record where src is about to go: after a crash it then knows whether src has arrived. The
// move has reached the disk when Put returns nil. src must be on the file system of dir.
func (p Placer) Put(src, dir string, names Naming, announce func(name string) error) (string, error) {
	name, err := FirstFree(names, func(name string) (bool, error) {
		if taken, err := p.Has(filepath.Join(dir, name)); taken || err != nil {
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
	if p.holds(path, text) {
		return nil
	}
	if taken, err := p.Has(path); taken || err != nil {
		return fmt.Errorf("writing %q: %w", path, cmp.Or(err, fs.ErrExist))
	}
	temp, err := p.Temp(scratch, []byte(text), true)
	if err != nil {
		return fmt.Errorf("writing %q: %w", path, plain(err))
	}
	if err := p.RenameNew(temp, path); err != nil {
		_ = p.Remove(temp)
		return fmt.Errorf("writing %q: %w", path, err)
	}
	return p.SyncFolder(filepath.Dir(path))
}

// holds reports whether path is a regular file with this text. It opens nothing else: people
// can put a FIFO there, and reading that would wait for ever.
func (p Placer) holds(path, text string) bool {
	info, err := p.Lstat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() != int64(len(text)) {
		return false
	}
	data, err := p.ReadFile(path)
	return err == nil && string(data) == text
}
