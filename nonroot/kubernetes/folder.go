package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
)

// Limits on what is read of a folder.
const (
	maxFiles = 5_000
	maxBytes = 16 << 20 // of all files together
)

// ErrTooMuch is returned for a folder with more than anybody keeps as manifests.
var ErrTooMuch = fmt.Errorf("more than %d files, or %d MiB, end in .yaml, .yml or .json", maxFiles, maxBytes>>20)

// ErrNone is returned for a folder without a file to read.
var ErrNone = errors.New("no file in it ends in .yaml, .yml or .json")

// file is a manifest.
type file struct {
	name string // with slashes, below the folder
	text []byte
}

// readFolder reads all manifests below a folder. Links are skipped, so that what is read is in the folder.
func readFolder(ctx context.Context, folder string) (files []file, err error) {
	root, err := os.OpenRoot(folder + "/.") // a FIFO in its place would be waited for
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }() // it was only read
	left := maxBytes
	err = fs.WalkDir(root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case e.IsDir() && name != "." && strings.HasPrefix(e.Name(), "."): // .git
			return fs.SkipDir
		case !e.Type().IsRegular() || !slices.Contains([]string{".yaml", ".yml", ".json"}, strings.ToLower(path.Ext(name))):
			return nil
		case len(files) == maxFiles:
			return ErrTooMuch
		}
		text, err := readFile(root, name, left)
		left -= len(text)
		files = append(files, file{name, text})
		return err
	})
	if err == nil && len(files) == 0 {
		err = ErrNone
	}
	return files, err
}

// readFile reads up to so many bytes of a regular file.
func readFile(root *os.Root, name string, most int) ([]byte, error) {
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) // it may have become a FIFO
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, int64(most)+1))
	if err == nil && len(text) > most {
		err = ErrTooMuch
	}
	return text, err
}
