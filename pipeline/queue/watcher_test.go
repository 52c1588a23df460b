//go:build unix

package queue

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/spool"
)

// wantWatcher reads which watcher has the lease; "" is none.
func wantWatcher(t *testing.T, data, holder string) *Watcher {
	t.Helper()
	w, err := New(data).Watcher(t.Context())
	if err != nil || (w == nil) != (holder == "") || w != nil && w.Holder != holder {
		t.Fatalf("Watcher = %+v, %v; want %q", w, err, holder)
	}
	return w
}

// newWatches returns the leases of these workers in a new queue.
func newWatches(t *testing.T, workers ...string) (data string, watches []*spool.Watch) {
	t.Helper()
	data = t.TempDir()
	for _, folder := range job.Folders() {
		if err := os.MkdirAll(filepath.Join(data, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	s, err := spool.Open(data)
	if err != nil {
		t.Fatal(err)
	}
	for _, worker := range workers {
		watches = append(watches, s.Watch(worker))
	}
	return data, watches
}

func take(t *testing.T, w *spool.Watch) {
	t.Helper()
	if holder, err := w.Acquire(); holder != "" || err != nil {
		t.Fatalf("Acquire = %q, %v", holder, err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestWhichWatcherHasTheLease(t *testing.T) {
	t.Parallel()
	wantWatcher(t, t.TempDir(), "") // there is no queue
	data, watches := newWatches(t, "a", "b")
	wantWatcher(t, data, "")              // nor a lease
	began := time.Now().Add(-time.Second) // a kernel's time of files is some milliseconds behind
	take(t, watches[0])
	first := wantWatcher(t, data, "a")
	if first.Since.Before(began) || first.Renewed.Before(first.Since) {
		t.Errorf("%+v; want a since after %s, and a renewal after that", first, began)
	}

	// The mark that says since when comes after the name, on a busy machine by more than the clock's step.
	folder := filepath.Join(data, job.QueueFolder, job.WatcherFolder)
	named := time.Now().Add(-time.Minute)
	must(t, os.Chtimes(folder, named, named))
	if w := wantWatcher(t, data, "a"); w.Renewed.Before(w.Since) {
		t.Errorf("%+v: it was renewed before it began", w)
	}

	// Renewing changes no Since, and the next holder has one of its own.
	entries, err := os.ReadDir(folder)
	must(t, err)
	old := time.Now().Add(-time.Hour)
	must(t, os.Chtimes(filepath.Join(folder, entries[0].Name()), old, old))
	must(t, watches[0].Renew())
	if w := wantWatcher(t, data, "a"); !w.Since.Before(began) || w.Renewed.Before(began) {
		t.Errorf("after a renewal: %+v", w)
	}
	must(t, watches[0].Release())
	wantWatcher(t, data, "")
	take(t, watches[1])
	if w := wantWatcher(t, data, "b"); w.Since.Before(began) {
		t.Errorf("of the next holder: %+v", w)
	}

	// What is no lease is none.
	must(t, watches[1].Release())
	for _, name := range []string{".DS_Store", "free.txt"} {
		must(t, os.WriteFile(filepath.Join(folder, name), nil, 0o600))
	}
	wantWatcher(t, data, "")
}

func TestTheLeaseIsReadDuringRenewals(t *testing.T) {
	t.Parallel()
	data, watches := newWatches(t, "a")
	take(t, watches[0])
	done := make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				_ = watches[0].Renew()
			}
		}
	})
	for range 200 {
		if w, err := New(data).Watcher(t.Context()); err != nil || w != nil && w.Holder != "a" {
			t.Errorf("during renewals: %+v, %v", w, err)
		}
	}
	close(done)
	wait.Wait()
}
