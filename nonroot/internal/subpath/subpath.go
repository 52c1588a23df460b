// Package subpath tells what is in a folder by its path alone: links are not followed.
package subpath

import "path/filepath"

// Rel returns path relative to folder, and whether it is the folder or below it.
func Rel(folder, path string) (string, bool) {
	rel, err := filepath.Rel(folder, path)
	return rel, err == nil && filepath.IsLocal(rel)
}

// In reports whether path is the folder or below it.
func In(folder, path string) bool {
	_, is := Rel(folder, path)
	return is
}
