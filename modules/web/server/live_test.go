package server

import (
	"bufio"
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

// follow asks for the live queue.
func follow(t *testing.T, address string) (*bufio.Reader, net.Conn) {
	t.Helper()
	var dial net.Dialer
	c, err := dial.DialContext(t.Context(), "tcp", address)
	spooltest.Must(t, err)
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(2 * time.Minute))
	_, err = io.WriteString(c, "GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n")
	spooltest.Must(t, err)
	return bufio.NewReaderSize(c, 512), c
}

// waitFor reads until a line has a text, and returns that line.
func waitFor(t *testing.T, from *bufio.Reader, text string) string {
	t.Helper()
	for {
		line, err := from.ReadString('\n')
		if err != nil {
			t.Fatalf("waiting for %q: %v", text, err)
		}
		if strings.Contains(line, text) {
			return line
		}
	}
}

func TestTheLivePageShowsEachChange(t *testing.T) {
	t.Parallel()
	s, data := newServer(t)
	putJob(t, data, job.Pending, 1, map[string]any{"name": "song.mp3"})
	from, _ := follow(t, serve(t, s))
	if line := waitFor(t, from, "HTTP/1.1"); !strings.Contains(line, "200") {
		t.Fatal(line)
	}
	waitFor(t, from, `<span class="state pending">waiting</span>`)
	queue := filepath.Join(data, job.QueueFolder)
	spooltest.Must(t, os.Rename(filepath.Join(queue, "pending", id(1)), filepath.Join(queue, "separating", id(1))))
	waitFor(t, from, `<span class="state separating">separating</span>`)
	spooltest.Must(t, os.WriteFile(filepath.Join(queue, "separating", id(1), job.ProgressFile), []byte(`{"phase":"separating","done":1,"total":4}`), 0o644))
	waitFor(t, from, `value="25"`)
	spooltest.Must(t, os.Rename(filepath.Join(queue, "separating", id(1)), filepath.Join(queue, "done", id(1))))
	waitFor(t, from, `<span class="state done">done</span>`)
}

// Two hundred clients that follow a full queue take less than 64 MB, here together with what their readers take, and more than
// there is room for are sent away.
func TestManyFollowTheQueue(t *testing.T) { //nolint:paralleltest // It measures the memory of the process.
	s, data := newServer(t)
	for n := range 2 * mostOnWay {
		putJob(t, data, job.Pending, n, map[string]any{"name": strings.Repeat("x", 200) + ".mp3", "error": strings.Repeat("y", 200)})
	}
	address := serve(t, s)
	before := used()
	var all []*bufio.Reader
	var last net.Conn
	for range mostLive {
		from, c := follow(t, address)
		all, last = append(all, from), c
	}
	for _, from := range all {
		waitFor(t, from, "and 100 more")
	}
	if taken := used() - before; taken > 64<<20 {
		t.Errorf("%d clients take %d MB", mostLive, taken>>20)
	}
	from, _ := follow(t, address)
	waitFor(t, from, "HTTP/1.1 503")
	waitFor(t, from, "Retry-After: 30")
	_ = last.Close()
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		from, c := follow(t, address)
		if line := waitFor(t, from, "HTTP/1.1"); strings.Contains(line, "200") {
			break
		}
		_ = c.Close()
		if time.Now().After(end) {
			t.Fatal("the place of a client that left is not free")
		}
	}
}

func used() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapInuse + m.StackInuse)
}

// pipes is a listener whose connections are pipes, whose deadlines are those of a test's own clock.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	c, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (p pipes) Close() error {
	close(p)
	return nil
}

func (p pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes"} }

// watched is a connection that says when the server has closed it.
type watched struct {
	net.Conn
	once   sync.Once
	closed chan struct{}
}

func (w *watched) Close() error {
	w.once.Do(func() { close(w.closed) })
	return w.Conn.Close()
}

// Whoever asks or reads too slowly loses the connection.
func TestSlowClientsAreGivenUp(t *testing.T) {
	t.Parallel()
	s, data := newServer(t)
	putSong(t, data, "song", map[string]any{}, "vocals.wav")
	spooltest.Must(t, os.Truncate(filepath.Join(data, job.OutputFolder, "song", "vocals.wav"), 1<<20))
	putJob(t, data, job.Pending, 1, map[string]any{"name": "x"})
	spooltest.Must(t, s.Refresh(t.Context()))
	file := "/song/" + keyOf("song") + "/file/vocals.wav"
	for name, c := range map[string]struct {
		sends string
		reads int // bytes each second; 0 for none
		least time.Duration
		most  time.Duration
	}{
		"says nothing":              {"", 0, askWithin, askWithin + time.Second},
		"asks half":                 {"GET / HTTP/1.1\r\nHost: loc", 0, askWithin, askWithin + time.Second},
		"reads no page":             {"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 0, pageWithin, pageWithin + time.Second},
		"reads no stem":             {"GET " + file + " HTTP/1.1\r\nHost: localhost\r\n\r\n", 0, chunkWithin, chunkWithin + 10*time.Second},
		"reads a stem by bytes":     {"GET " + file + " HTTP/1.1\r\nHost: localhost\r\n\r\n", 100, chunkWithin, pageWithin + (1<<20)/slowest*time.Second + time.Second},
		"reads a stem too slowly":   {"GET " + file + " HTTP/1.1\r\nHost: localhost\r\n\r\n", 8 << 10, pageWithin, pageWithin + (1<<20)/slowest*time.Second + time.Second},
		"does not follow the queue": {"GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n", 0, sendWithin, sendWithin + time.Second},
		"asks for nothing more":     {"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n", 1 << 20, time.Minute, time.Minute + 2*time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				l := make(pipes)
				served := make(chan error, 1)
				one := *s
				one.feed = newFeed(time.Second, one.liveQueue)
				go func() { served <- one.Serve(ctx, l) }()
				here, pipe := net.Pipe()
				there := &watched{Conn: pipe, closed: make(chan struct{})}
				l <- there
				began := time.Now()
				go func() { _, _ = io.WriteString(here, c.sends) }()
				go func() {
					for c.reads > 0 {
						if _, err := io.ReadFull(here, make([]byte, c.reads)); err != nil {
							return
						}
						time.Sleep(time.Second)
					}
				}()
				<-there.closed
				if took := time.Since(began); took < c.least || took > c.most {
					t.Errorf("it was given up after %s; want %s to %s", took, c.least, c.most)
				}
				_ = here.Close()
				cancel()
				if err := <-served; err != nil {
					t.Error(err)
				}
				time.Sleep(time.Minute) // until all others have seen that
			})
		})
	}
}
