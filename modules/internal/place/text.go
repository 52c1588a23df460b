package place

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// PutText makes a file with this text at path, which never replaces another one: when there
// is something else at path, the error is fs.ErrExist. A file with exactly this text counts
// as made, so that the caller may repeat the call after a crash.
//
// scratch is a folder of the caller's own on the same file system, for the temporary file:
// people never see that in the folder of path, whatever happens.
func PutText(path, text, scratch string) error {
	if holds(path, text) {
		return nil
	}
	if Exists(path) {
		return fmt.Errorf("writing %q: %w", path, fs.ErrExist)
	}
	temp := filepath.Join(scratch, TempPrefix+"text")
	if err := WriteDurable(temp, []byte(text)); err != nil {
		return err
	}
	if err := Rename(temp, path); err != nil {
		_ = os.Remove(temp)
		return fmt.Errorf("writing %q: %w", path, err)
	}
	return SyncFolder(filepath.Dir(path))
}

// holds reports whether path is a regular file with this text. It opens nothing else: people
// can put a FIFO there, and reading that would wait for ever.
func holds(path, text string) bool {
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() != int64(len(text)) {
		return false
	}
	data, err := os.ReadFile(path) //nolint:gosec // G304: the caller chose the path, and it was looked at above.
	return err == nil && string(data) == text
}
