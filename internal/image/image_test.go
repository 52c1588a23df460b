package image

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/project"
)

func TestOwnBase(t *testing.T) {
	t.Parallel()
	cases := []struct {
		asked, name, suite string
		ok                 bool
	}{
		{"debian:trixie-slim", "im2/base:trixie", "trixie", true},
		{"debian:bookworm", "im2/base:bookworm", "bookworm", true},
		{"debian:13-slim", "", "", false},
		{"debian:", "", "", false},
		{"debian:trixie@sha256:0", "", "", false},
		{"mirror.example/debian:trixie", "", "", false},
		{"ubuntu:noble", "", "", false},
	}
	for _, c := range cases {
		name, suite, ok := OwnBase(c.asked)
		if name != c.name || suite != c.suite || ok != c.ok {
			t.Errorf("OwnBase(%q) = %q, %q, %v", c.asked, name, suite, ok)
		}
	}
}

// parse reads a bake definition from JSON.
func parse(t *testing.T, text string) definition {
	t.Helper()
	var def definition
	if err := json.Unmarshal([]byte(text), &def); err != nil {
		t.Fatal(err)
	}
	return def
}

func TestAdaptAddsTheBundleAndKeepsTheRest(t *testing.T) {
	t.Parallel()
	def := parse(t, `{"group":{"default":{"targets":["b","a"]}},
		"target":{"a":{"context":"/p/a","labels":{"x":"y"}},"b":{"context":"/p/b","secret":["id=mine,src=/m"]}}}`)
	text, err := adapt(def, "/etc/ca.crt")
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"group":{"default":{"targets":["a","b"]}},"target":{"a":{"context":"/p/a","labels":{"x":"y"},"secret":["id=ca,src=/etc/ca.crt"]},"b":{"context":"/p/b","secret":["id=mine,src=/m","id=ca,src=/etc/ca.crt"]}}}`
	if string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
	text, err = adapt(parse(t, `{"target":{"a":{"context":"/p/a"}}}`), "")
	if err != nil || strings.Contains(string(text), "secret") {
		t.Errorf("without a bundle: %s, %v", text, err)
	}
}

func TestOnlyPathsOutsideAreAllowed(t *testing.T) {
	t.Parallel()
	def := parse(t, `{"target":{"a":{"context":"/p/a","dockerfile":"/p/a/Dockerfile"},"b":{"context":"/other","dockerfile":"Dockerfile"},"c":{"context":"/pelican"}}}`)
	got := strings.Join(bakeArgs(def, "/p", "/etc/ca.crt", false), " ")
	const want = "bake --file - --progress plain --allow fs.read=/etc/ca.crt --allow fs.read=/other --allow fs.read=/pelican"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := bakeArgs(def, "/p", "", true); !slices.Contains(got, "auto") {
		t.Errorf("on a terminal: %q", got)
	}
}

// builder opens a project with two built services, one of them a Go program of ours.
func builder(t *testing.T) Builder {
	t.Helper()
	root := t.TempDir()
	for name, text := range map[string]string{
		".env": "APP_USER_ID=1000\nAPP_GROUP_ID=1000\n",
		"docker-compose.yml": `
x-im2: {go: ./modules}
services:
  web: {build: {context: ./modules/web, args: {BASE_IMAGE: x}}}
  worker: {build: ./modules/web}
  tool: {build: ./modules/tool}
  far: {build: ./modules-far}
  db: {image: db}
`,
		"modules/web/main.go": "package main\n", "modules/tool/Dockerfile": "", "modules-far/main.go": "",
	} {
		path := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	p, err := project.Open(t.Context(), root, nil)
	if err != nil {
		t.Fatal(err)
	}
	return Builder{Project: p}
}

func TestModulesAreFoundByServiceAndByFolder(t *testing.T) {
	t.Parallel()
	b := builder(t)
	for modules, want := range map[string]string{"": "far tool web worker", "worker": "worker", "web": "web worker", "modules-far": "far"} {
		got, err := b.choose(strings.Fields(modules))
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("choose(%q) = %q, %v, want %q", modules, got, err, want)
		}
	}
	_, err := b.choose([]string{"db"})
	var coded *exit.Error
	if !errors.As(err, &coded) || coded.Code != exit.Unusable || !strings.Contains(err.Error(), "far, tool, web, worker") {
		t.Errorf("got %v", err)
	}
}

func TestOnlyOurGoProgramsAreCompiledAndOnlyOnce(t *testing.T) {
	t.Parallel()
	b := builder(t)
	got := b.Programs(b.Project.Built())
	if want := []string{filepath.Join(b.Project.Root, "modules", "web", "bin", "web")}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
