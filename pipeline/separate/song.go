package separate

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/safetext"
	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/title"
)

// openSong opens the file that the user named. A link is followed: it is the user's own.
func openSong(path, data string) (*os.File, error) {
	info, err := os.Stat(path)
	if err == nil {
		err = suits(info)
	}
	if err == nil && inInput(path, data) {
		return nil, exit.Errorf(exit.Unusable,
			`reading the song %q: it is already in the pipeline's input, which takes it from there: "mage status" shows how far it is`, path)
	}
	if err != nil {
		return nil, unreadable(path, err)
	}
	// Without O_NONBLOCK, a FIFO put there since would be waited for, for ever.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
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
		err = failed.Err // The path is in the message already.
	}
	return exit.Errorf(exit.Unusable, "reading the song %q: %w", path, err)
}

// inInput reports whether the file is in the pipeline's input folder.
func inInput(path, data string) bool {
	folder, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return false
	}
	input, err := os.Stat(filepath.Join(data, job.InputFolder))
	return err == nil && os.SameFile(folder, input)
}

const (
	// longestShown is how many characters of a name a progress line has room for.
	longestShown = 40
	// nameless is the name of a song that has none but dots.
	nameless = "track"
)

// inputName is the name that the song gets in the input folder: its own, without what
// would make the watcher take it for one that is still being written (a dot at the
// beginning, or the extension of a download).
func inputName(path string) string {
	name := strings.TrimLeft(filepath.Base(path), ".")
	for title.Unfinished(name) {
		name = strings.TrimSuffix(name, filepath.Ext(name))
	}
	if name == "" {
		return nameless
	}
	return name
}

// shown is a name on a line of its own or in a progress line: short, and in quotes where
// it would otherwise break the line or disturb the terminal.
func shown(name string) string {
	if runes := []rune(name); utf8.ValidString(name) && len(runes) > longestShown {
		name = string(runes[:longestShown-1]) + "…"
	}
	return safetext.Quoted(name)
}

// plain is text from a service for the end of an error: without what could disturb a
// terminal.
func plain(text string) string {
	const most = 2000
	return strings.TrimSpace(safetext.Line(title.Shorten(strings.ToValidUTF8(text, "?"), most)))
}
