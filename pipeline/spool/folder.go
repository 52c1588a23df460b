package spool

import (
	"sync"
	"time"

	"github.com/im2-audio/im2/pipeline/place"
)

// restBetween is how long changes of a stage folder may wait after it was put on the disk, unless sync or
// flush is called. Nothing depends on it: a power cut puts a job back into the stage that it came
// from, complete. It bounds how many jobs that can be.
const restBetween = 50 * time.Millisecond

// A folder puts one stage folder on the disk for all who ask at the same time: what they
// renamed before they asked is covered by the one call that begins after that.
type folder struct {
	disk place.Disk
	path string
	now  func() time.Time

	mu   sync.Mutex
	done *sync.Cond
	// begun and ended count calls; there is one at a time.
	begun, ended int
	running      bool
	// failed is the error of the last call.
	failed error
	// dirty means that something was renamed since the last call began, at.
	dirty bool
	at    time.Time
}

func newFolder(disk place.Disk, path string, now func() time.Time) *folder {
	f := &folder{disk: disk, path: path, now: now}
	f.done = sync.NewCond(&f.mu)
	return f
}

func (f *folder) sync() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for mine := f.begun + 1; f.ended < mine; {
		if f.running {
			f.done.Wait()
			continue
		}
		f.call()
	}
	return f.failed
}

// call syncs the folder once, without holding the mutex meanwhile.
func (f *folder) call() {
	f.begun++
	f.running, f.dirty, f.at = true, false, f.now()
	f.mu.Unlock()
	err := f.disk.SyncFolder(f.path)
	f.mu.Lock()
	f.ended, f.failed, f.running = f.begun, err, false
	f.dirty = f.dirty || err != nil
	f.done.Broadcast()
}

func (f *folder) changed() error {
	f.mu.Lock()
	f.dirty = true
	wait := f.running || (!f.at.IsZero() && f.now().Sub(f.at) < restBetween)
	f.mu.Unlock()
	if wait {
		return nil
	}
	return f.sync()
}

func (f *folder) flush() error {
	f.mu.Lock()
	dirty := f.dirty
	f.mu.Unlock()
	if !dirty {
		return nil
	}
	return f.sync()
}
