package separate

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/im2-audio/im2/internal/exit"
)

func TestDiskFull(t *testing.T) {
	t.Parallel()
	s := newTry(t, newData(t), "song.mp3")
	if err := os.WriteFile(s.File, make([]byte, 100_000), 0o600); err != nil {
		t.Fatal(err)
	}
	input := filepath.Join(s.Data, "input")
	if err := unix.Mount("tmpfs", input, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("LEFT OUT: a disk that fills up, because a small one cannot be mounted: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(input, 0); err != nil {
			t.Error(err)
		}
	})
	s.fails(t, exit.Failed, "no space left: 100 kB are needed")
}
