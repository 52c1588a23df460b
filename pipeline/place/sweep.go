package place

import (
	"os"
	"path/filepath"
	"slices"
	"time"
)

// leftoverAge is how old something must be to be taken for what a crash left: no write, no
// reservation and no copy into the input folder is under way for so long.
const leftoverAge = 24 * time.Hour

// Sweep removes from the folder dir what crashes left there: entries whose name matches one of
// the patterns (see filepath.Match), as SweepIf does.
func Sweep(dir string, patterns ...string) {
	SweepIf(dir, func(name string) bool {
		return slices.ContainsFunc(patterns, func(pattern string) bool {
			ok, err := filepath.Match(pattern, name)
			return ok && err == nil
		})
	})
}

// SweepIf removes from the folder dir the entries whose name is a leftover's and that nobody has
// touched for a day. Folders are removed only when they are empty. It does what it can: leftovers do
// no harm but to take room.
func SweepIf(dir string, leftover func(name string) bool) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, entry := range entries {
		if !leftover(entry.Name()) {
			continue
		}
		info, err := entry.Info()
		if err == nil && time.Since(info.ModTime()) > leftoverAge {
			_ = os.Remove(filepath.Join(dir, entry.Name()))
		}
	}
}
