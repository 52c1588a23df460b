package permissions

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/ownership"
)

// On a share with root_squash, root is told by the kernel what anybody is told: it may not give files away. Here it is a thread without that
// right; the layer with virtual machines has such a share (TestOtherUsers).
func TestRootMayNotGiveFilesAwayOnAShare(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // to its end: what this thread lost, no other goroutine must lack
		done <- squashed(t.Context(), root)
	}()
	err := <-done
	var coded *exit.Error
	if !errors.As(err, &coded) || coded.Code != exit.Failed || !strings.Contains(err.Error(), "the file system lets root change no owners; fix: on the file server, give the folder to these IDs") {
		t.Errorf("Ensure = %v", err)
	}
}

func squashed(ctx context.Context, root string) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return err
	}
	data[0].Effective &^= 1<<unix.CAP_CHOWN | 1<<unix.CAP_FOWNER
	if err := unix.Capset(&header, &data[0]); err != nil {
		return err
	}
	folder := filepath.Join(root, "data")
	if err := os.Mkdir(folder, 0o755); err != nil {
		return err
	}
	r := &Resetter{EUID: 0, engine: &engine.Engine{}}
	other := uint32(os.Geteuid()) + 1001 //nolint:gosec // Linux has no other IDs
	return r.Ensure(ctx, root, []string{folder}, ownership.Owner{UID: other, GID: other})
}
