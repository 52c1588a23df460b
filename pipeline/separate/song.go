package separate

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/pipeline/job"
)

// openSong opens the file that the user named. A link is followed: it is the user's own.
func openSong(path, data string) (*os.File, error) {
	info, err := os.Stat(path)
	if err == nil {
		err = suits(info)
	}
	if err == nil && inInput(path, data) {
		return nil, exit.Errorf(exit.Unusable,
			`reading the song %q: it lies in the pipeline's input already, which takes it from there: "mage status" shows how far it is`, path)
	}
	if err != nil {
		return nil, unreadable(path, err)
	}
	// Without O_NONBLOCK, a FIFO put there since would be waited for, for ever.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) //nolint:gosec // reading what the user names is its purpose
	if err != nil {
		return nil, unreadable(path, err)
	}
	info, err = f.Stat()
	if err == nil {
		err = suits(info)
	}
	if err != nil {
		_ = f.Close()
		return nil, unreadable(path, err)
	}
	return f, nil
}

// suits says what is wrong with what is to be a song; the pipeline judges its content.
func suits(info fs.FileInfo) error {
	switch {
	case info.IsDir():
		return errors.New("it is a folder; give one file")
	case !info.Mode().IsRegular():
		return errors.New("it is a device, a pipe or a socket; give a file")
	case info.Size() == 0:
		return errors.New("it is empty; if it is still being copied, wait until that is done")
	}
	return nil
}

func unreadable(path string, err error) error {
	var failed *fs.PathError
	switch {
	case path == "":
		return exit.Fixable(exit.Unusable, exit.Fix{Type: "mage separate FILE", Note: "takes one"}, `reading the song: no file was named`)
	case errors.Is(err, fs.ErrNotExist):
		return exit.Errorf(exit.Unusable, "reading the song %q: %w; check the name, and that it is relative to this folder", path, fs.ErrNotExist)
	case errors.Is(err, fs.ErrPermission):
		return exit.Fixable(exit.Unusable, exit.Fix{Type: "ls -l", Note: "shows who may"}, `reading the song %q: %w`, path, fs.ErrPermission)
	case errors.As(err, &failed):
		err = failed.Err // The path is told once.
	}
	return exit.Errorf(exit.Unusable, "reading the song %q: %w", path, err)
}

// inInput reports whether the file lies where the pipeline takes files from.
func inInput(path, data string) bool {
	folder, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return false
	}
	input, err := os.Stat(filepath.Join(data, job.InputFolder))
	return err == nil && os.SameFile(folder, input)
}
