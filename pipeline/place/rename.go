package place

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// ClaimPrefix begins the names of reservations.
const ClaimPrefix = ".claim-"

// rename renames oldPath to newPath on the same file system and never replaces anything:
// when there is an entry at newPath already, the error is fs.ErrExist and nothing changed.
//
// On Linux this is one system call, exclusive. File systems that do not offer it (NFS, some shared
// folders) get the same promise among everyone who uses this function: a folder is renamed
// plainly, because rename(2) refuses to replace a folder that holds anything; a file gets its new name by link(2). A crash may
// leave it with both, and then this may be called again. Where it may have no second name, the
// new one is reserved first by making a hidden folder, which only one of several can make.
func rename(oldPath, newPath string, exclusive, link func(string, string) error) error {
	err := exclusive(oldPath, newPath)
	if err == nil || !notOffered(err) {
		return err
	}
	info, err := os.Lstat(oldPath)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return renameFolder(oldPath, newPath)
	}
	if info.Mode().IsRegular() {
		err := renameLinked(oldPath, newPath, link)
		if err == nil || errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return renameReserved(oldPath, newPath)
}

// renameLinked leaves newPath alone with an error, but for that of the removal of oldPath.
func renameLinked(oldPath, newPath string, link func(string, string) error) error {
	err := link(oldPath, newPath)
	if errors.Is(err, fs.ErrExist) && isFile(oldPath, newPath) {
		err = nil
	}
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("renaming %q to %q: %w", filepath.Base(oldPath), filepath.Base(newPath), fs.ErrExist)
	}
	if err != nil {
		return err
	}
	if err := os.Remove(oldPath); err != nil && !errors.Is(err, fs.ErrNotExist) { // A file server may have lost its first answer.
		return err
	}
	return nil
}

// isFile reports whether two paths are names of one regular file.
func isFile(path, other string) bool {
	a, err := Local.Lstat(path)
	b, otherErr := Local.Lstat(other)
	return err == nil && otherErr == nil && a.Mode().IsRegular() && os.SameFile(a, b)
}

// renameFolder relies on rename(2): it replaces an empty folder at most.
func renameFolder(oldPath, newPath string) error {
	err := os.Rename(oldPath, newPath)
	if errors.Is(err, fs.ErrExist) || errors.Is(err, syscall.ENOTDIR) { // ErrExist is ENOTEMPTY, too.
		return fmt.Errorf("renaming %q to %q: %w", filepath.Base(oldPath), filepath.Base(newPath), fs.ErrExist)
	}
	return err
}

// renameReserved renames a file while it holds the reservation of its new name. One that a crash
// left holds until it is swept, and its name counts as taken: how old it is does not tell whether
// somebody has it, who may have been stopped, or whose clock is another one.
func renameReserved(oldPath, newPath string) error {
	claim := claimPath(newPath)
	if err := os.Mkdir(claim, FolderMode); err != nil {
		return fmt.Errorf("reserving the name %q: %w", filepath.Base(newPath), err)
	}
	defer func() { _ = os.Remove(claim) }()
	_, err := os.Lstat(newPath)
	if err == nil {
		err = fs.ErrExist
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("renaming %q to %q: %w", filepath.Base(oldPath), filepath.Base(newPath), err)
	}
	return os.Rename(oldPath, newPath)
}

// claimPath is a short name, because the file's own name may be as long as allowed.
func claimPath(path string) string {
	sum := sha256.Sum256([]byte(filepath.Base(path)))
	return filepath.Join(filepath.Dir(path), ClaimPrefix+hex.EncodeToString(sum[:8]))
}
