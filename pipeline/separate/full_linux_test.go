package separate

import (
	"io"
	"os"
	"path/filepath"
	"strings"
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
	song, err := os.Open(s.File)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = song.Close() }()
	_, err = s.handOver(t.Context(), song)
	if err == nil || !strings.Contains(err.Error(), "no space left: 1.1 TB are needed") {
		t.Errorf("error = %v", err)
	}
	if read, err := song.Seek(0, io.SeekCurrent); read > 0 || err != nil {
		t.Errorf("%d bytes were copied, %v", read, err)
	}
}
