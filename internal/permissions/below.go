package permissions

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/project"
)

// errOutside is returned for a folder that is not in the data folder.
var errOutside = errors.New("it is not in the data folder")

// Below returns the folder that a user named as a path relative to the data folder. The
// user may name it by an absolute path, as seen from the folder that the user is in
// (pipeline-data/output), or as seen from the data folder (output). What is not in the
// data folder, also by way of a link, is refused with exit.Unusable, and so is what is no
// folder.
func Below(from, data, named string) (string, error) {
	if _, err := isFolder(data); err != nil {
		return "", err
	}
	if named == "" {
		return ".", nil
	}
	below, err := resolve(from, data, named)
	if errors.Is(err, fs.ErrNotExist) {
		return "", exit.Errorf(exit.Unusable, "-path=%s: there is no such folder in %s", named, data)
	}
	if err != nil {
		return "", exit.Errorf(exit.Unusable, "-path=%s: %w (%s)", named, err, data)
	}
	return below, nil
}

func resolve(from, data, named string) (string, error) {
	path := named
	if !filepath.IsAbs(named) {
		if resolved, err := filepath.EvalSymlinks(from); err == nil { // as data is
			from = resolved
		}
		path = filepath.Join(from, named)
		if _, ok := project.Inside(data, path); !ok && !strings.Contains(named, "..") { // "x/.." is outside, not data
			path = filepath.Join(data, named)
		}
	}
	if _, ok := project.Inside(data, path); !ok {
		return "", errOutside
	}
	realData, err := filepath.EvalSymlinks(data)
	if err != nil {
		return "", err
	}
	realPath, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", err
	}
	below, ok := project.Inside(realData, realPath)
	if !ok {
		return "", errOutside
	}
	info, err := os.Stat(realPath)
	if err != nil {
		return "", err
	}
	if !info.IsDir() {
		return "", errors.New("it is not a folder")
	}
	return below, nil
}
