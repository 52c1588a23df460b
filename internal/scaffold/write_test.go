package scaffold

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestAllOrNothing breaks the writing at each of its steps.
func TestAllOrNothing(t *testing.T) {
	t.Parallel()
	for name, breaks := range map[string]func(t *testing.T, root string, s *Service, stop func()){
		"an interrupt at the start": func(_ *testing.T, _ string, _ *Service, stop func()) { stop() },
		"an interrupt before the Compose file": func(_ *testing.T, _ string, s *Service, stop func()) {
			s.replace = func(string, []byte) error { stop(); return context.Canceled }
		},
		"a full disk": func(_ *testing.T, _ string, s *Service, _ func()) {
			s.replace = func(string, []byte) error { return errors.New("no space left on device") }
		},
		"a template that is gone": func(_ *testing.T, _ string, s *Service, _ func()) { s.Template += ".gone" },
		"a template that is none": func(_ *testing.T, root string, s *Service, _ func()) {
			s.ownTemplate, s.Template = false, filepath.Join(root, "docker-compose.yml")
		},
		"a Compose file that somebody else has changed": func(_ *testing.T, _ string, s *Service, _ func()) {
			s.Before = []byte("something else\n")
		},
		"a folder that has just appeared": func(_ *testing.T, root string, s *Service, _ func()) {
			s.Folder = filepath.Join(root, "other", "full")
		},
	} {
		for _, modules := range []string{"", "modules/"} { // whether the folder above is there already
			t.Run(name+" "+modules, func(t *testing.T) {
				t.Parallel()
				root := write(t, map[string]string{"docker-compose.yml": "services:\n  a: {image: b}\n", "other/full/file": "x", modules + "file": "x"})
				before := tree(t, root)
				s := mustPrepare(t, root)
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				breaks(t, root, &s, stop)
				if made, err := s.Write(ctx); err == nil {
					t.Errorf("made %v", made)
				}
				unchanged(t, before, tree(t, root))
			})
		}
	}
}

func TestLeftoversOfAKilledRunGo(t *testing.T) {
	t.Parallel()
	root := write(t, map[string]string{
		"docker-compose.yml": "services: {}\n", "modules/" + stagePrefix + "1/x/file": "", "modules/" + stagePrefix + "2/x/file": "", "modules/.im2-other/file": "",
	})
	old := time.Now().Add(-2 * staleAfter)
	for _, name := range []string{stagePrefix + "1", ".im2-other"} {
		if err := os.Chtimes(filepath.Join(root, "modules", name), old, old); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := mustPrepare(t, root).Write(t.Context()); err != nil {
		t.Fatal(err)
	}
	entries, _ := os.ReadDir(filepath.Join(root, "modules"))
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if want := []string{stagePrefix + "2", ".im2-other", "echo"}; !slices.Equal(got, want) {
		t.Errorf("left: %q, want %q", got, want)
	}
}

// TestALinkStaysALink: what it leads to is written.
func TestALinkStaysALink(t *testing.T) {
	t.Parallel()
	root := write(t, map[string]string{"real/compose.yml": "services: {a: {image: b}}\n"})
	link := filepath.Join(root, "docker-compose.yml")
	if err := os.Symlink(filepath.Join("real", "compose.yml"), link); err != nil {
		t.Skipf("LEFT OUT: what becomes of a link, because none can be made here: %v", err)
	}
	if _, err := mustPrepare(t, root).Write(t.Context()); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v, %v", info, err)
	}
	if text := tree(t, root)[filepath.Join("real", "compose.yml")]; !strings.Contains(text, "echo") {
		t.Errorf("the file has no echo: %s", text)
	}
}

// unchanged fails where two trees differ.
func unchanged(t *testing.T, before, after map[string]string) {
	t.Helper()
	for name, text := range before {
		if got, ok := after[name]; !ok || got != text {
			t.Errorf("%s was changed: %q", name, got)
		}
	}
	for name := range after {
		if _, ok := before[name]; !ok {
			t.Errorf("%s was left behind", name)
		}
	}
}
