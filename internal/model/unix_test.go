//go:build linux || darwin

package model

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/im2-audio/im2/internal/exit"
)

func TestOwner(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.UID, f.GID = 54321, 54322
	if os.Geteuid() != 0 {
		if err := f.fails(exit.Failed); !strings.Contains(err.Error(), "giving the model to the app user 54321:54322") {
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
		if stat, ok := info.Sys().(*syscall.Stat_t); !ok || stat.Uid != f.UID || stat.Gid != f.GID {
			t.Errorf("%q: owner %d:%d", name, stat.Uid, stat.Gid)
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
	if err := f.fails(exit.Failed); !strings.Contains(err.Error(), "permission denied") || !strings.Contains(err.Error(), "mage reset-permissions") {
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
