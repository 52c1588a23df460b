package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/im2-audio/im2/internal/run"
)

// listen serves a fake engine on a Unix socket and returns its path. The socket is in a folder
// of a short name, since its address has no more than a hundred bytes.
func listen(t *testing.T, handle http.HandlerFunc) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "im2") //nolint:usetesting // t.TempDir has the test's whole name in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	path := filepath.Join(folder, "sock")
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", path)
	if err != nil {
		t.Skipf("skipped: no sockets here: %v", err)
	}
	server := httptest.NewUnstartedServer(handle)
	_ = server.Listener.Close() // never fails; it is replaced
	server.Listener = l
	server.Start()
	t.Cleanup(server.Close)
	return path
}

// program is a file that looks like a docker command.
func program(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "docker")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// told is a Runner that answers each command with the same text and keeps the command lines.
type told struct {
	answer string
	fails  string // what it writes to standard error when it fails; "" when it does not
	asked  []string
}

func (r *told) Run(_ context.Context, c run.Cmd) error {
	r.asked = append(r.asked, strings.Join(c.Args, " "))
	if c.Stdout != nil {
		_, _ = io.WriteString(c.Stdout, r.answer)
	}
	if r.fails != "" {
		return &run.Error{Cmd: c, Stderr: r.fails, Err: errors.New("exit status 1")}
	}
	return nil
}

// reaches opens a client whose docker command is r and whose socket is answered by handle.
func reaches(t *testing.T, r *told, handle http.HandlerFunc) *Client {
	t.Helper()
	environ := []string{"DOCKER_HOST=unix://" + listen(t, handle)}
	docker := program(t, "\x7fELF")
	return &Client{Docker: docker, runner: r, env: environ, socket: openSocket(docker, environ)}
}

