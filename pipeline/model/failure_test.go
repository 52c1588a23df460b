package model

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/im2-audio/im2/internal/exit"
)

// Each case is a server that never has the right thing.
func TestDownloadFails(t *testing.T) { //nolint:funlen // a table of cases
	t.Parallel()
	status := func(code int) func(*fixture) {
		return func(f *fixture) {
			f.server.answer = func(_ int, w http.ResponseWriter, _ *http.Request) bool {
				w.WriteHeader(code)
				return true
			}
		}
	}
	cases := []struct {
		name  string
		setUp func(f *fixture)
		code  exit.Code
		want  string
		part  int64
		tries int
	}{
		{"wrong digest", func(f *fixture) {
			f.server.body = slices.Clone(f.tarball)
			f.server.body[5000]++
		}, exit.Failed, "has not the digest of test 1.0.0 and was deleted", 0, 1},
		{"wrong digest, put together", func(f *fixture) {
			f.server.body = slices.Clone(f.tarball)
			f.server.body[5000]++
			f.server.answer = func(n int, w http.ResponseWriter, r *http.Request) bool {
				return n%2 == 0 && f.server.cutAt(150_000, w, r)
			}
		}, exit.Failed, "was deleted", 0, 4},
		{"other size", func(f *fixture) { f.server.body = f.tarball[:1000] }, exit.Failed, "another file there: it has 1000 bytes", 0, 1},
		{"too long without a length", func(f *fixture) {
			f.server.answer = func(_ int, w http.ResponseWriter, _ *http.Request) bool {
				w.Header().Set("Content-Type", "application/octet-stream")
				_ = http.NewResponseController(w).Flush()
				_, _ = w.Write(append(slices.Clone(f.tarball), 0))
				return true
			}
		}, exit.Failed, "it is larger than", 0, 1},
		{"other size, partial", func(f *fixture) {
			f.write(f.part(), f.tarball[:100])
			f.server.body = f.tarball[:1000]
		}, exit.Failed, "another file there: it has 1000 bytes", 100, 1},
		{"a page", func(f *fixture) {
			f.server.answer = func(_ int, w http.ResponseWriter, _ *http.Request) bool {
				_, _ = io.WriteString(w, "<html>please log in</html>")
				return true
			}
		}, exit.Failed, "a web page instead of the file; a login page", 0, 1},
		{"always cut at once", func(f *fixture) {
			f.server.answer = func(_ int, w http.ResponseWriter, r *http.Request) bool { return f.server.cutAt(0, w, r) }
		}, exit.Missing, "the connection was cut", 0, 3},
		{"always cut, no ranges", func(f *fixture) {
			f.server.answer = func(_ int, w http.ResponseWriter, r *http.Request) bool {
				r.Header.Del("Range")
				return f.server.cutAt(150_000, w, r)
			}
		}, exit.Missing, `150 kB of 303 kB are kept: "mage demucs-cache" continues from there`, 150_000, 3},
		{"not there", status(http.StatusNotFound), exit.Missing, `the server answered "404 Not Found"`, 0, 1},
		{"not allowed", status(http.StatusForbidden), exit.Missing, "403", 0, 1},
		{"out of order", status(http.StatusBadGateway), exit.Missing, `the server answered "502 Bad Gateway"`, 0, 3},
		{"no range asked for", status(http.StatusRequestedRangeNotSatisfiable), exit.Missing, "416", 0, 1},
		{"partial nonsense", status(http.StatusPartialContent), exit.Missing, "continues at another place", 0, 1},
		{"does not answer", func(f *fixture) {
			f.stall, f.tries = 500*time.Millisecond, 1
			f.server.answer = func(_ int, _ http.ResponseWriter, r *http.Request) bool {
				<-r.Context().Done()
				return true
			}
		}, exit.Missing, "stopped sending", 0, 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			c.setUp(f)
			err := f.fails(c.code)
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %q, want %q", err, c.want)
			}
			f.keeps(c.part)
			if seen := f.server.seen(); len(seen) != c.tries {
				t.Errorf("%d requests, want %d", len(seen), c.tries)
			}
			if _, err := os.Lstat(f.path("test-fp32")); err == nil {
				t.Error("there is a model")
			}
		})
	}
}

func TestNoNetwork(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.server.Close()
	address := strings.Replace(f.server.URL, "http://", "http://user:secret@", 1) + "/t.tgz?token=secret"
	f.Locate = func(context.Context) (Source, error) {
		return Source{Tarball: address, Integrity: f.artifact.Integrity}, nil
	}
	err := f.fails(exit.Missing)
	if !strings.Contains(err.Error(), "no network, or it does not lead to 127.0.0.1:") ||
		!strings.Contains(err.Error(), "refused") && !strings.Contains(err.Error(), "connect") {
		t.Errorf("error %q", err)
	}
	if all := err.Error() + f.notes.String(); strings.Contains(all, "secret") || strings.Contains(all, "user") {
		t.Errorf("credentials in %q", all)
	}
	if !strings.Contains(f.notes.String(), "trying again in 2ms") {
		t.Errorf("notes %q", f.notes)
	}
}

func TestLocate(t *testing.T) {
	t.Parallel()
	boom := errors.New("no image")
	cases := []struct {
		name   string
		locate func(a Artifact) (Source, error)
		want   string
	}{
		{"fails", func(Artifact) (Source, error) { return Source{}, exit.With(exit.Failed, boom) }, "no image"},
		{"another integrity", func(Artifact) (Source, error) {
			return Source{Tarball: "http://localhost/x", Integrity: "sha512-other"}, nil
		}, `the registry has "sha512-other" for test 1.0.0, and not "sha512-`},
		{"no address", func(a Artifact) (Source, error) { return Source{Integrity: a.Integrity}, nil }, "no web address"},
		{"a file", func(a Artifact) (Source, error) {
			return Source{Tarball: "file:///secret", Integrity: a.Integrity}, nil
		}, "no web address"},
		{"nonsense", func(a Artifact) (Source, error) {
			return Source{Tarball: "http://[secret", Integrity: a.Integrity}, nil
		}, "no web address"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.Locate = func(context.Context) (Source, error) { return c.locate(f.artifact) }
			err := f.fails(exit.Failed)
			if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
				t.Errorf("error %q, want %q", err, c.want)
			}
			if len(f.server.seen()) != 0 {
				t.Error("something was downloaded")
			}
		})
	}
}
