package image

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/im2-audio/im2/internal/run"
	"github.com/im2-audio/im2/internal/term"
)

func TestALookAfterARound(t *testing.T) {
	cases := []struct {
		name   string
		round  []string
		change func(t *testing.T, b Builder)
		again  string
		text   string // of web
	}{
		{"all went well", []string{"web"}, nil, "", "up to date (built just now)"},
		{"a file changed meanwhile", []string{"web"}, func(t *testing.T, b Builder) {
			t.Helper()
			rewrite(t, b, "2")
		}, "web", "stale: it changed while it was built"},
		{"a file changed meanwhile, and back", []string{"web"}, func(t *testing.T, b Builder) {
			t.Helper()
			rewrite(t, b, "2")
			rewrite(t, b, "1")
		}, "web", "stale: it changed while it was built"},
		{"another one changed meanwhile", nil, func(t *testing.T, b Builder) {
			t.Helper()
			rewrite(t, b, "2")
		}, "web", "stale: a changed"},
		{"another one is as it was", nil, nil, "", "up to date (built just now)"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b, e := planned(t, nil)
			for range 2 {
				plan, _ := told(t, b)
				build(plan, e)
			}
			plan, _ := told(t, b)
			b.record(plan)
			if c.change != nil {
				time.Sleep(20 * time.Millisecond) // more than the granularity of a file system's clock
				c.change(t, b)
			}
			again, err := b.lookAgain(t.Context(), &plan, c.round)
			if err != nil || strings.Join(again, " ") != c.again {
				t.Errorf("again: %q, %v, want %q", again, err, c.again)
			}
			web := plan.find("web")
			if got := web.Text(time.Now()); got != c.text || web.Built != slices.Contains(c.round, "web") {
				t.Errorf("got %q, built: %v, want %q", got, web.Built, c.text)
			}
		})
	}
}

func rewrite(t *testing.T, b Builder, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(b.Project.Root, "web", "a"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestASecondBuildWaitsAndSaysForWhom(t *testing.T) {
	b, _ := planned(t, nil)
	unlock, err := b.lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan error, 1)
	go func() {
		second, err := b.lock(t.Context())
		if err == nil {
			second()
		}
		got <- err
	}()
	select {
	case err := <-got:
		t.Fatalf("the second did not wait: %v", err)
	case <-time.After(2 * lockAgain):
	}
	if text := holder(b.Remembered("lock")); !strings.Contains(text, "process ") || !strings.Contains(text, ", since ") {
		t.Errorf("the holder is %q", text)
	}
	ctx, cancel := context.WithTimeout(t.Context(), lockAgain)
	defer cancel()
	if _, err := b.lock(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("an end while it waits: %v", err)
	}
	unlock()
	if err := <-got; err != nil {
		t.Error(err)
	}
	if text := holder(b.Remembered("lock")); text != "its process is unknown" {
		t.Errorf("nobody holds it, and yet: %s", text)
	}
}

func TestUnprivilegedAFolderThatIsSomebodyElsesIsNoLock(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("LEFT OUT: a folder that cannot be written, because this is root; run the tests as another user")
	}
	b := made(t, map[string]string{"docker-compose.yml": "services: {}"})
	b.UI, _, _ = term.Test()
	b.Cache = t.TempDir()
	if err := os.Chmod(b.Cache, 0o500); err != nil {
		t.Fatal(err)
	}
	unlock, err := b.lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	unlock()
}

func TestWhatAProgramIsMadeBy(t *testing.T) {
	t.Parallel()
	b := made(t, map[string]string{"docker-compose.yml": "services: {}"}, "GOPROXY=off", "CGO_CFLAGS=-O1", "PATH=/bin", "EDITOR=vi")
	amd := madeBy(b.compiler("/p/bin/x", "linux/amd64"))
	compiler, err := run.Find("go")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"GOARCH=amd64", "GOPROXY=off", "CGO_CFLAGS=-O1", "compiler=" + compiler, "-trimpath"} {
		if !slices.Contains(amd, want) {
			t.Errorf("%s does not count: %q", want, amd)
		}
	}
	if slices.Contains(amd, "EDITOR=vi") || slices.Equal(amd, madeBy(b.compiler("/p/bin/x", "linux/arm64"))) {
		t.Errorf("the engine's architecture does not count, or an editor does: %q", amd)
	}
	again := made(t, map[string]string{"docker-compose.yml": "services: {}"}, "GOPROXY=off", "CGO_CFLAGS=-O1", "PATH=/usr/lib/go/bin:/bin")
	if other := madeBy(again.compiler("/p/bin/x", "linux/amd64")); !slices.Equal(other, amd) {
		t.Errorf("another way to the same compiler counts: %q and %q", amd, other)
	}
}
