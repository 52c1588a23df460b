package server

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/space"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

// A disk that becomes full while a song comes keeps nothing of it, and one that is mounted read-only takes none. What to do is said.
func TestAFullDisk(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	if err := unix.Mount("tmpfs", data, "tmpfs", 0, "size=4m,mode=0755"); err != nil {
		t.Skipf("LEFT OUT: a full disk, because a small one cannot be mounted: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(data, unix.MNT_DETACH) })
	input := filepath.Join(data, job.InputFolder)
	spooltest.Must(t, os.Mkdir(input, 0o755))
	s := uploadServerOn(t, data, nil)
	large := file{"large.wav", wave + strings.Repeat("x", 6<<20)}
	for name, size := range map[string]int64{"known": 0, "unknown": -1} {
		w := send(t, s, func(r *http.Request) { r.ContentLength += size * (1 + r.ContentLength) }, large)
		if says := map[string]string{"known": space.Setting, "unknown": "is full"}[name]; w.Code != http.StatusInsufficientStorage || !strings.Contains(w.Body.String(), says) {
			t.Errorf("of %s size: %d, %s; want %q", name, w.Code, w.Body, says)
		}
		spooltest.WantNames(t, input)
	}
	if w := send(t, s, nil, file{"small.wav", wave}); w.Code != http.StatusOK {
		t.Errorf("a small one: %d, %s", w.Code, w.Body)
	}
	spooltest.WantNames(t, input, "small.wav")

	spooltest.Must(t, unix.Mount("", data, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	if w := send(t, s, nil, file{"other.wav", wave}); w.Code != http.StatusInternalServerError || w.Header().Get("Retry-After") != "" || !strings.Contains(w.Body.String(), "mounted read-only") {
		t.Errorf("read-only: %d, %s", w.Code, w.Body)
	}
	if err := s.Refresh(t.Context()); err == nil || !strings.Contains(err.Error(), "mounted read-only: run `mage up`") {
		t.Errorf("Refresh = %v", err)
	}
}
