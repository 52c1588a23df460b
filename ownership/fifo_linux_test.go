package ownership

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/im2-audio/im2/pipeline/place/placetest"
)

func TestAFIFOInPlaceOfAFolderIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, "input"), 0o700); err != nil {
		t.Fatal(err)
	}
	placetest.OpensNoFIFO(t, filepath.Join(folder, "input"), func() error {
		below, err := openBelow(folder, "input")
		if err == nil {
			err = below.Close()
		}
		return err
	})
}
