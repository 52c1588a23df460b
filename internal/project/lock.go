package project

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/safetext"
)

// A Lock keeps two commands from changing one project at once: Compose fails then with names that
// are already in use, and compilers write to the same files.
type Lock struct {
	// Path is the lock's file. It belongs in a folder of the user's own, where no service can hold it.
	Path string
	// Root is the project's folder, for messages.
	Root string
	// Command is what the holder runs, for those who wait.
	Command string
	// Wait is the longest time to wait for another holder; nil is as long as it takes.
	Wait *time.Duration
	// Note tells whoever waits for what.
	Note func(format string, args ...any)
}

const (
	// lockAgain is how often a lock that somebody else holds is tried.
	lockAgain = 100 * time.Millisecond
	// holderLimit is how many bytes are read of what a holder says of itself.
	holderLimit = 1 << 10
)

// Acquire waits for the lock and returns what releases it; the end of the process does, too. The
// error is os.ErrPermission or EROFS where this user has no place for the file.
func (l Lock) Acquire(ctx context.Context) (release func(), err error) {
	if err := os.MkdirAll(filepath.Dir(l.Path), 0o700); err != nil {
		return nil, err
	}
	file := flock.New(l.Path, flock.SetPermissions(0o600))
	got, err := file.TryLock()
	if err == nil && !got {
		got, err = l.wait(ctx, file)
	}
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("waiting for another command on %s: %w", l.Root, ctx.Err())
	case err != nil:
		return nil, err
	case !got:
		return nil, exit.Errorf(exit.Failed, "another command on %s %s: %s; wait for it with -wait=10m, or end it", l.Root, l.waited(), l.holder())
	}
	_ = os.WriteFile(l.Path, []byte(l.describe()), 0o600) // for the messages alone
	return func() {
		_ = os.Truncate(l.Path, 0)
		_ = file.Unlock()
	}, nil
}

func (l Lock) wait(ctx context.Context, file *flock.Flock) (got bool, err error) {
	if l.Wait != nil {
		if *l.Wait <= 0 {
			return false, nil
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, *l.Wait)
		defer cancel()
	}
	l.Note("waiting until another command on %s is done: %s", l.Root, l.holder())
	got, err = file.TryLockContext(ctx, lockAgain)
	if ctx.Err() != nil {
		err = nil // the caller's own context says whether that was an interrupt
	}
	return got, err
}

func (l Lock) waited() string {
	if *l.Wait <= 0 {
		return "is running"
	}
	return fmt.Sprintf("is not done after %s", *l.Wait)
}

func (l Lock) describe() string {
	name := "somebody"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	return fmt.Sprintf("%s (process %d of %s, since %s)", l.Command, os.Getpid(), name, time.Now().Format(time.DateTime))
}

// holder is what the holder says of itself. It does so a moment after it has the lock.
func (l Lock) holder() string {
	for range 10 {
		if text := l.said(); text != "" {
			return safetext.Line(text)
		}
		time.Sleep(lockAgain)
	}
	return unknownHolder
}

func (l Lock) said() string {
	file, err := os.Open(l.Path)
	if err != nil {
		return ""
	}
	defer func() { _ = file.Close() }() // it was only read
	text := make([]byte, holderLimit)
	n, _ := file.Read(text)
	return strings.TrimSpace(string(text[:n]))
}

const unknownHolder = "its process is unknown"
