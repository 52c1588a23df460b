package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/im2-audio/im2/internal/build/inputs"
	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/exit"
)

// Remembered is a file or folder for what is remembered of this project; "" where there is no
// place for one. Nothing there is needed, and it is outside of every build context.
func (b Builder) Remembered(name string) string {
	if b.Cache == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(b.Project.Root))
	return filepath.Join(b.Cache, "projects", hex.EncodeToString(sum[:8]), name)
}

func (b Builder) records() inputs.Records {
	return inputs.Records{Folder: b.Remembered("images")}
}

// lockAgain is how often a lock that somebody else holds is tried.
const lockAgain = 250 * time.Millisecond

// lock waits until no other build of this project runs: two at once would compile into the same files. The lock
// ends with its process. It belongs to the user; builds of other users are not seen.
func (b Builder) lock(ctx context.Context) (unlock func(), err error) {
	path := b.Remembered("lock")
	if path == "" {
		return func() {}, nil
	}
	l, got := flock.New(path), false
	if err = os.MkdirAll(filepath.Dir(path), 0o700); err == nil {
		got, err = l.TryLock()
	}
	if engine.Unwritable(err) {
		b.UI.Note("builds are not locked and nothing is cached: %v; fix: give that folder to this user", err)
		return func() {}, nil
	}
	if err == nil && !got {
		b.UI.Note("another mage build of %s is running (%s): waiting until it is done", b.Project.Root, holder(path))
		got, err = l.TryLockContext(ctx, lockAgain)
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("waiting for another build: %w", ctx.Err())
	}
	if err != nil || !got {
		return nil, exit.Errorf(exit.Failed, "locking out other builds with %s: %w", path, err)
	}
	_ = os.WriteFile(path+".holder", []byte(describe()), 0o600) // for the message above alone
	return func() {
		_ = os.Remove(path + ".holder")
		_ = l.Unlock() // the process' end does it, too
	}, nil
}

func describe() string {
	name := "somebody"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	return fmt.Sprintf("process %d of %s, since %s", os.Getpid(), name, time.Now().Format(time.TimeOnly))
}

func holder(path string) string {
	text, err := os.ReadFile(path + ".holder")
	if err != nil || len(text) == 0 {
		return "its process is unknown"
	}
	return strings.TrimSpace(string(text))
}
