package server

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"sync"
	"time"
)

const (
	// mostLive is how many clients follow the live page at once.
	mostLive = 256
	// aliveEvery is how often a client that has nothing new is told that the connection stands.
	aliveEvery = 15 * time.Second
	// sendWithin is how long a client may take to read what is new.
	sendWithin = 10 * time.Second
	// restFor is how many times as long as a look takes nothing is looked at: a slow disk has other work.
	restFor = 10
)

// A feed sends a part of a page to all who follow it, each time it has changed. It looks only while somebody does.
type feed struct {
	every time.Duration
	look  func(context.Context) ([]byte, error)

	mu      sync.Mutex
	clients map[chan []byte]struct{}
	last    []byte
	stop    context.CancelFunc
}

func newFeed(every time.Duration, look func(context.Context) ([]byte, error)) *feed {
	return &feed{every: every, look: look, clients: make(map[chan []byte]struct{})}
}

// join makes a client, whose channel has the newest part only; nil where there are too many.
func (f *feed) join() chan []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.clients) >= mostLive {
		return nil
	}
	news := make(chan []byte, 1)
	if f.last != nil {
		news <- f.last
	}
	f.clients[news] = struct{}{}
	if f.stop == nil {
		var ctx context.Context
		ctx, f.stop = context.WithCancel(context.Background())
		go f.run(ctx)
	}
	return news
}

func (f *feed) leave(news chan []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.clients, news)
	if len(f.clients) == 0 {
		f.stop()
		f.stop, f.last = nil, nil
	}
}

func (f *feed) run(ctx context.Context) {
	for ctx.Err() == nil {
		began := time.Now()
		if part, err := f.look(ctx); err == nil { // What fails is tried again; the page itself says why.
			f.publish(ctx, eventOf(part))
		}
		rest := time.NewTimer(max(f.every, restFor*time.Since(began)))
		select {
		case <-ctx.Done():
		case <-rest.C:
		}
		rest.Stop()
	}
}

// eventOf makes an event of a part of the page, once for all clients.
func eventOf(part []byte) []byte {
	return slices.Concat([]byte("event: queue\ndata: "), bytes.ReplaceAll(part, []byte("\n"), []byte("\ndata: ")), []byte("\n\n"))
}

func (f *feed) publish(ctx context.Context, part []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if ctx.Err() != nil || bytes.Equal(part, f.last) {
		return
	}
	f.last = part
	for news := range f.clients {
		select {
		case <-news: // It was not read yet, and is old.
		default:
		}
		news <- part
	}
}

// ServeHTTP sends server-sent events until the client leaves.
func (f *feed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	if r.Method == http.MethodHead {
		return
	}
	news := f.join()
	if news == nil {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Retry-After", "30")
		http.Error(w, "too many clients follow the queue", http.StatusServiceUnavailable)
		return
	}
	defer f.leave(news)
	alive := time.NewTicker(aliveEvery)
	defer alive.Stop()
	control := http.NewResponseController(w)
	send := func(text []byte) bool {
		_ = control.SetWriteDeadline(time.Now().Add(sendWithin))
		_, err := w.Write(text)
		return err == nil && control.Flush() == nil
	}
	for good := send([]byte("retry: 5000\n\n")); good; {
		select {
		case <-r.Context().Done():
			return
		case part := <-news:
			good = send(part)
		case <-alive.C:
			good = send([]byte(":\n\n"))
		}
	}
}
