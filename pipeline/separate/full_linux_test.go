package separate

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/pipeline/handover"
	"github.com/im2-audio/im2/pipeline/place"
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

// A song for which there is no room is refused before the disk is full, also one that is nothing but a hole.
func TestASongWithoutRoomIsNotCopied(t *testing.T) {
	t.Parallel()
	s := newTry(t, newData(t), "song.mp3")
	if err := os.Truncate(s.File, 1<<40); err != nil {
		t.Fatal(err)
	}
	input := filepath.Join(s.Data, "input")
	if err := unix.Mount("tmpfs", input, "tmpfs", 0, "size=16m"); err != nil {
		t.Skipf("LEFT OUT: a disk that fills up, because a small one cannot be mounted: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(input, 0); err != nil {
			t.Error(err)
		}
	})
	read := int64(0)
	put := s.Put
	s.Put = func(ctx context.Context, data string, song handover.Song, content func() io.Reader) (handover.Placed, error) {
		return put(ctx, data, song, func() io.Reader { return place.Reader(ctx, content(), func(n int) { read += int64(n) }) })
	}
	s.fails(t, exit.Failed, "no space left: 1.1 TB are needed")
	if read > 0 {
		t.Errorf("%d bytes were copied", read)
	}
}
