package verify

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/im2-audio/im2/pipeline/place/placetest"
)

func TestAFIFOInPlaceOfAFolderIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	p := &prover{data: t.TempDir()}
	part := filepath.Join(p.data, "input")
	if err := os.Mkdir(part, 0o700); err != nil {
		t.Fatal(err)
	}
	placetest.OpensNoFIFO(t, part, func() error { return p.clear(part) })
}
