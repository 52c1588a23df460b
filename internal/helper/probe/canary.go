package probe

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// inFolder is the name of the file in a canary's folder.
const inFolder = "file"

// canaryRead is how much of a canary is read: its text is its name.
const canaryRead = 256

// FolderOf is the name of the folder that belongs to a canary file.
func FolderOf(name string) string { return name + ".folder" }

// Result is what became of a canary in one folder.
type Result struct {
	// Part is the folder.
	Part string `json:"part"`
	// Failed says why it could not be made or taken; "" if it could.
	Failed string `json:"failed,omitempty"`
	// Missing says that there is no such folder.
	Missing bool `json:"missing,omitempty"`
}

// errExchanged is returned for what is not, or no longer, what was made.
var errExchanged = errors.New("another program exchanged it")

// Leave makes a canary of that name in each folder of a mount: a file, and a folder with a file in it, with the modes
// that a program without wishes would ask for. parts are relative to the mount.
//
// Whoever else works in the mount can exchange what is in it at any moment. So nothing is used by its path: each folder
// is opened once, no link is followed, and what is made is new.
func Leave(mount, name string, parts []string) ([]Result, error) {
	return inEach(mount, parts, func(dir *os.Root) error {
		if err := create(dir, name, name); err != nil {
			return err
		}
		if err := dir.Mkdir(FolderOf(name), 0o777); err != nil { // what the umask leaves of it is the question
			return err
		}
		folder, err := openDir(dir, FolderOf(name))
		if err != nil {
			return err
		}
		defer func() { _ = folder.Close() }() // only read
		return create(folder, inFolder, name)
	})
}

// Take renames what Leave made in each folder, and removes it: the file, the file in the folder, the folder. What
// another program put in its place stays.
func Take(mount, name string, parts []string) ([]Result, error) {
	taken := name + ".taken"
	return inEach(mount, parts, func(dir *os.Root) error {
		if err := errors.Join(dir.Rename(name, taken), dir.Rename(FolderOf(name), FolderOf(taken))); err != nil {
			return err
		}
		if err := removeMade(dir, taken); err != nil {
			return err
		}
		folder, err := openDir(dir, FolderOf(taken))
		if err != nil {
			return err
		}
		err = removeMade(folder, inFolder)
		_ = folder.Close() // only read
		if err != nil {
			return err
		}
		return dir.Remove(FolderOf(taken)) // a folder with anything else in it stays
	})
}

// Clear removes everything in folders of a mount that has our name. It goes on after an error.
func Clear(mount string, parts []string) error {
	results, err := inEach(mount, parts, ClearIn)
	for _, r := range results {
		if r.Failed != "" && !r.Missing {
			err = errors.Join(err, fmt.Errorf("clearing %s: %s", r.Part, r.Failed))
		}
	}
	return err
}

// ClearIn removes everything in a folder that has our name. Of a folder with such a name only what Leave made goes:
// services can give that name to a folder of others.
func ClearIn(root *os.Root) error {
	listing, err := root.Open(".")
	if err != nil {
		return err
	}
	defer func() { _ = listing.Close() }() // only read
	for {
		names, end := listing.Readdirnames(1000)
		for _, name := range names {
			if strings.HasPrefix(name, Prefix) {
				err = errors.Join(err, clearOne(root, name))
			}
		}
		if errors.Is(end, io.EOF) {
			return err
		}
		if end != nil {
			return errors.Join(err, end)
		}
	}
}

func clearOne(root *os.Root, name string) error {
	if folder, err := openDir(root, name); err == nil {
		_ = removeMade(folder, inFolder) // The folder stays then, which says more.
		_ = folder.Close()               // only read
	}
	if err := root.Remove(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// inEach does something in each folder of a mount.
func inEach(mount string, parts []string, do func(*os.Root) error) ([]Result, error) {
	root, err := os.OpenRoot(mount + "/.") // of a FIFO that is mounted, there is no such name
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }() // only read
	var all []Result
	for _, part := range parts {
		r := Result{Part: part}
		dir, err := openDir(root, part)
		if err == nil {
			err = do(dir)
			_ = dir.Close() // only read
		} else {
			r.Missing = errors.Is(err, fs.ErrNotExist)
		}
		if err != nil {
			r.Failed = err.Error()
		}
		all = append(all, r)
	}
	return all, nil
}

// openDir opens a folder below another one. It is none of a link: [os.Root] follows those that lead to somewhere in it.
func openDir(root *os.Root, path string) (*os.Root, error) {
	at, err := root.OpenRoot(".")
	if err != nil {
		return nil, err
	}
	for _, name := range strings.Split(filepath.ToSlash(filepath.Clean(path)), "/") {
		next, err := openNext(at, name)
		_ = at.Close() // only read
		if err != nil {
			return nil, err
		}
		at = next
	}
	return at, nil
}

func openNext(at *os.Root, name string) (*os.Root, error) {
	before, err := at.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !before.IsDir() {
		return nil, fmt.Errorf("opening %s: it is no folder", name)
	}
	next, err := at.OpenRoot(name + "/.") // of a FIFO that took its place, there is no such name
	if err != nil {
		return nil, err
	}
	if opened, err := next.Stat("."); err != nil || !os.SameFile(before, opened) {
		_ = next.Close() // only read
		return nil, fmt.Errorf("opening %s: %w", name, errors.Join(errExchanged, err))
	}
	return next, nil
}

// create makes a file that is new: with O_EXCL no link is followed.
func create(dir *os.Root, name, text string) error {
	f, err := dir.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666) // what the umask leaves of it is the question
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// removeMade removes a file if it is one that create made for a canary, which its text says.
func removeMade(dir *os.Root, name string) error {
	info, err := dir.Lstat(name)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || info.Size() > canaryRead {
		return fmt.Errorf("removing %s: %w", name, errExchanged)
	}
	f, err := dir.OpenFile(name, os.O_RDONLY|nonBlocking, 0)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(io.LimitReader(f, canaryRead))
	opened, statErr := f.Stat()
	if err = errors.Join(err, statErr, f.Close()); err != nil {
		return err
	}
	if !os.SameFile(info, opened) || !strings.HasPrefix(string(text), Prefix) {
		return fmt.Errorf("removing %s: %w", name, errExchanged)
	}
	return dir.Remove(name)
}
