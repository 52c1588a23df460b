package image

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/project"
)

// made opens a project of these files; a name that ends with "/" is a folder.
func made(t *testing.T, files map[string]string, environ ...string) Builder {
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
	p, err := project.Open(t.Context(), root, append(environ, "IM2_CA_BUNDLE="))
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
		{"no Dockerfile", "{web: {build: web}}", map[string]string{"web/": ""}, []string{"web/Dockerfile: no such file", `"dockerfile"`}},
		{"another Dockerfile", "{web: {build: {context: web, dockerfile: ../D}}}", map[string]string{"web/": ""}, []string{"/D: no such file"}},
		{"no Dockerfile but a folder", "{web: {build: web}}", map[string]string{"web/Dockerfile/": ""}, []string{"web/Dockerfile: is a directory"}},
		{"a broken one", "{web: {build: web}}", map[string]string{"web/Dockerfile": "FROM a\n RUNN b\n"}, []string{"web/Dockerfile:2:2: unknown instruction"}},
		{"a broken one in the Compose file", "{web: {build: {dockerfile_inline: FRM a}}}", nil, []string{"dockerfile_inline:1:1: "}},
		{
			"an unknown stage", "{web: {build: {context: web, target: three}}}",
			map[string]string{"web/Dockerfile": "FROM a AS one\nFROM b AS two\n"},
			[]string{`no stage "three" (there are: one, two)`, `"target"`},
		},
		{
			"one name for two", "{web: {image: x, build: web}, other: {image: 'x:latest', build: other}}",
			map[string]string{"web/Dockerfile": "FROM a\n", "other/Dockerfile": "FROM a\n"},
			[]string{"services other and web build different images with the same name x:latest"},
		},
		{
			"an extra tag for two", "{web: {image: x, build: web}, other: {build: {context: other, tags: ['docker.io/library/x']}}}",
			map[string]string{"web/Dockerfile": "FROM a\n", "other/Dockerfile": "FROM a\n"},
			[]string{"the same name x:latest"},
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

// examine does what a build does before it starts anything.
func examine(ctx context.Context, b Builder) error {
	services := b.Project.Built()
	if err := b.check(services); err != nil {
		return err
	}
	p := b.planner()
	order, err := p.read(services)
	if err != nil {
		return err
	}
	_, err = p.judgeAll(ctx, order)
	return err
}

// unusable fails unless the check ends with one error of exit code 2 that has all parts.
func unusable(t *testing.T, b Builder, parts ...string) {
	t.Helper()
	err := examine(t.Context(), b)
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
	if err := examine(t.Context(), b); err != nil {
		t.Error(err)
	}
}

func TestTheBundleMustBeThere(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{"nowhere.pem": "no such file or directory", ".": "it is a folder", "large.pem": "at most 512000"} {
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

func TestOnlyWhatIsCopiedOutOfAContextCounts(t *testing.T) {
	t.Parallel()
	const all = "FROM scratch\nCOPY . /\n"
	cases := []struct {
		name, dockerfile string
		files            map[string]string
		refused          string // the path in the error; "" for none
	}{
		{"all", all, nil, "in/sock"},
		{"its folder", "FROM scratch\nCOPY in /\n", nil, "in/sock"},
		{"by wildcard", "FROM scratch\nCOPY */s?ck /\n", nil, "in/sock"},
		{"by ADD", "FROM scratch\nADD in/sock /\n", nil, "in/sock"},
		{"mounted", "FROM scratch\nRUN --mount=type=bind,target=/x true\n", nil, "in/sock"},
		{"another folder", "FROM scratch\nCOPY out /\n", nil, ""},
		{"from elsewhere", "FROM scratch AS a\nFROM scratch\nCOPY --from=a in /\n", nil, ""},
		{"in a stage that is not built", "FROM scratch AS a\nCOPY . /\nFROM scratch\n", nil, ""},
		{"in a stage that is", "FROM scratch AS a\nCOPY . /\nFROM a\n", nil, "in/sock"},
		{"ignored", all, map[string]string{".dockerignore": "**/sock\n"}, ""},
		{"ignored and taken back", all, map[string]string{".dockerignore": "in\n!in/sock\n"}, "in/sock"},
		{"the Dockerfile's own rules", all, map[string]string{".dockerignore": "*\n", "Dockerfile.dockerignore": "out\n"}, "in/sock"},
		{"an address", "FROM scratch\nADD https://x.test/in /\n", nil, ""},
		{"a variable", "FROM scratch\nARG A=in\nCOPY $A /\n", nil, "in/sock"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			files := map[string]string{"docker-compose.yml": "services: {web: {build: c}}", "c/Dockerfile": c.dockerfile, "c/in/": "", "c/out/file": ""}
			for name, text := range c.files {
				files["c/"+name] = text
			}
			b := made(t, files)
			socket(t, filepath.Join(b.Project.Root, "c", "in"))
			if c.refused == "" {
				if err := examine(t.Context(), b); err != nil {
					t.Error(err)
				}
				return
			}
			unusable(t, b, "building web: reading ", c.refused+" for the build: it is a socket", "dockerignore")
		})
	}
}

// socket makes a socket named "sock". It is made in the working folder of a short name,
// since a socket's path has no more than a hundred bytes.
func socket(t *testing.T, folder string) {
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
	if err := os.Rename(filepath.Join(short, "sock"), filepath.Join(folder, "sock")); err != nil {
		t.Fatal(err)
	}
}

func TestAnEndedContextEndsTheCheck(t *testing.T) {
	t.Parallel()
	b := made(t, map[string]string{"docker-compose.yml": "services: {web: {build: .}}", "Dockerfile": "FROM scratch\nCOPY . /\n"})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := examine(ctx, b); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestBasesAreThoseThatServicesAskFor(t *testing.T) {
	t.Parallel()
	b := made(t, map[string]string{"docker-compose.yml": `services:
  a: {build: {context: ., args: {BASE_IMAGE: "one:1"}}}
  b: {build: {context: ., args: {BASE_IMAGE: "${BASE_IMAGE:-x}"}}}
  c: {build: {context: ., args: [BASE_IMAGE]}}
  d: {build: {context: ., args: {BASE_IMAGE: ""}}}
  e: {build: .}
`, "Dockerfile": "FROM scratch\n"}, "BASE_IMAGE=two:2")
	p := b.planner()
	if _, err := p.read(b.Project.Built()); err != nil {
		t.Fatal(err)
	}
	for service, want := range map[string]string{"a": "one:1", "b": "two:2", "c": "two:2", "d": "", "e": ""} {
		if got := p.recipes[service].Args[project.BaseImage]; got != want {
			t.Errorf("%s: got %q, want %q", service, got, want)
		}
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

func TestARelativeBundleIsTheProjects(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for value, want := range map[string]string{"": "", "ca.pem": filepath.Join(root, "ca.pem"), root: root} {
		settings, err := project.ReadSettings(t.TempDir(), []string{project.CABundle + "=" + value})
		if err != nil {
			t.Fatal(err)
		}
		if got := Bundle(root, settings); got != want {
			t.Errorf("%q is %q, want %q", value, got, want)
		}
	}
}
