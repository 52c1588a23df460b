//go:build !linux

package bench

// fileSystem is not asked for where the bench does not run.
func fileSystem(string) string { return "unknown" }

// settle has nothing to do where the bench does not run.
func settle(string) {}
