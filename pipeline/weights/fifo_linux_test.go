package weights

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/im2-audio/im2/pipeline/place/placetest"
)

func TestAFIFOInPlaceOfAModelIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cache, err := os.OpenRoot(dir)
	if err := errors.Join(err, os.Mkdir(filepath.Join(dir, "m-fp32"), 0o700)); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cache.Close() }() // It is only read.
	placetest.OpensNoFIFO(t, filepath.Join(dir, "m-fp32"), func() error {
		folder, err := OpenFolder(cache, "m-fp32")
		if err == nil {
			err = folder.Close()
		}
		return err
	})
}
