package place

import (
	"os"
	"path/filepath"
	"time"
)

// leftoverAge is how old something must be to be taken for what a crash left: no write, no
// reservation and no copy into the input folder is under way for so long.
const leftoverAge = 24 * time.Hour

// Sweep removes from the folder dir what crashes left there: entries whose name matches one of
// the patterns (see filepath.Match) and that nobody has touched for a day. Folders are removed
// only when they are empty. It does what it can: leftovers do no harm but to take room.
func Sweep(dir string, patterns ...string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, entry := range entries {
		if !matchesAny(entry.Name(), patterns) {
			continue
		}
		info, err := entry.Info()
		if err == nil && time.Since(info.ModTime()) > leftoverAge {
			_ = os.Remove(filepath.Join(dir, entry.Name()))
		}
	}
}

func matchesAny(name string, patterns []string) bool {
	for _, pattern := range patterns {
		if ok, err := filepath.Match(pattern, name); ok && err == nil {
			return true
		}
	}
	return false
}
