package image

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/project"
)

// made opens a project of these files; a name that ends with "/" is a folder.
func made(t *testing.T, files map[string]string) Builder {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		err := os.MkdirAll(filepath.Dir(path), 0o700)
		if strings.HasSuffix(name, "/") {
			err = os.MkdirAll(path, 0o700)
		} else if err == nil {
			err = os.WriteFile(path, []byte(text), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	p, err := project.Open(t.Context(), root, []string{"IM2_CA_BUNDLE="})
	if err != nil {
		t.Fatal(err)
	}
	return Builder{Project: p}
}

func TestWhatCannotBeBuilt(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, compose string
		files         map[string]string
		want          []string
	}{
		{"no context", "{web: {build: nowhere}}", nil, []string{"building web in its context", "nowhere: no such file or directory", `"context"`}},
		{"a context that is a file", "{web: {build: file}}", map[string]string{"file": ""}, []string{"it is not a folder"}},
		{
			"one name for two", "{web: {image: x, build: web}, other: {image: 'x:latest', build: other}}",
			map[string]string{"web/Dockerfile": "FROM a\n", "other/Dockerfile": "FROM a\n"},
			[]string{"other and web build different images named x:latest"},
		},
		{
			"an extra tag for two", "{web: {image: x, build: web}, other: {build: {context: other, tags: ['docker.io/library/x']}}}",
			map[string]string{"web/Dockerfile": "FROM a\n", "other/Dockerfile": "FROM a\n"},
			[]string{"named x:latest"},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			files := map[string]string{"docker-compose.yml": "services: " + c.compose}
			for name, text := range c.files {
				files[name] = text
			}
			unusable(t, made(t, files), c.want...)
		})
	}
}

// unusable fails unless the check ends with one error of exit code 2 that has all parts.
func unusable(t *testing.T, b Builder, parts ...string) {
	t.Helper()
	err := b.check(b.Project.Built())
	var coded *exit.Error
	if !errors.As(err, &coded) || coded.Code != exit.Unusable {
		t.Fatalf("got %v, want an error with exit code 2", err)
	}
	for _, part := range parts {
		if !strings.Contains(filepath.ToSlash(err.Error()), part) {
			t.Errorf("%q is not in: %v", part, err)
		}
	}
}

func TestWhatCanBeBuilt(t *testing.T) {
	t.Parallel()
	b := made(t, map[string]string{
		"docker-compose.yml": `services:
  short: {build: a}
  same: {image: x, build: a}
  again: {image: x, build: a}
  stage: {build: {context: a, target: TWO}}
  number: {build: {context: a, target: "0"}}
  remote: {build: "https://github.com/im2-audio/nothing.git"}
  inline: {build: {dockerfile_inline: "FROM scratch"}}
`,
		"a/Dockerfile": "FROM a\nFROM b AS two\nCOPY bin/not-yet-compiled /\nUSER ${SET_BY_BASE:?x}\n",
	})
	if err := b.check(b.Project.Built()); err != nil {
		t.Error(err)
	}
}

func TestTheBundleMustBeThere(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{"nowhere.pem": "no such file or directory", ".": "it is a folder", "large.pem": "no more than 512000"} {
		b := made(t, map[string]string{
			"docker-compose.yml": "services: {}", ".env": "IM2_CA_BUNDLE=" + value + "\n", "large.pem": strings.Repeat("x", maxSecret+1),
		})
		var err error
		b.Project, err = project.Open(t.Context(), b.Project.Root, nil)
		if err != nil {
			t.Fatal(err)
		}
		unusable(t, b, `IM2_CA_BUNDLE, set to "`+value+`" in .env:1: `, want)
	}
}

func TestServicesThatShareAnImage(t *testing.T) {
	t.Parallel()
	b := made(t, map[string]string{"docker-compose.yml": `services:
  web: {image: app, build: {context: ., args: {A: 1}}}
  worker: {image: app, build: {context: ., args: {A: 1}}}
  other: {image: app, build: {context: ., args: {A: 2}}}
  arm: {image: app, platform: linux/arm64, build: {context: ., args: {A: 1}}}
  own: {build: {context: ., args: {A: 1}}}
`})
	for service, want := range map[string]string{"web": "web", "worker": "web", "other": "other", "arm": "arm", "own": "own"} {
		if got := b.owner(service); got != want {
			t.Errorf("the image of %s is built for %s, want %s", service, got, want)
		}
	}
	for services, want := range map[string]string{"own web worker": "own web", "worker": "worker", "own worker": "own worker"} {
		if got := strings.Join(b.once(strings.Fields(services)), " "); got != want {
			t.Errorf("%s: %q is built, want %q", services, got, want)
		}
	}
}
