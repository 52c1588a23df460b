package model

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/im2-audio/im2/internal/exit"
)

// The disk fills up while the model is downloaded, or unpacked. The space is not asked for
// beforehand here, as when another program takes it meanwhile.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ size, part int }{
		"downloading": {180_000, 0},
		"unpacking":   {450_000, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			err := unix.Mount("tmpfs", f.Dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0755", c.size))
			if err != nil {
				t.Skipf("LEFT OUT: a disk that fills up, because a small one cannot be mounted: %v", err)
			}
			t.Cleanup(func() {
				if err := unix.Unmount(f.Dir, 0); err != nil {
					t.Error(err)
				}
			})
			err = f.fails(exit.Failed)
			for _, want := range []string{"no space left on device", "are needed and how much is free cannot be told", "make room"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q, want %q", err, want)
				}
			}
			info, err := os.Lstat(f.path(".test.onnx.tgz.part"))
			if err != nil || info.Size() == 0 || (info.Size() == f.artifact.TarballSize) != (c.part == 1) {
				t.Errorf("the part: %v, %v", info, err)
			}
			// With room, it goes on with what was kept.
			if err := unix.Mount("tmpfs", f.Dir, "tmpfs", unix.MS_REMOUNT, "size=4m"); err != nil {
				t.Fatal(err)
			}
			if got := f.fetched(); got.Received >= f.artifact.TarballSize {
				t.Errorf("received %d bytes", got.Received)
			}
		})
	}
}
