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

	"github.com/im2-audio/im2/internal/run"
)

// ToolsFolder is where "mage setup" puts the plugins that it builds.
func ToolsFolder(home string) string { return filepath.Join(home, ".im2", "tools") }

// UserFolder takes the place of .im2 in the checkout home for a user who may not write
// there, such as one who works with root's checkout: a folder of that checkout's own in
// the user's cache. It is "" where environ names no place for one.
func UserFolder(home string, environ []string) string {
	cache := run.Getenv(environ, "XDG_CACHE_HOME")
	switch home := run.Getenv(environ, "HOME"); {
	case cache != "":
	case runtime.GOOS == "windows":
		cache = run.Getenv(environ, "LOCALAPPDATA")
	case home != "":
		cache = filepath.Join(home, ".cache")
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
