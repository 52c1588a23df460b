//go:build unix

package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

func TestKindsAreToldByContent(t *testing.T) {
	t.Parallel()
	ftyp := func(brand string) string { return "\x00\x00\x00\x18ftyp" + brand + "\x00\x00\x00\x00" }
	tests := []struct {
		name    string
		content string
		want    string // what the reason must contain; "" when it is taken
	}{
		{"wave.txt", wave, ""},
		{"mp3", "ID3\x03\x00\x00\x00\x00\x00\x21", ""},
		{"flac", "fLaC\x00\x00\x00\x22", ""},
		{"ogg", "OggS\x00\x02", ""},
		{"opus", "OggS\x00\x02" + strings.Repeat("\x00", 22) + "OpusHead", ""},
		{"m4a", ftyp("M4A "), ""},
		{"mp4", ftyp("isom"), ""},
		{"mov", ftyp("qt  "), ""},
		{"webm", "\x1A\x45\xDF\xA3\x01\x00\x00\x00\x42\x82\x84webm", ""},
		{"mkv", "\x1A\x45\xDF\xA3\x01\x00\x00\x00\x42\x82\x88matroska", ""},
		{"asf", "\x30\x26\xB2\x75\x8E\x66\xCF\x11\xA6\xD9\x00\xAA\x00\x62\xCE\x6C", ""},
		{"text.mp3", "This is no song.", "text/plain"},
		{"image.mp3", "\x89PNG\r\n\x1a\n", "image/png"},
		{"heic.m4a", ftyp("heic"), "image/heic"},
		{"zip.mp3", "PK\x03\x04\x14\x00", "application/zip"},
		{"unknown.mp3", "\x01\x9f\x00\xc3\x81", ""}, // the decoder will tell
		{"rf64", "RF64\xff\xff\xff\xffWAVEds64", ""},
		{"program", "\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 60), "application/x-elf"},
		{"paper.mp3", "%PDF-1.7\n", "application/pdf"},
		{"midi.mid", "MThd\x00\x00\x00\x06", "audio/midi"},
		{"list.m3u", "#EXTM3U\n/etc/passwd\n", "application/vnd.apple.mpegurl"},
		{"list.pls", "[playlist]\nFile1=/etc/passwd\n", "text/plain"},
		{"empty.mp3", "", "is empty"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.input(tt.name, tt.content)
			b.look(0)
			b.look(emptyPatience * settleTime)
			if tt.want == "" {
				b.wantQueue(map[job.Stage]int{job.Pending: 1})
				return
			}
			b.wantQueue(map[job.Stage]int{job.Rejected: 1})
			spooltest.WantText(t, filepath.Join(b.spool.RejectedFiles(), tt.name), tt.content)
			reason, err := os.ReadFile(filepath.Join(b.spool.RejectedFiles(), tt.name+".txt"))
			spooltest.Must(t, err)
			if !strings.Contains(string(reason), tt.want) || !strings.Contains(string(reason), tt.name) {
				t.Errorf("reason = %s", reason)
			}
		})
	}
}

func TestWhatIsNoFileIsNeverOpened(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		make func(t *testing.T, path string)
		want string
	}{
		{"link", func(t *testing.T, path string) { t.Helper(); spooltest.Must(t, os.Symlink("/etc/passwd", path)) }, "symbolic link"},
		{"dangling link", func(t *testing.T, path string) { t.Helper(); spooltest.Must(t, os.Symlink("/none", path)) }, "symbolic link"},
		{"link to a folder", func(t *testing.T, path string) { t.Helper(); spooltest.Must(t, os.Symlink("/etc", path)) }, "symbolic link"},
		{"pipe", func(t *testing.T, path string) { t.Helper(); spooltest.Must(t, syscall.Mkfifo(path, 0o644)) }, "named pipe"},
		{"socket", makeSocket, "socket"},
		{"device", makeDevice, "device"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			tt.make(t, filepath.Join(b.spool.Input(), "x"))
			before, err := os.Lstat(filepath.Join(b.spool.Input(), "x"))
			spooltest.Must(t, err)
			b.look(0)
			b.look(emptyPatience * settleTime)
			b.wantQueue(map[job.Stage]int{job.Rejected: 1})
			after, err := os.Lstat(filepath.Join(b.spool.RejectedFiles(), "x"))
			if err != nil || !os.SameFile(before, after) {
				t.Errorf("the entry itself was not moved: %v, %v", after, err)
			}
			if reason := b.oneJob(job.Rejected).Error; !strings.Contains(reason, tt.want) {
				t.Errorf("reason = %q", reason)
			}
		})
	}
}

func makeSocket(t *testing.T, path string) {
	t.Helper()
	// The path of a socket may have few bytes only, so it is not made in the test's folder.
	short, err := os.MkdirTemp("", "s") //nolint:usetesting // The test's folder has a long name, see above.
	spooltest.Must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(short) })
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(short, "s")})
	spooltest.Must(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	spooltest.Must(t, os.Rename(filepath.Join(short, "s"), path))
}

func makeDevice(t *testing.T, path string) {
	t.Helper()
	if err := syscall.Mknod(path, syscall.S_IFCHR|0o644, 1<<8|3); err != nil {
		t.Skipf("LEFT OUT: a device, because only root can make one: %v", err)
	}
}
