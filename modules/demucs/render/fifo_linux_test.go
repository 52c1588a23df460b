package render

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

// A FIFO in place of a raw stem keeps nobody waiting.
func TestAFifoIsNoStem(t *testing.T) {
	t.Parallel()
	job := put(t, newSong(1000), wave(options.Options{}))
	name := filepath.Join(job.Work.Name(), job.Raw, "bass.f32")
	spooltest.Must(t, os.Remove(name))
	spooltest.Must(t, unix.Mkfifo(name, 0o644))
	var fault *FaultError
	if _, err := Render(t.Context(), job); !errors.As(err, &fault) {
		t.Errorf("Render = %v; want a fault", err)
	}
}
