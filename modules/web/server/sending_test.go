package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
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

// half begins to send a song over a real connection, and returns when a part of it is on the disk.
func half(t *testing.T, address, input string) net.Conn {
	t.Helper()
	body, kind := formOf(t, file{"song.wav", wave + strings.Repeat("x", 1<<20)})
	var dial net.Dialer
	c, err := dial.DialContext(t.Context(), "tcp", address)
	spooltest.Must(t, err)
	_, err = fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", uploadPath, kind, body.Len(), body.Bytes()[:body.Len()/2])
	spooltest.Must(t, err)
	waitUntil(t, "a part of the song", func() bool {
		parts, err := filepath.Glob(filepath.Join(input, job.BrowserPattern))
		return err == nil && len(parts) == 1
	})
	return c
}

func waitUntil(t *testing.T, what string, reached func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); !reached(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func isEmpty(folder string) bool {
	entries, err := os.ReadDir(folder)
	return err == nil && len(entries) == 0
}

// Of a song whose sending stops nothing stays, and neither does of one that is being sent when the service ends.
func TestNothingStaysOfHalfASong(t *testing.T) {
	t.Parallel()
	s, input := newUploadServer(t, nil)
	address := serve(t, s)
	spooltest.Must(t, half(t, address, input).Close())
	waitUntil(t, "the part to be removed", func() bool { return isEmpty(input) })

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	spooltest.Must(t, err)
	served := make(chan error, 1)
	other := uploadServerOn(t, filepath.Dir(input), nil)
	go func() { served <- other.Serve(ctx, l) }()
	defer func() { _ = half(t, address, input).Close() }()
	c := half(t, l.Addr().String(), input)
	defer func() { _ = c.Close() }()
	cancel()
	spooltest.Must(t, <-served)
	spooltest.WantNames(t, input)
}

// Who sends too slowly, or nothing more, is given up.
func TestSlowSendersAreGivenUp(t *testing.T) {
	t.Parallel()
	const all = 4 << 20
	for name, c := range map[string]struct {
		first       int // bytes at once
		sends       int // bytes each second; 0 for none
		least, most time.Duration
	}{
		"sends nothing more":         {8 << 10, 0, chunkWithin, chunkWithin + 2*drainWithin},
		"sends bytes":                {8 << 10, 100, pageWithin, pageWithin + 2*drainWithin},
		"sends too slowly":           {8 << 10, slowest / 2, 2*pageWithin - 2*time.Second, 2*pageWithin + 2*drainWithin},
		"sends much, and then bytes": {all - 1<<20, 100, mostCredit, mostCredit + 2*drainWithin},
		"sends fast enough":          {8 << 10, slowest * 2, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, input := newUploadServer(t, nil)
			body, kind := formOf(t, file{"song.wav", wave + strings.Repeat("x", all)})
			synctest.Test(t, func(t *testing.T) {
				s := uploadServerOn(t, filepath.Dir(input), nil)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				l := make(pipes)
				served := make(chan error, 1)
				go func() { served <- s.Serve(ctx, l) }()
				here, pipe := net.Pipe()
				there := &watched{Conn: pipe, closed: make(chan struct{})}
				l <- there
				began := time.Now()
				go func() { _, _ = io.Copy(io.Discard, here) }()
				go func() {
					_, err := fmt.Fprintf(here, "POST %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", uploadPath, kind, body.Len())
					_, _ = here.Write(body.Next(c.first))
					for err == nil && c.sends > 0 && body.Len() > 0 {
						time.Sleep(time.Second)
						_, err = here.Write(body.Next(c.sends))
					}
				}()
				<-there.closed
				if took := time.Since(began); c.most > 0 && (took < c.least || took > c.most) {
					t.Errorf("it was given up after %s; want %s to %s", took, c.least, c.most)
				}
				_ = here.Close()
				cancel()
				if err := <-served; err != nil {
					t.Error(err)
				}
				time.Sleep(time.Minute)
			})
			if c.most == 0 {
				spooltest.WantNames(t, input, "song.wav")
				return
			}
			spooltest.WantNames(t, input)
		})
	}
}

// A hundred browsers that send at once are served one after the other, and take next to no memory.
func TestAHundredUploadsAtOnce(t *testing.T) { //nolint:paralleltest // memory is measured
	const clients, size, most = 100, 1 << 20, 48 << 20
	s, input := newUploadServer(t, nil)
	address := serve(t, s)
	peak := peakOf(func() {
		var wait sync.WaitGroup
		for i := range clients {
			wait.Go(func() { sendFrom(t, address, fmt.Sprintf("%d.wav", i), size) })
		}
		wait.Wait()
	})
	if entries, err := os.ReadDir(input); err != nil || len(entries) != clients {
		t.Errorf("%d songs are there, %v; want %d", len(entries), err, clients)
	}
	if peak == 0 || peak > most {
		t.Errorf("%d bytes were in use at most; want at most %d", peak, most)
	}
}

// peakOf is how much more memory is in use at most while f runs.
func peakOf(f func()) (peak int) {
	before := used()
	measured, stop := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(measured)
		for {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				peak = max(peak, int(m.HeapInuse+m.StackInuse)-before)
			}
		}
	}()
	f()
	close(stop)
	<-measured
	return peak
}

// sendFrom sends a song of so many bytes over a real connection, and has none of it in memory.
func sendFrom(t *testing.T, address, name string, size int) {
	t.Helper()
	read, write := io.Pipe()
	form := multipart.NewWriter(write)
	go func() {
		part, err := form.CreateFormFile("file", name)
		if err == nil {
			_, err = io.WriteString(part, wave)
		}
		for n := 0; n < size && err == nil; n += 1 << 10 {
			_, err = part.Write(make([]byte, 1<<10))
		}
		_ = write.CloseWithError(errors.Join(err, form.Close()))
	}()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+uploadPath, read)
	if err != nil {
		t.Error(err)
		return
	}
	r.Header.Set("Content-Type", form.FormDataContentType())
	r.Host = "localhost"
	answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		t.Error(err)
		return
	}
	text, _ := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Errorf("%s: %d: %s", name, answer.StatusCode, text)
	}
}

// Those that are too many are told to come again, and so is who has waited long.
func TestTooManyUploadsWait(t *testing.T) {
	t.Parallel()
	s, input := newUploadServer(t, nil)
	for range mostWaiting {
		s.uploads.line <- struct{}{}
	}
	w := send(t, s, nil, file{"song.wav", wave})
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "Too many songs") {
		t.Errorf("%d, %v: %s", w.Code, w.Header(), w.Body)
	}
	synctest.Test(t, func(t *testing.T) {
		u := newUploads(Options{})
		for range mostUploads {
			u.slots <- struct{}{}
		}
		began := time.Now()
		if u.enter(t.Context()) || time.Since(began) != turnWithin || len(u.line) != 0 {
			t.Errorf("it was let in, or waited %s", time.Since(began))
		}
		go func() {
			time.Sleep(time.Second)
			u.leave()
		}()
		if !u.enter(t.Context()) {
			t.Error("its turn did not come")
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if u.enter(ctx) {
			t.Error("who left was let in")
		}
	})
	spooltest.WantNames(t, input)
}
