// Package targets has Mage targets for any Compose project: build it, start it, prove that nothing in
// it runs as root, and keep the owners of its data folder right. A magefile imports them:
//
//	//go:build mage
//
//	package main
//
//	import (
//		// mage:import
//		_ "github.com/im2-audio/im2/targets"
//	)
//
// "// mage:import im2" puts a name in front of each: mage im2:build. docs/import.md tells more.
//
// Each target works on the project in the working folder. It ends the process with these codes: 1
// the work failed or a check found something, 2 wrong use or settings that cannot be used (nothing
// was changed), 3 something outside is missing, 130 interrupted.
package targets

// value returns what a flag was set to, or the zero value where it was not given.
func value[T any](flag *T) T {
	var zero T
	return or(flag, zero)
}

// or returns what a flag was set to, or its default.
func or[T any](flag *T, otherwise T) T {
	if flag == nil {
		return otherwise
	}
	return *flag
}
