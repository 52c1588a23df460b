package model

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"
)

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

func TestFresh(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if got := f.fetched(); got.Received != f.artifact.TarballSize {
		t.Errorf("received %d bytes", got.Received)
	}
	if seen := f.server.seen(); len(seen) != 1 || seen[0] != (request{}) {
		t.Errorf("requests %v", seen)
	}
	// The second run finds it right and asks nobody.
	got, err := f.ensure(t.Context())
	if err != nil || got.Prepared || got.Bytes != 80_000 || got.Path == "" {
		t.Errorf("second run: %+v, %v", got, err)
	}
	if len(f.server.seen()) != 1 || f.located != 1 {
		t.Errorf("%d requests, located %d times", len(f.server.seen()), f.located)
	}
}

// Each case is a way for a download to be interrupted or refused that ends well.
func TestDownloadGoesOn(t *testing.T) { //nolint:funlen // a table of cases
	t.Parallel()
	const half = 150_000
	cases := []struct {
		name string
		// part is what an earlier run left, as a share of the tarball in bytes.
		part   int
		setUp  func(f *fixture)
		ranges []request
	}{
		{"cut half way", 0, func(f *fixture) {
			f.server.answer = func(n int, w http.ResponseWriter, r *http.Request) bool {
				return n == 0 && f.server.cutAt(half, w, r)
			}
		}, []request{{}, {"bytes=150000-"}}},
		{"cut again and again, each time further", 0, func(f *fixture) {
			f.server.answer = func(n int, w http.ResponseWriter, r *http.Request) bool {
				return n < 5 && f.server.cutAt(30_000, w, r)
			}
		}, nil},
		{"kept by an earlier run", half, func(*fixture) {}, []request{{"bytes=150000-"}}},
		{"ranges ignored", half, func(f *fixture) {
			f.server.answer = func(_ int, w http.ResponseWriter, r *http.Request) bool {
				r.Header.Del("Range")
				f.server.full(w, r, "")
				return true
			}
		}, []request{{"bytes=150000-"}}},
		{"changed meanwhile", 0, func(f *fixture) {
			f.server.answer = func(n int, w http.ResponseWriter, r *http.Request) bool {
				if n > 0 {
					return false
				}
				f.server.cutAtThen(half, w, r, `"two"`)
				return true
			}
		}, []request{{}, {"bytes=150000-"}}},
		{"weak tag", 0, func(f *fixture) {
			f.server.tag = `W/"one"`
			f.server.answer = func(n int, w http.ResponseWriter, r *http.Request) bool {
				return n == 0 && f.server.cutAt(half, w, r)
			}
		}, []request{{}, {"bytes=150000-"}}},
		{"goes on elsewhere", half, func(f *fixture) {
			f.server.answer = func(n int, w http.ResponseWriter, _ *http.Request) bool {
				if n > 0 {
					return false
				}
				w.Header().Set("Content-Range", fmt.Sprintf("bytes 1-2/%d", len(f.tarball)))
				w.WriteHeader(http.StatusPartialContent)
				return true
			}
		}, []request{{"bytes=150000-"}, {}}},
		{"cannot go on", half, func(f *fixture) {
			f.server.answer = func(n int, w http.ResponseWriter, _ *http.Request) bool {
				if n == 0 {
					w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
				}
				return n == 0
			}
		}, []request{{"bytes=150000-"}, {}}},
		{"out of order for a while", 0, func(f *fixture) {
			f.server.answer = func(n int, w http.ResponseWriter, _ *http.Request) bool {
				if n < 2 {
					w.WriteHeader(http.StatusServiceUnavailable)
				}
				return n < 2
			}
		}, []request{{}, {}, {}}},
		{"stalls", 0, func(f *fixture) {
			f.stall = 150 * time.Millisecond
			f.server.answer = func(n int, w http.ResponseWriter, r *http.Request) bool {
				if n > 0 {
					return false
				}
				w.Header().Set("Content-Length", strconv.Itoa(len(f.tarball)))
				_, _ = w.Write(f.tarball[:half])
				_ = http.NewResponseController(w).Flush()
				<-r.Context().Done()
				return true
			}
		}, []request{{}, {"bytes=150000-"}}},
		{"does not answer", 0, func(f *fixture) {
			f.stall = 100 * time.Millisecond
			f.server.answer = func(n int, _ http.ResponseWriter, r *http.Request) bool {
				if n == 0 {
					<-r.Context().Done()
				}
				return n == 0
			}
		}, []request{{}, {}}},
		{"ends without saying that it is not all", 0, func(f *fixture) {
			f.server.answer = func(n int, w http.ResponseWriter, _ *http.Request) bool {
				if n > 0 {
					return false
				}
				_ = http.NewResponseController(w).Flush() // from now on chunked, without a length
				_, _ = w.Write(f.tarball[:half])
				return true
			}
		}, []request{{}, {"bytes=150000-"}}},
		{"called compressed", 0, func(f *fixture) {
			f.server.answer = func(_ int, w http.ResponseWriter, _ *http.Request) bool {
				w.Header().Set("Content-Encoding", "gzip")
				_, _ = w.Write(f.tarball)
				return true
			}
		}, []request{{}}},
		{"complete, but cut after its end", 0, func(f *fixture) {
			f.server.answer = func(_ int, w http.ResponseWriter, _ *http.Request) bool {
				_ = http.NewResponseController(w).Flush()
				_, _ = w.Write(f.tarball)
				_ = http.NewResponseController(w).Flush()
				panic(http.ErrAbortHandler) //nolint:forbidigo // how a handler breaks a connection
			}
		}, []request{{}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			if c.part > 0 {
				f.write(f.part(), f.tarball[:c.part])
			}
			c.setUp(f)
			f.fetched()
			if seen := f.server.seen(); c.ranges != nil && !slices.Equal(seen, c.ranges) {
				t.Errorf("requests %v, want %v", seen, c.ranges)
			}
		})
	}
}

// cutAtThen is cutAt for a server that has another version from then on.
func (s *server) cutAtThen(n int, w http.ResponseWriter, r *http.Request, tag string) {
	s.mu.Lock()
	before := s.tag
	s.tag = tag
	s.mu.Unlock()
	s.full(&cutter{ResponseWriter: w, left: n}, r, before)
}

func TestPartOfAnEarlierRun(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name     string
		part     func(tarball []byte) []byte
		requests int
		received bool
	}{
		{"complete", func(b []byte) []byte { return b }, 0, false},
		{"complete but damaged", func(b []byte) []byte { return append([]byte{9}, b[1:]...) }, 1, true},
		{"too long", func(b []byte) []byte { return append(slices.Clone(b), 0) }, 1, true},
		{"of something else", func([]byte) []byte { return []byte("junk") }, 2, true},
		{"empty", func([]byte) []byte { return nil }, 1, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.write(f.part(), c.part(f.tarball))
			got := f.fetched()
			if len(f.server.seen()) != c.requests || (got.Received > 0) != c.received {
				t.Errorf("%d requests, %d bytes received", len(f.server.seen()), got.Received)
			}
		})
	}
}
