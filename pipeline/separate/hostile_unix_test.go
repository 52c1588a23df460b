//go:build unix

package separate

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/im2-audio/im2/internal/exit"
)

func TestDevicesAndPipes(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "pipe.mp3")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{pipe, "/dev/null"} {
		if _, err := openSong(path, t.TempDir()); err == nil || !strings.Contains(err.Error(), "a device, a pipe or a socket") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestOwner(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root may give a file away")
	}
	s := newTry(t, newData(t), "song.mp3")
	s.Put = putFor(54321, 54322)
	h := s.hand(t)
	info, err := os.Stat(filepath.Join(s.Data, "input", h.name))
	if err != nil {
		t.Fatal(err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || stat.Uid != 54321 || stat.Gid != 54322 || stat.Nlink != 1 {
		t.Errorf("%+v", stat)
	}
}

func TestUnprivilegedOtherUsersFiles(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		t.Skip("LEFT OUT: what cannot be read or written, because this is root; run the tests as another user")
	}
	s := newTry(t, newData(t), "song.mp3")
	if err := os.Chmod(s.File, 0); err != nil {
		t.Fatal(err)
	}
	s.fails(t, exit.Unusable, "permission denied", `"ls -l" shows who may`)
	r := newTry(t, newData(t), "song.mp3")
	if err := os.Chmod(filepath.Join(r.Data, "input"), 0o500); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(r.Data, "input"), 0o700) })
	r.fails(t, exit.Failed, "permission denied")
}
