package edit

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2/maybe"

	"github.com/im2-audio/im2/ownership"
)

// backups is how many files NAME.orig, NAME.orig.2 and so on one name may have.
const backups = 1000

// Save writes a file whole, with the mode and (where this user may) the owner it had. What
// was there before is kept beside it as NAME.orig, or NAME.orig.2 and so on: a backup is
// never written over, and one with the same text is not repeated; made says that it was not
// there before. A file that is new has none, and backup is "".
func Save(path string, text []byte) (backup string, made bool, err error) {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target // the file, not the link that leads to it
	}
	before, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = maybe.WriteFile(path, text, 0o644)
	case err == nil:
		if backup, made, err = keep(path, before); err == nil {
			return backup, made, Replace(path, text)
		}
	}
	if err != nil {
		err = fmt.Errorf("writing %s: %w", path, err)
	}
	return "", false, err
}

// Replace writes a file that is there whole, with the mode and owner it had, and keeps
// nothing of what was in it. A link stays one: the file is written that it leads to.
func Replace(path string, text []byte) error {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	info, err := os.Stat(path)
	if err == nil {
		err = maybe.WriteFile(path, text, info.Mode().Perm())
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	GiveLike(path, info)
	return nil
}

// GiveLike gives a file the owner of another where this user may: root who fixes a
// person's project must not take the file away. Otherwise the file is this user's.
func GiveLike(path string, info fs.FileInfo) {
	if owner, known := ownership.Of(info); known {
		_ = os.Lchown(path, int(owner.UID), int(owner.GID))
	}
}

func keep(path string, text []byte) (backup string, made bool, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", false, err
	}
	for n := 1; n <= backups; n++ {
		backup := path + ".orig"
		if n > 1 {
			backup = fmt.Sprintf("%s.orig.%d", path, n)
		}
		if there, err := os.ReadFile(backup); err == nil && bytes.Equal(there, text) {
			return backup, false, nil
		}
		f, err := os.OpenFile(backup, os.O_WRONLY|os.O_CREATE|os.O_EXCL, info.Mode().Perm())
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err == nil {
			_, err = f.Write(text)
			err = errors.Join(err, f.Sync(), f.Close())
		}
		if err != nil {
			return "", false, fmt.Errorf("keeping the old text: %w; nothing was changed", err)
		}
		GiveLike(backup, info)
		return backup, true, nil
	}
	return "", false, fmt.Errorf("there are %d backups already; remove some of %s.orig*", backups, path)
}
