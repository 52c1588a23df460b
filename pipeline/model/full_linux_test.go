package model

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/im2-audio/im2/internal/exit"
)

// The disk fills up while the model is downloaded, unpacked or prepared. The space is not asked
// for beforehand here, as when another program takes it meanwhile.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		size  int
		cache bool
		kept  []string
	}{
		"downloading": {180_000, false, []string{"lock", "test.onnx.tgz.part"}},
		"unpacking":   {450_000, false, []string{"lock", "test.onnx.tgz.part"}},
		"preparing":   {50_000, true, []string{"lock", "test.onnx"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			dir := f.Stores[0]
			if c.cache {
				dir = f.Dir
			}
			if err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0755", c.size)); err != nil {
				t.Skipf("LEFT OUT: a disk that fills up, because a small one cannot be mounted: %v", err)
			}
			t.Cleanup(func() {
				if err := unix.Unmount(dir, 0); err != nil {
					t.Error(err)
				}
			})
			err := f.fails(exit.Failed)
			for _, want := range []string{"no space left on device", "are needed and the free space is unknown", "make room"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q, want %q", err, want)
				}
			}
			f.has(f.Stores[0], c.kept...)
			// With room, it goes on with what was kept.
			if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_REMOUNT, "size=4m"); err != nil {
				t.Fatal(err)
			}
			if got := f.fetched(); got.Received >= f.artifact.TarballSize {
				t.Errorf("received %d bytes", got.Received)
			}
		})
	}
}
