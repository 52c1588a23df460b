//go:build !linux

package bench

// fileSystem is not asked for where the bench does not run.
func fileSystem(string) string { return "unknown" }

// busy is not asked for where the bench does not run.
func busy() float64 { return 0 }

// settle has nothing to do where the bench does not run.
func settle(string) {}
