package cli

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/im2-audio/im2/internal/build/image"
	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/docker/engine/enginetest"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/run"
	"github.com/im2-audio/im2/internal/term"
)

type object = map[string]any

// pipeline is a project that is up on a fake engine, as "mage up" left it.
type pipeline struct {
	Target
	environ []string
	engine  *enginetest.Engine
	client  *engine.Client
	out     func() string
}

func upAndSettled(t *testing.T) *pipeline {
	t.Helper()
	root := t.TempDir()
	for name, text := range map[string]string{
		"docker-compose.yml": `name: demo
x-im2: {data: data}
services:
  web: {build: web, env_file: web.env, environment: {LEVEL: "${LEVEL:-1}"}}
  db: {image: d}
  debug: {image: d, profiles: [debug]}
`,
		".env": "APP_USER_ID=1000\nAPP_GROUP_ID=1000\n", "web.env": "A=1\n",
		"web/Dockerfile": "FROM scratch\nCOPY a /\n", "web/a": "1", "data/x": "",
	} {
		path := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o750), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	e := &enginetest.Engine{Images: map[string]any{"d": object{"Id": "sha256:d"}}, Containers: object{}, Users: map[string]string{"1": "1000:1000", "2": "7:8"}, Capacity: engine.Capacity{Memory: 8 << 30, CPUs: 2}}
	ui, out, _ := term.Test()
	up := &pipeline{
		Target: Target{Home: t.TempDir(), Root: root, Runner: run.Local{}, UI: ui},
		engine: e, client: enginetest.Open(t, e), out: out.String, environ: []string{"XDG_CACHE_HOME=" + t.TempDir()},
	}
	p := up.open(t)
	plan, err := up.builder(p, up.client).Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	built := object{
		"Id": "sha256:w", "RepoTags": []string{"demo-web:latest"}, "Os": "linux", "Architecture": "amd64",
		"Config": object{"Labels": object{image.Label: plan.Modules[0].Digest}},
	}
	e.Images["demo-web"] = built
	for id, c := range map[string][3]string{"1": {"web", "demo-web", "sha256:w"}, "2": {"db", "d", "sha256:d"}} {
		e.Containers[id] = object{
			"Id": id, "Name": "/" + id, "Image": c[2], "State": object{"Status": "running"},
			"Config": object{"Image": c[1], "Labels": object{"com.docker.compose.project": "demo", "com.docker.compose.service": c[0]}},
		}
	}
	up.settle(t.Context(), p, up.client, nil, up.engine.Capacity)
	return up
}

func (up *pipeline) open(t *testing.T) *project.Project {
	t.Helper()
	p, err := project.Open(t.Context(), up.Root, up.environ)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (up *pipeline) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(up.Root, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestWhatMakesUpGoTheLongWay(t *testing.T) { //nolint:funlen // a table of cases
	change := func(of any, keys ...string) { // all but the last are where, the last is what
		for _, key := range keys[:len(keys)-2] {
			of = of.(object)[key]
		}
		of.(object)[keys[len(keys)-2]] = keys[len(keys)-1]
	}
	cases := []struct {
		name   string
		change func(t *testing.T, up *pipeline)
		short  bool
	}{
		{"nothing", func(*testing.T, *pipeline) {}, true},
		{"a variable that nobody uses", func(_ *testing.T, up *pipeline) { up.environ = append(up.environ, "OTHER=1") }, true},
		{"a variable of the Compose file", func(_ *testing.T, up *pipeline) { up.environ = append(up.environ, "LEVEL=2") }, false},
		{"that variable in .env", func(t *testing.T, up *pipeline) {
			t.Helper()
			up.write(t, ".env", "APP_USER_ID=1000\nAPP_GROUP_ID=1000\nLEVEL=3\n")
		}, false},
		{"an env_file", func(t *testing.T, up *pipeline) {
			t.Helper()
			up.write(t, "web.env", "A=2\n")
		}, false},
		{"a profile", func(_ *testing.T, up *pipeline) { up.environ = append(up.environ, "COMPOSE_PROFILES=debug") }, false},
		{"another project name", func(_ *testing.T, up *pipeline) { up.environ = append(up.environ, "COMPOSE_PROJECT_NAME=other") }, false},
		{"an override file", func(t *testing.T, up *pipeline) {
			t.Helper()
			up.write(t, "docker-compose.override.yml", "services: {db: {restart: always}}\n")
		}, false},
		{"a file of a secret", func(t *testing.T, up *pipeline) {
			t.Helper()
			up.write(t, "docker-compose.override.yml", "services: {db: {secrets: [s]}}\nsecrets: {s: {file: web.env}}\n")
			up.settle(t.Context(), up.open(t), up.client, nil, up.engine.Capacity) // Compose alone knows what is in it
		}, false},
		{"a file that an image is built from", func(t *testing.T, up *pipeline) {
			t.Helper()
			up.write(t, "web/a", "2")
		}, false},
		{"another image", func(_ *testing.T, up *pipeline) { change(up.engine.Images["d"], "Id", "sha256:d2") }, false},
		{"a container that stopped", func(_ *testing.T, up *pipeline) { change(up.engine.Containers["2"], "State", "Status", "exited") }, false},
		{"no data folder", func(t *testing.T, up *pipeline) {
			t.Helper()
			if err := os.RemoveAll(filepath.Join(up.Root, "data")); err != nil {
				t.Fatal(err)
			}
		}, false},
		{"a data folder for everybody", func(t *testing.T, up *pipeline) {
			t.Helper()
			if err := os.Chmod(filepath.Join(up.Root, "data"), 0o777); err != nil {
				t.Fatal(err)
			}
		}, false},
		{"notes that are damaged", func(t *testing.T, up *pipeline) {
			t.Helper()
			if err := os.WriteFile(up.settledPath(up.open(t)), []byte("{}"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, false},
		{"no notes", func(t *testing.T, up *pipeline) {
			t.Helper()
			if err := os.Remove(up.settledPath(up.open(t))); err != nil {
				t.Fatal(err)
			}
		}, false},
		{"more memory", func(_ *testing.T, up *pipeline) { up.engine.Capacity.Memory *= 2 }, false},
		{"more memory of a machine that was like this one", func(t *testing.T, up *pipeline) { // and is another one
			t.Helper()
			up.engine.Capacity = engine.Local()
			up.settle(t.Context(), up.open(t), up.client, nil, up.engine.Capacity)
			up.engine.Capacity.Memory *= 2
		}, runtime.GOOS != "linux"}, // elsewhere nothing is known, and no capacity was noted
		{"no place for notes", func(_ *testing.T, up *pipeline) { up.environ = nil }, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			up := upAndSettled(t)
			c.change(t, up)
			if got := up.stillUp(t.Context(), up.open(t), up.client, nil); got != c.short {
				t.Errorf("the short way: %v", got)
			}
			if printed := strings.Contains(up.out(), "1000:1000"); printed != c.short {
				t.Errorf("printed %q", up.out())
			}
		})
	}
	t.Run("other flags", func(t *testing.T) {
		up := upAndSettled(t)
		if up.stillUp(t.Context(), up.open(t), up.client, counts{workers: 1}) {
			t.Error("the short way")
		}
	})
}

func TestWhatIsNotUpIsForgotten(t *testing.T) {
	up := upAndSettled(t)
	p := up.open(t)
	up.engine.Containers["1"].(object)["State"] = object{"Status": "exited"}
	up.settle(t.Context(), p, up.client, nil, up.engine.Capacity)
	if _, ok := up.readSettled(p); ok {
		t.Error("what was left behind before is remembered still")
	}
}
