package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

// ToolsFolder is where "mage setup" puts the plugins that it builds.
func ToolsFolder(home string) string { return filepath.Join(home, ".im2", "tools") }

// UserFolder takes the place of .im2 in the checkout home for a user who may not write
// there, such as one who works with root's checkout: a folder of that checkout's own in
// the user's cache. It is "" where environ names no place for one.
func UserFolder(home string, environ []string) string {
	var cache string
	switch {
	case lookup(environ, "XDG_CACHE_HOME") != "":
		cache = lookup(environ, "XDG_CACHE_HOME")
	case runtime.GOOS == "windows":
		cache = lookup(environ, "LOCALAPPDATA")
	case lookup(environ, "HOME") != "":
		cache = filepath.Join(lookup(environ, "HOME"), ".cache")
	}
	if !filepath.IsAbs(cache) {
		return ""
	}
	sum := sha256.Sum256([]byte(home))
	return filepath.Join(cache, "im2", hex.EncodeToString(sum[:4]))
}

// Unwritable reports whether err means that this user may not write at a place, so that
// UserFolder is the one to use.
func Unwritable(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)
}

func ownPlugins(home string, environ []string) []string {
	folders := []string{ToolsFolder(home)}
	if user := UserFolder(home, environ); user != "" {
		folders = append(folders, filepath.Join(user, "tools"))
	}
	var found []string
	for _, folder := range folders {
		entries, err := os.ReadDir(folder)
		if err != nil {
			continue // nothing was built there
		}
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), "docker-") {
				found = append(found, filepath.Join(folder, e.Name()))
			}
		}
	}
	return found
}

func lookup(environ []string, name string) string {
	var value string
	for _, entry := range environ {
		if v, ok := strings.CutPrefix(entry, name+"="); ok {
			value = v
		}
	}
	return value
}
