//go:build linux || darwin

package model

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/im2-audio/im2/internal/dev/thorough"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/ownership"
)

func TestOwner(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	want := ownership.Owner{UID: 54321, GID: 54322}
	f.Folder = folderOf(want)
	if os.Geteuid() != 0 {
		if err := f.fails(exit.Failed); !strings.Contains(err.Error(), "operation not permitted") {
			t.Errorf("error %q", err)
		}
		return
	}
	f.fetched()
	for _, name := range []string{"", "p00.onnx", "p01.onnx", "manifest.json"} {
		info, err := os.Lstat(f.path("test-fp32", name))
		if err != nil {
			t.Fatal(err)
		}
		if owner, ok := ownership.Of(info); !ok || owner != want {
			t.Errorf("%q: owner %s", name, owner)
		}
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
	if err := f.fails(exit.Failed); !strings.Contains(err.Error(), "permission denied") {
		t.Errorf("error %q", err)
	}
	g := newFixture(t)
	g.fetched()
	if err := os.Chmod(g.path("test-fp32", "p00.onnx"), 0); err != nil {
		t.Fatal(err)
	}
	if err := g.fails(exit.Failed); !strings.Contains(err.Error(), "mage reset-permissions") {
		t.Errorf("error %q", err)
	}
}

// A container may plant anything in the cache folder, and link it to what it has there. What it
// leads to must be left as it is, and nothing may be waited for.
func TestPlanted(t *testing.T) {
	t.Parallel()
	for name, plant := range map[string]func(victim, at string) error{
		"a link": os.Symlink, "a hard link": os.Link,
		"a pipe": func(_, at string) error { return syscall.Mkfifo(at, 0o600) },
	} {
		for _, at := range []string{"test.onnx", "test-fp32", "test-fp32/manifest.json", "test-fp32/p00.onnx"} {
			t.Run(name+" as "+at, func(t *testing.T) {
				t.Parallel()
				f := newFixture(t)
				victim := filepath.Join(filepath.Dir(f.Dir), filepath.Base(f.Dir)+"-victim")
				f.write(victim, []byte("precious"))
				if strings.Contains(at, "/") {
					f.fetched()
					if err := os.Remove(f.path(at)); err != nil {
						t.Fatal(err)
					}
				}
				if err := plant(victim, f.path(at)); err != nil {
					t.Fatal(err)
				}
				if got, err := f.ensure(t.Context()); err != nil || !got.Prepared {
					t.Fatalf("%+v, %v", got, err)
				}
				data, err := os.ReadFile(victim)
				info, statErr := os.Lstat(victim)
				if err != nil || statErr != nil || string(data) != "precious" || info.Mode() != fs.FileMode(0o600) {
					t.Errorf("the victim has %q, %v, %v", data, info, err)
				}
			})
		}
	}
}

// A container that changes the cache folder while a model is prepared may spoil that, and nothing
// outside of the folder: it puts folders of its own in the place of the new one, full of links to
// a file that it may not write.
func TestAttackedWhilePreparing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.write(f.stored("test.onnx"), f.content)
	outside := t.TempDir()
	victim := filepath.Join(outside, "p00.onnx")
	f.write(victim, []byte("precious"))
	if err := os.Chmod(outside, 0o711); err != nil {
		t.Fatal(err)
	}
	before, err := os.Lstat(outside)
	if err != nil {
		t.Fatal(err)
	}
	stop, done, strikes := make(chan struct{}), make(chan struct{}), 0
	go func() {
		defer close(done)
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			found, _ := filepath.Glob(f.path(".test-fp32.tmp-*"))
			for _, at := range found {
				if os.Rename(at, f.path(fmt.Sprintf("x%d", n))) != nil {
					continue
				}
				strikes++
				if n%2 == 0 {
					_ = os.Symlink(outside, at)
					continue
				}
				_ = os.Mkdir(at, 0o700)
				for _, name := range []string{"p00.onnx", "p01.onnx", "manifest.json"} {
					_ = os.Link(victim, filepath.Join(at, name))
				}
			}
		}
	}()
	for range thorough.Of(100, 20) {
		_, _ = f.ensure(t.Context()) // It may well fail.
		if err := os.RemoveAll(f.path("test-fp32")); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	<-done
	data, err := os.ReadFile(victim)
	info, statErr := os.Lstat(victim)
	if err != nil || statErr != nil || string(data) != "precious" || info.Mode() != fs.FileMode(0o600) {
		t.Errorf("the victim has %q, %v, %v", data, info, err)
	}
	f.has(outside, "p00.onnx")
	if after, err := os.Lstat(outside); err != nil || after.Mode() != before.Mode() {
		t.Errorf("the folder outside: %v, %v", after, err)
	}
	if strikes < 5 {
		t.Errorf("only %d strikes", strikes)
	}
}
