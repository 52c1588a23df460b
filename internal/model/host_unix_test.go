//go:build linux || darwin

package model

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/im2-audio/im2/internal/exit"
)

func TestModeIsMended(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("test.onnx", f.content)
	if err := os.Chmod(f.path("test.onnx"), 0o600|fs.ModeSetuid); err != nil {
		t.Fatal(err)
	}
	got, err := f.ensure(t.Context())
	if err != nil || !got.Mended || got.Fetched {
		t.Errorf("%+v, %v", got, err)
	}
	f.complete()
	if f.located != 0 {
		t.Error("it was located")
	}
}

func TestOwnerIsMended(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("test.onnx", f.content)
	f.UID, f.GID = 54321, 54322
	if os.Geteuid() != 0 {
		if _, err := f.ensure(t.Context()); err == nil || !strings.Contains(err.Error(), "sudo chown 54321:54322") {
			t.Errorf("error %v", err)
		}
		if err := os.Remove(f.path("test.onnx")); err != nil {
			t.Fatal(err)
		}
		// An owner that cannot be set is known before anything is downloaded.
		err := f.fails(exit.Failed)
		if !strings.Contains(err.Error(), "sudo chown 54321:54322") || f.located != 0 {
			t.Errorf("error %q, located %d times", err, f.located)
		}
		return
	}
	got, err := f.ensure(t.Context())
	if err != nil || !got.Mended || got.Fetched || f.located != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	f.owned()
	if err := os.Remove(f.path("test.onnx")); err != nil {
		t.Fatal(err)
	}
	f.fetched()
	f.owned()
}

func (f *fixture) owned() {
	f.t.Helper()
	info, err := os.Lstat(f.path("test.onnx"))
	if err != nil {
		f.t.Fatal(err)
	}
	if uid, gid, ok := owner(info); !ok || uid != f.UID || gid != f.GID {
		f.t.Errorf("owner %d:%d", uid, gid)
	}
}

func TestUnprivilegedFolderOfAnotherUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		t.Skip("LEFT OUT: what cannot be written, because this is root; run the tests as another user")
	}
	f := newFixture(t)
	if err := os.Chmod(f.Dir, 0o500); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(f.Dir, 0o700) })
	err := f.fails(exit.Failed)
	if !strings.Contains(err.Error(), "permission denied") || !strings.Contains(err.Error(), "mage reset-permissions") {
		t.Errorf("error %q", err)
	}
	g := newFixture(t)
	g.put("test.onnx", nil)
	if err := os.Chmod(g.path("test.onnx"), 0); err != nil {
		t.Fatal(err)
	}
	if err := g.fails(exit.Failed); !strings.Contains(err.Error(), "mage reset-permissions") {
		t.Errorf("error %q", err)
	}
}

func TestPlantedPipesAndHardLinks(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"test.onnx", ".test.onnx.tgz.part", ".test.onnx.tmp"} {
		f := newFixture(t)
		if err := syscall.Mkfifo(f.path(name), 0o600); err != nil {
			t.Fatal(err)
		}
		f.fetched()
	}
	f := newFixture(t)
	f.put("victim", []byte("precious"))
	if err := os.Link(f.path("victim"), f.path(".test.onnx.tgz.part")); err != nil {
		t.Fatal(err)
	}
	if _, err := f.ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(f.path("victim")); err != nil || string(data) != "precious" {
		t.Errorf("the victim has %q, %v", data, err)
	}
}

// A run that waits for another one's lock finds the weights when that is done.
func TestWaitsForAnotherRun(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(".test.onnx.tgz.part", nil)
	held, err := os.OpenFile(f.path(".test.onnx.tgz.part"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if !tryLock(held) {
		t.Fatal("not locked")
	}
	time.AfterFunc(time.Second, func() { // until the other run is seen to wait
		err := errors.Join(os.WriteFile(f.path("test.onnx"), f.content, mode),
			os.Remove(f.path(".test.onnx.tgz.part")), held.Close())
		if err != nil {
			t.Error(err)
		}
	})
	got, err := f.ensure(t.Context())
	if err != nil || got.Fetched || len(f.server.seen()) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	if !strings.Contains(f.notes.String(), "waiting: another run fetches the model") {
		t.Errorf("notes %q", f.notes)
	}
}

func TestFreeSpaceIsKnown(t *testing.T) {
	t.Parallel()
	dir, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = dir.Close() }()
	if n, ok := freeSpace(dir); ok && n == 0 {
		t.Error("no byte is free")
	}
	file, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	_ = file.Close()
	if _, ok := freeSpace(file); ok {
		t.Error("a closed file has space")
	}
}
