package image

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/im2-audio/im2/internal/run"
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

func TestWhatAProgramIsMadeBy(t *testing.T) {
	t.Parallel()
	b := made(t, map[string]string{"docker-compose.yml": "services: {}"}, "GOPROXY=off", "CGO_CFLAGS=-O1", "PATH=/bin", "EDITOR=vi")
	amd := madeBy(b.compiler(program{"/p", "linux/amd64"}))
	compiler, err := run.Find("go")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"GOARCH=amd64", "GOPROXY=off", "CGO_CFLAGS=-O1", "compiler=" + compiler, "-trimpath"} {
		if !slices.Contains(amd, want) {
			t.Errorf("%s does not count: %q", want, amd)
		}
	}
	if slices.Contains(amd, "EDITOR=vi") || slices.Equal(amd, madeBy(b.compiler(program{"/p", "linux/arm64"}))) {
		t.Errorf("the engine's architecture does not count, or an editor does: %q", amd)
	}
	again := made(t, map[string]string{"docker-compose.yml": "services: {}"}, "GOPROXY=off", "CGO_CFLAGS=-O1", "PATH=/usr/lib/go/bin:/bin")
	if other := madeBy(again.compiler(program{"/p", "linux/amd64"})); !slices.Equal(other, amd) {
		t.Errorf("another way to the same compiler counts: %q and %q", amd, other)
	}
}
