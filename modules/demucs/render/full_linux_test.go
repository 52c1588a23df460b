package render

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

// However little a disk has left, a file is whole or the error is about the disk. It needs ffmpeg, and
// the right to mount, which nobody has in the image.
func TestOnADiskThatFillsUp(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"wav", "flac", "mp3", "wav source", "flac source", "mp3 source"} {
		format, rate, _ := strings.Cut(kind, " ")
		ask := wave(options.Options{Format: format, Rate: rate, Stems: []string{"bass"}})
		s := newSong(blockFrames)
		putSong := func() Job {
			job := withFFmpeg(t, put(t, s, ask))
			job.SourceRate = 48000
			return job
		}
		whole := putSong()
		want, err := os.ReadFile(path(whole, finish(t, whole).Files[0]))
		spooltest.Must(t, err)
		page := os.Getpagesize()
		most := len(want)/page + 2
		for room := 0; room <= most; room++ {
			if room > 2 && room < most-3 && room%8 != 0 {
				continue // The beginning and the end differ; between them is more of the same.
			}
			job := putSong()
			out := filepath.Join(job.Work.Name(), job.Out)
			// Root and folder take a page of metadata that does not count.
			if err := unix.Mount("tmpfs", out, "tmpfs", 0, "size=1m,mode=0755"); err != nil {
				t.Skipf("LEFT OUT: a disk that fills up, because a small one cannot be mounted: %v", err)
			}
			spooltest.Must(t, os.WriteFile(filepath.Join(out, "rest"), make([]byte, 1<<20-room*page), 0o600))
			_, err := Render(t.Context(), job)
			got, _ := os.ReadFile(path(job, "bass."+format))
			_ = unix.Unmount(out, unix.MNT_DETACH)
			switch {
			case err == nil && !bytes.Equal(got, want):
				t.Errorf("%q, %d pages: half of a file was taken", kind, room)
			case err != nil && !errors.Is(err, syscall.ENOSPC):
				t.Errorf("%q, %d pages: %v", kind, room, err)
			case err != nil && room > len(want)/page+1:
				t.Errorf("%q, %d pages: there was room enough: %v", kind, room, err)
			}
		}
	}
}
