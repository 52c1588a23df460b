package image

import (
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
	got := b.programs(b.Project.Built(), "linux/arm")
	web := filepath.Join(b.Project.Root, "modules", "web")
	if want := []program{{web, "linux/arm/v7"}}; !slices.Equal(got, want) || got[0].out() != filepath.Join(web, "bin", "linux", "arm", "v7", "web") {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestGoIsToldThePlatform(t *testing.T) {
	t.Parallel()
	for platform, want := range map[string]string{
		"linux/amd64": "GOOS=linux GOARCH=amd64", "linux/amd64/v3": "GOOS=linux GOARCH=amd64 GOAMD64=v3",
		"linux/arm/v5": "GOOS=linux GOARCH=arm GOARM=5", "linux/arm/v7": "GOOS=linux GOARCH=arm GOARM=7", "linux/arm/v8": "GOOS=linux GOARCH=arm GOARM=7",
		"linux/arm64": "GOOS=linux GOARCH=arm64", "linux/arm64/v9": "GOOS=linux GOARCH=arm64 GOARM64=v9.0", "linux/386": "GOOS=linux GOARCH=386",
	} {
		if got := strings.Join(goPlatform(platform), " "); got != want {
			t.Errorf("%s: %s, want %s", platform, got, want)
		}
	}
}
