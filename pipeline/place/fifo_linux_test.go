package place

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/im2-audio/im2/pipeline/place/placetest"
)

func TestAFIFOInPlaceOfAFolderIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	closed := func(root *os.Root, err error) error {
		if err == nil {
			err = root.Close()
		}
		return err
	}
	for name, open := range map[string]func(data string, root *os.Root) error{
		"OpenRoot":     func(data string, _ *os.Root) error { return closed(OpenRoot(data, "a")) },
		"OpenFolderIn": func(_ string, root *os.Root) error { return closed(OpenFolderIn(root, "a")) },
		"openNew":      func(_ string, root *os.Root) error { return closed(openNew(root, "a")) },
		"SyncIn":       func(_ string, root *os.Root) error { return SyncIn(root, "a") },
		"OpenFolder":   func(data string, _ *os.Root) error { return closed(OpenFolder(filepath.Join(data, "a"))) },
		"ReadDir":      func(data string, _ *os.Root) error { _, err := Local.ReadDir(filepath.Join(data, "a")); return err },
		"SyncFolder":   func(data string, _ *os.Root) error { return SyncFolder(filepath.Join(data, "a")) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := t.TempDir()
			root, err := os.OpenRoot(data)
			if err := errors.Join(err, os.Mkdir(filepath.Join(data, "a"), 0o700)); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = root.Close() }() // only read
			placetest.OpensNoFIFO(t, filepath.Join(data, "a"), func() error { return open(data, root) })
		})
	}
}
