package scenario_test

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdRelay puts a relay before the engine, as DOCKER_HOST, until the script ends. When the file
// CUT appears, it drops every connection and takes no more: to a client, the engine has died.
func cmdRelay(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, args, 1, "relay CUT")
	engine := "/var/run/docker.sock"
	if path, ok := strings.CutPrefix(ts.Getenv("DOCKER_HOST"), "unix://"); ok {
		engine = path
	}
	folder, err := os.MkdirTemp("", "im2") // a socket's path has no more than a hundred bytes
	ts.Check(err)
	r := &relay{engine: engine}
	r.listener, err = net.Listen("unix", filepath.Join(folder, "engine.sock"))
	ts.Check(err)
	ts.Setenv("DOCKER_HOST", "unix://"+filepath.Join(folder, "engine.sock"))
	done := make(chan struct{})
	ts.Defer(func() {
		close(done)
		r.cut()
		_ = os.RemoveAll(folder)
	})
	go r.serve()
	go r.watch(ts.MkAbs(args[0]), done)
}

// relay hands connections on to an engine.
type relay struct {
	engine   string
	listener net.Listener
	mu       sync.Mutex
	open     []net.Conn
}

func (r *relay) serve() {
	for {
		from, err := r.listener.Accept()
		if err != nil {
			return
		}
		to, err := net.Dial("unix", r.engine)
		if err != nil {
			_ = from.Close()
			continue
		}
		r.mu.Lock()
		r.open = append(r.open, from, to)
		r.mu.Unlock()
		go pipe(from, to)
		go pipe(to, from)
	}
}

// pipe copies one direction, and passes on where it ends.
func pipe(from, to net.Conn) {
	_, _ = io.Copy(to, from)
	if half, ok := to.(*net.UnixConn); ok {
		_ = half.CloseWrite()
	}
}

func (r *relay) cut() {
	_ = r.listener.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.open {
		_ = c.Close()
	}
}

func (r *relay) watch(path string, done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		case <-time.After(20 * time.Millisecond):
			if _, err := os.Stat(path); err == nil {
				r.cut()
				return
			}
		}
	}
}
