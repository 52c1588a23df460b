//go:build mage

// A song in, stems out, and nobody is root. "mage -h TARGET" explains a target of this
// list and its flags; "mage setup up" starts from nothing.
package main

import (
	"path/filepath"
	"runtime"
)

// Aliases are the hyphenated spellings of targets whose names have two words.
var Aliases = map[string]any{ //nolint:gochecknoglobals // how Mage finds aliases
	"demucs-cache":      DemucsCache,
	"reset-permissions": ResetPermissions,
}

// home is the folder of this checkout, which is another one than the project's under
// "mage -w OTHER".
func home() string {
	_, file, _, _ := runtime.Caller(0)
	if !filepath.IsAbs(file) { // compiled with -trimpath: the working folder is the best guess
		return "."
	}
	return filepath.Dir(filepath.Dir(file))
}

// value returns what a flag was set to, or the zero value where it was not given.
func value[T any](flag *T) T {
	var zero T
	if flag == nil {
		return zero
	}
	return *flag
}

// or returns what a flag was set to, or its default.
func or[T any](flag *T, otherwise T) T {
	if flag == nil {
		return otherwise
	}
	return *flag
}
