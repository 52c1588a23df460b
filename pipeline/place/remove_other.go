//go:build !linux

package place

import "os"

func (osDisk) RemoveAll(path string) error { return os.RemoveAll(path) }

// RemoveAllIn is RemoveAll for the entry name of root.
func RemoveAllIn(root *os.Root, name string) error { return root.RemoveAll(name) }
