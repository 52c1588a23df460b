// Package enginetest has a fake engine for tests of what asks one.
package enginetest

import (
	"cmp"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/run"
)

// Engine answers questions about what is in it. Its fields may be changed between two questions.
type Engine struct {
	// Arch is what it runs on; "amd64" where it is empty.
	Arch string
	// Capacity is what its machine has.
	Capacity engine.Capacity
	// Images and Containers are what it says of each, by name or ID.
	Images, Containers map[string]any
	// Users are what it says of the processes of containers, as "UID:GID".
	Users map[string]string

	mu    sync.Mutex
	asked []string
}

// Asked returns the paths that were asked for, and forgets them.
func (e *Engine) Asked() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	asked := e.asked
	e.asked = nil
	return asked
}

// ServeHTTP implements http.Handler.
func (e *Engine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	e.asked = append(e.asked, r.URL.Path)
	e.mu.Unlock()
	if answer := e.answer(r.URL.Path); answer != nil {
		_ = json.NewEncoder(w).Encode(answer) // the test sees what is missing
		return
	}
	http.NotFound(w, r)
}

func (e *Engine) answer(path string) any {
	kind, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	i := max(0, strings.LastIndexByte(rest, '/'))
	name, what := rest[:i], strings.TrimPrefix(rest[i:], "/")
	switch {
	case kind == "version":
		return map[string]string{"Os": "linux", "Arch": cmp.Or(e.Arch, "amd64"), "ApiVersion": engine.MinAPI}
	case kind == "info" && e.Capacity.Memory > 0:
		return e.Capacity
	case kind == "images" && what == "json":
		return e.Images[name]
	case kind == "containers" && rest == "json":
		all := []any{}
		for _, container := range e.Containers {
			all = append(all, container)
		}
		return all
	case kind == "containers" && what == "json":
		return e.Containers[name]
	case kind == "containers" && what == "top" && e.Users[name] != "":
		uid, gid, _ := strings.Cut(e.Users[name], ":")
		return map[string]any{"Processes": [][]string{{"1", uid, gid}}}
	}
	return nil
}

// Open returns a client that asks e and nothing else: no docker command is needed, and none is
// started. It sets PATH, so that the test cannot be parallel.
func Open(t *testing.T, e *Engine) *engine.Client {
	t.Helper()
	// Of a short name, since a socket's address has no more than a hundred bytes.
	folder, err := os.MkdirTemp("", "im2") //nolint:usetesting // t.TempDir has the test's whole name in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	socket := filepath.Join(folder, "sock")
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", socket)
	if err != nil {
		t.Skipf("skipped: no sockets here: %v", err)
	}
	server := httptest.NewUnstartedServer(e)
	_ = server.Listener.Close() // never fails; it is replaced
	server.Listener = l
	server.Start()
	t.Cleanup(server.Close)
	// Not a script, which might ask another engine; nothing that runs either.
	docker := filepath.Join(folder, "docker")
	if err := os.WriteFile(docker, []byte("\x7fELF"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", folder)
	c, err := engine.Open(engine.Options{Runner: run.Local{}, Environ: []string{"DOCKER_HOST=unix://" + socket}, Home: folder})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
