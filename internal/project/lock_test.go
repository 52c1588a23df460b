package project

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/im2-audio/im2/internal/exit"
)

// testLock returns a lock and what it notes.
func testLock(t *testing.T, path string) (Lock, chan string) {
	t.Helper()
	notes := make(chan string, 10)
	return Lock{
		Path: path, Root: "/p", Command: "mage up",
		Note: func(format string, _ ...any) { notes <- format },
	}, notes
}

func TestASecondCommandWaitsAndSaysForWhom(t *testing.T) {
	t.Parallel()
	first, _ := testLock(t, filepath.Join(t.TempDir(), "new", "lock"))
	release, err := first.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if text := first.holder(); !strings.HasPrefix(text, "mage up (process ") || !strings.Contains(text, ", since 2") {
		t.Errorf("the holder is %q", text)
	}
	second, notes := testLock(t, first.Path)
	got := make(chan error, 1)
	go func() {
		release, err := second.Acquire(t.Context())
		if err == nil {
			release()
		}
		got <- err
	}()
	<-notes
	select {
	case err := <-got:
		t.Fatalf("the second did not wait: %v", err)
	case <-time.After(2 * lockAgain):
	}
	release()
	if err := <-got; err != nil {
		t.Error(err)
	}
	if text := first.holder(); text != unknownHolder {
		t.Errorf("nobody holds it, and yet: %s", text)
	}
}

func TestWaitingForALockEnds(t *testing.T) {
	t.Parallel()
	l, notes := testLock(t, filepath.Join(t.TempDir(), "lock"))
	release, err := l.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	for _, c := range []struct {
		wait  time.Duration
		text  string
		notes int
	}{{0, "is running: mage up (process", 0}, {lockAgain, "is not done after 100ms: mage up (process", 1}} {
		limited := l
		limited.Wait = &c.wait
		_, err := limited.Acquire(t.Context())
		if err == nil || !strings.Contains(err.Error(), c.text) || exit.Outermost(err).(interface{ ExitStatus() int }).ExitStatus() != int(exit.Failed) {
			t.Errorf("-wait=%s: %v", c.wait, err)
		}
		if len(notes) != c.notes {
			t.Errorf("-wait=%s: %d notes", c.wait, len(notes))
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Acquire(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("an interrupt while it waits: %v", err)
	}
}

func TestUnprivilegedAFolderThatIsSomebodyElsesIsNoLock(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		t.Skip("LEFT OUT: a folder that cannot be written, because this is root; run the tests as another user")
	}
	folder := t.TempDir()
	if err := os.Chmod(folder, 0o500); err != nil { //nolint:gosec // a folder needs its x bit
		t.Fatal(err)
	}
	l, _ := testLock(t, filepath.Join(folder, "new", "lock"))
	if _, err := l.Acquire(t.Context()); !errors.Is(err, os.ErrPermission) {
		t.Errorf("got %v", err)
	}
}
