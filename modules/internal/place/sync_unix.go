//go:build unix

package place

import "os"

func syncFolder(dir string) error {
	f, err := os.Open(dir) //nolint:gosec // G304: the callers pass folders that they made themselves.
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	return f.Sync()
}
