//go:build !linux && !darwin

package place

// Free cannot tell here; the services run on Linux.
func Free(string) (int64, bool) { return 0, false }

// Size cannot tell here either.
func Size(string) (int64, bool) { return 0, false }
