package inputs

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWhatAnImageCannotHold(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name             string
		sources, ignored []string
		refused          bool
	}{
		{"all", []string{"."}, nil, true},
		{"its folder", []string{"in"}, nil, true},
		{"by wildcard", []string{"*/s?ck"}, nil, true},
		{"another folder", []string{"out"}, nil, false},
		{"nothing", nil, nil, false},
		{"ignored", []string{"."}, []string{"**/sock"}, false},
		{"ignored and taken back", []string{"."}, []string{"in", "!in/sock"}, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			for _, name := range []string{"in", "out"} {
				folder := filepath.Join(root, name)
				if err := errors.Join(os.Mkdir(folder, 0o700), os.WriteFile(filepath.Join(folder, "file"), nil, 0o600)); err != nil {
					t.Fatal(err)
				}
			}
			socket(t, filepath.Join(root, "in", "sock"))
			_, err := walk(t.Context(), scope{root, c.sources, c.ignored}, nil)
			if errors.Is(err, errNotHoldable) != c.refused {
				t.Fatalf("got %v", err)
			}
			if c.refused && !strings.Contains(filepath.ToSlash(err.Error()), "/in/sock for the build: it is a socket") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// socket makes a socket. It is made in a folder of a short name, since a socket's address has
// no more than a hundred bytes.
func socket(t *testing.T, path string) {
	t.Helper()
	short, err := os.MkdirTemp("", "im2") //nolint:usetesting // t.TempDir has the test's whole name in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(short) })
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", filepath.Join(short, "sock"))
	if err != nil {
		t.Skipf("skipped: no sockets here: %v", err)
	}
	t.Cleanup(func() { _ = l.Close() })
	if err := os.Rename(filepath.Join(short, "sock"), path); err != nil {
		t.Fatal(err)
	}
}