func TestWhereTheDockerCommandFindsItsEngine(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	config := filepath.Join(home, ".docker")
	place := func(name, host string) {
		sum := sha256.Sum256([]byte(name))
		touch(t, filepath.Join(config, "contexts", "meta", hex.EncodeToString(sum[:]), "meta.json"))
		text := fmt.Sprintf(`{"Name":%q,"Endpoints":{"docker":{"Host":%q}}}`, name, host)
		if err := os.WriteFile(filepath.Join(config, "contexts", "meta", hex.EncodeToString(sum[:]), "meta.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	place("rootless", "unix:///run/user/1000/docker.sock")
	place("far", "ssh://me@far")
	other, broken := t.TempDir(), t.TempDir()
	for folder, text := range map[string]string{config: `{"currentContext":"rootless"}`, other: `{"auths":{}}`, broken: "{"} {
		if err := os.WriteFile(filepath.Join(folder, "config.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cases := []struct{ environ, want string }{
		{"", "/run/user/1000/docker.sock"},
		{"DOCKER_CONFIG=" + other, defaultSocket},
		{"DOCKER_CONFIG=" + filepath.Join(other, "nowhere"), defaultSocket},
		{"DOCKER_CONFIG=" + broken, ""},
		{"DOCKER_CONTEXT=default", defaultSocket},
		{"DOCKER_CONTEXT=far", ""},
		{"DOCKER_CONTEXT=rootless DOCKER_CONFIG=" + other, ""}, // there is no such context there
		{"DOCKER_CONTEXT=missing", ""},
		{"DOCKER_HOST=unix:///a/b.sock DOCKER_CONTEXT=far", "/a/b.sock"},
		{"DOCKER_HOST= DOCKER_CONTEXT=rootless", "/run/user/1000/docker.sock"},
		{"DOCKER_HOST=tcp://127.0.0.1:2375", ""},
		{"DOCKER_HOST=ssh://me@far", ""},
		{"DOCKER_HOST=npipe:////./pipe/docker_engine", ""},
		{"DOCKER_HOST=/var/run/docker.sock", ""},
		{"DOCKER_HOST=unix://relative", ""},
	}
	for _, c := range cases {
		environ := append([]string{"HOME=" + home, "USERPROFILE=" + home}, strings.Fields(c.environ)...)
		if got := endpoint(environ); got != c.want {
			t.Errorf("%s: got %q, want %q", c.environ, got, c.want)
		}
	}
}

func TestWhenTheSocketIsAsked(t *testing.T) {
	t.Parallel()
	path := listen(t, func(http.ResponseWriter, *http.Request) {})
	file := touch(t, filepath.Join(t.TempDir(), "no.sock"))
	for name, c := range map[string]struct {
		docker, path string
		want         bool
	}{
		"a program":            {program(t, "\x7fELF"), path, true},
		"a script":             {program(t, "#!/bin/sh\nexec podman \"$@\"\n"), path, false},
		"an empty file":        {program(t, ""), path, false},
		"no program":           {filepath.Join(t.TempDir(), "docker"), path, false},
		"no socket but a file": {program(t, "\x7fELF"), file, false},
		"nothing there":        {program(t, "\x7fELF"), path + "2", false},
	} {
		if got := openSocket(c.docker, []string{"DOCKER_HOST=unix://" + c.path}); (got != nil) != c.want {
			t.Errorf("%s: %v", name, got != nil)
		}
	}
}

func TestWhatTheSocketAnswers(t *testing.T) {
	t.Parallel()
	r := &told{}
	var mu sync.Mutex
	var paths []string
	c := reaches(t, r, func(w http.ResponseWriter, q *http.Request) {
		mu.Lock()
		paths = append(paths, q.URL.RequestURI())
		mu.Unlock()
		switch q.URL.Path {
		case "/version":
			_, _ = io.WriteString(w, `{"Os":"linux","Arch":"arm64","ApiVersion":"1.41"}`)
		case "/images/localhost:5000/team/a:1/json":
			_, _ = io.WriteString(w, `{"Id":"sha256:a"}`)
		case "/images/b@sha256:00/json":
			_, _ = io.WriteString(w, `{"Id":"sha256:b"}`)
		case "/containers/json":
			_, _ = io.WriteString(w, `[{"Id":"1"},{"Id":"2"}]`)
		case "/containers/1/top":
			_, _ = io.WriteString(w, `{"Titles":["PID","UID"],"Processes":[["7","1000"]]}`)
		default:
			http.NotFound(w, q)
		}
	})
	if got, err := c.Platform(t.Context()); got != "linux/arm64" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	images, err := c.Images(t.Context(), []string{"b@sha256:00", "gone", "odd?#%name", "localhost:5000/team/a:1"})
	if err != nil || len(images) != 2 || images[0].ID != "sha256:b" || images[1].ID != "sha256:a" {
		t.Errorf("got %v, %v", images, err)
	}
	if has, err := c.HasImage(t.Context(), "gone"); has || err != nil {
		t.Errorf("an image that is not there: %v, %v", has, err)
	}
	if got, err := c.Containers(t.Context(), "a=b"); !slices.Equal(got, []string{"1", "2"}) || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := c.Processes(t.Context(), "1", "pid", "uid"); len(got) != 1 || !slices.Equal(got[0], []string{"7", "1000"}) || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if len(r.asked) != 0 {
		t.Errorf("the command was asked, too: %q", r.asked)
	}
	for _, want := range []string{`/images/odd%3F%23%25name/json`, `/containers/json?all=1&filters=%7B%22label%22%3A%5B%22a%3Db%22%5D%7D`, `/containers/1/top?ps_args=-eo+pid%2Cuid`} {
		if !slices.Contains(paths, want) {
			t.Errorf("%s was not asked for: %q", want, paths)
		}
	}
}

func TestReachAsksTheSocketAlone(t *testing.T) {
	t.Parallel()
	for answer, asked := range map[string]int{`{"ServerVersion":"20.10.24","SecurityOptions":["name=rootless"]}`: 0, `{}`: 1, `x`: 1} {
		r := &told{answer: `{"ServerVersion":"20.10.24","SecurityOptions":["name=rootless"]}`}
		c := reaches(t, r, func(w http.ResponseWriter, q *http.Request) {
			if q.URL.Path == "/info" {
				_, _ = io.WriteString(w, answer)
				return
			}
			_, _ = io.WriteString(w, `{"Os":"linux","Arch":"arm64","ApiVersion":"1.41"}`)
		})
		if e, err := c.reach(t.Context()); err != nil || e.Server.Remapped() != Rootless || len(r.asked) != asked {
			t.Errorf("%s: %+v, %v, asked %q", answer, e, err, r.asked)
		}
	}
}

func TestTheCommandIsAskedWhereTheSocketFails(t *testing.T) {
	t.Parallel()
	for name, handle := range map[string]http.HandlerFunc{
		"an error":            func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusInternalServerError) },
		"a bad request":       func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusBadRequest) },
		"half an answer":      func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"Os":`) },
		"a broken connection": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, //nolint:forbidigo // how a handler breaks a connection
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &told{answer: `{"Os":"linux","Arch":"amd64","ApiVersion":"1.41"}`}
			c := reaches(t, r, handle)
			if got, err := c.Platform(t.Context()); got != "linux/amd64" || err != nil {
				t.Errorf("got %q, %v", got, err)
			}
			r.answer = `[{"Id":"sha256:a"}]`
			if has, err := c.HasImage(t.Context(), "a"); !has || err != nil {
				t.Errorf("got %v, %v", has, err)
			}
			r.answer = "1\n2\n"
			if got, err := c.Containers(t.Context(), "a=b"); !slices.Equal(got, []string{"1", "2"}) || err != nil {
				t.Errorf("got %q, %v", got, err)
			}
			r.answer = "PID  UID\n7  1000\n8\n"
			if got, err := c.Processes(t.Context(), "1", "pid", "uid"); len(got) != 1 || !slices.Equal(got[0], []string{"7", "1000"}) || err != nil {
				t.Errorf("got %q, %v", got, err)
			}
			want := []string{
				"version --format {{json .Server}}", "image inspect a",
				"ps --all --quiet --no-trunc --filter label=a=b", "top 1 -eo pid,uid",
			}
			if !slices.Equal(r.asked, want) {
				t.Errorf("asked %q", r.asked)
			}
		})
	}
}

func TestWhatIsNotThereIsNoError(t *testing.T) {
	t.Parallel()
	r := &told{answer: `[{"Id":"sha256:a"}]`, fails: "Error: No such image: gone"}
	c := &Client{runner: r}
	if images, err := c.Images(t.Context(), []string{"a", "gone"}); err != nil || len(images) != 1 {
		t.Errorf("got %v, %v", images, err)
	}
	if images, err := c.Images(t.Context(), nil); len(images) != 0 || err != nil || len(r.asked) != 1 {
		t.Errorf("asked %q for nothing, %v", r.asked, err)
	}
	r.answer, r.fails = "", "Cannot connect to the Docker daemon"
	if _, err := c.HasImage(t.Context(), "a"); !errors.Is(err, ErrNotAnswering) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Platform(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestRemote(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{
		"": false, "unix:///run/user/1000/docker.sock": false, "npipe:////./pipe/docker_engine": false,
		"tcp://10.0.0.1:2375": true, "ssh://me@host": true, "https://host": true,
	} {
		c := Client{env: []string{"HOME=" + t.TempDir(), "DOCKER_HOST=" + host}}
		if got := c.Remote(); got != want {
			t.Errorf("%q: %v, want %v", host, got, want)
		}
	}
}
