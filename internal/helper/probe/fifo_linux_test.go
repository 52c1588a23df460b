package probe

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/im2-audio/im2/pipeline/place/placetest"
)

func TestAFIFOInPlaceOfAFolderIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	for _, part := range []string{".", "a"} { // the mount itself, and a folder in it
		t.Run(part, func(t *testing.T) {
			t.Parallel()
			mount := filepath.Join(t.TempDir(), "m")
			path := filepath.Join(mount, part)
			if err := os.MkdirAll(path, 0o700); err != nil {
				t.Fatal(err)
			}
			placetest.OpensNoFIFO(t, path, func() error {
				results, err := inEach(mount, []string{part}, func(*os.Root) error { return nil })
				if err == nil && results[0].Failed != "" {
					err = errors.New(results[0].Failed)
				}
				return err
			})
		})
	}
}
