package spool

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
)

// triesAdopt is how often Adopt lists the jobs: a watcher that lost its lease takes its last ones back meanwhile.
const triesAdopt = 10

// triesFind is how often the lease is read that seems to have two names: a list may have the name before a renewal and the one after.
const triesFind = 5

// A Watch is the lease of the watcher: of any number of processes, one at a time takes songs. It may be used by several
// goroutines.
//
// The lease is a name: queue/watcher/ has one entry, a folder "free" or <worker>.<token>, which its holder renames to another
// name every few seconds. Who has seen the same name for as long as a lease lasts renames it to its own. Of several,
// one succeeds, and the holder before finds out at its next renewal.
//
// That a holder which does not know that it lost the lease does no harm rests on an order. It makes the folder of a new job
// first, then renews the lease, and then moves the song into the folder. The next holder renames the lease first,
// then all folders of jobs in Incoming, and then reads which songs there are. So a job whose renewal came before that rename
// is seen, and taken away or on its way; and of one whose renewal came after it, no song was moved.
type Watch struct {
	spool  *Spool
	worker string
	now    func() time.Time

	mu sync.Mutex
	// name is the lease's while this process has it, else "". next is the one that it is about to get, or has got when the
	// disk gave no answer.
	name, next string
	// token is in the names of the jobs that are this holder's.
	token string
	// known means that the lease was seen: later ones of this worker's name are not from an earlier run.
	known bool
	// seen is the lease of another one, for how long it was seen, and when.
	seen   string
	age    time.Duration
	looked time.Time
}

// Watch returns the lease of the watcher for worker, which does not have it.
func (s *Spool) Watch(worker string) *Watch {
	return &Watch{spool: s, worker: job.WorkerName(worker), now: time.Now}
}

func (s *Spool) watchFolder() string {
	return filepath.Join(s.data, job.QueueFolder, job.WatcherFolder)
}

func (w *Watch) path(name string) string { return filepath.Join(w.spool.watchFolder(), name) }

// Acquire takes the lease if it is free, has ended, or was left by an earlier run of this worker. Otherwise it returns the
// worker that has it. It is to be called again and again.
func (w *Watch) Acquire() (holder string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	name, err := w.find()
	if err != nil {
		return "", fmt.Errorf("reading the lease of the watcher: %w", err)
	}
	holder, _ = job.ParseWatcher(name)
	left := !w.known && holder == w.worker
	if name != job.FreeWatcher && !left && !w.ended(name) {
		w.known = true
		return holder, nil
	}
	mine := w.newName()
	err = w.rename(name, mine)
	if errors.Is(err, fs.ErrNotExist) {
		return holder, nil // Its holder lives, or another process was faster.
	}
	if err != nil {
		return "", fmt.Errorf("taking the lease of the watcher: %w", err)
	}
	w.name, w.next, w.token, w.known, w.seen = mine, "", w.spool.claimToken(), true, ""
	w.mark()
	return "", nil
}

// mark makes the file server's clock say in the lease's time of change since when this process has it: renaming keeps that time.
func (w *Watch) mark() {
	if temp, err := w.spool.disk.Temp(w.path(w.name), nil, false); temp != "" || err == nil {
		_ = w.spool.disk.Remove(temp) // Else it is renamed with the lease, until the next sweep.
	}
}

func (w *Watch) newName() string { return w.worker + "." + w.spool.token() }

// find returns the name of the lease, and makes it where there is none.
func (w *Watch) find() (string, error) {
	var names []string
	for range triesFind {
		entries, err := w.spool.disk.ReadDir(w.spool.watchFolder())
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		names = nil
		for _, entry := range entries {
			if _, held := job.ParseWatcher(entry.Name()); held || entry.Name() == job.FreeWatcher {
				names = append(names, entry.Name())
			}
		}
		switch len(names) {
		case 0:
			return job.FreeWatcher, w.make()
		case 1:
			return names[0], nil
		}
	}
	return "", fmt.Errorf("%q has several: %q and %q; fix: stop all watchers, and remove that folder", w.spool.watchFolder(), names[0], names[1])
}

// make makes the lease and its folder at once: made one after the other, there would be a moment in which another
// process makes them as well, and then two leases.
func (w *Watch) make() error {
	disk, temp := w.spool.disk, filepath.Join(filepath.Dir(w.spool.watchFolder()), place.TempPrefix+w.spool.token())
	err := disk.Mkdir(temp)
	if err == nil {
		err = disk.Mkdir(filepath.Join(temp, job.FreeWatcher))
	}
	if err == nil {
		err = disk.SyncFolder(temp)
	}
	if err == nil {
		err = disk.Rename(temp, w.spool.watchFolder()) // It replaces an empty folder.
	}
	if err != nil {
		_ = disk.RemoveAll(temp) // The next holder tries again.
	}
	if errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) {
		return nil // Another process made it.
	}
	return errors.Join(err, disk.SyncFolder(filepath.Dir(temp)))
}

// sweep removes what a crash left where only the holder writes, or whoever makes the lease.
func (w *Watch) sweep() {
	w.mu.Lock()
	lease := w.path(w.name)
	w.mu.Unlock()
	for _, dir := range []string{filepath.Dir(w.spool.watchFolder()), lease, w.spool.StageFolder(job.Incoming)} {
		entries, _ := w.spool.disk.ReadDir(dir)
		for _, entry := range entries {
			if strings.HasPrefix(entry.Name(), place.TempPrefix) {
				_ = w.spool.disk.RemoveAll(filepath.Join(dir, entry.Name())) // It does no harm but to take room.
			}
		}
	}
}

// ended notes the lease of another one, and reports whether it has ended.
func (w *Watch) ended(name string) bool {
	now := w.now()
	since := min(now.Sub(w.looked), 2*w.spool.strayEvery()) // As for a Recovery: more may mean that this process was stopped.
	w.looked = now
	if name != w.seen {
		w.seen, w.age = name, 0
		return false
	}
	w.age += since
	return w.age >= w.spool.times.Lease
}

// rename gives the lease another name. It succeeded if that is there, whatever the answer was.
func (w *Watch) rename(from, to string) error {
	err := w.spool.disk.Rename(w.path(from), w.path(to))
	if err != nil {
		if won, _ := w.spool.disk.Has(w.path(to)); won {
			return nil
		}
	}
	return err
}

// tenure returns the token of this process's latest time as holder.
func (w *Watch) tenure() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.token
}

// renewIn is Renew for what was begun in one tenure. It may have been given back meanwhile, and another one begun.
func (w *Watch) renewIn(token string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.token != token {
		return ErrLost
	}
	return w.renew()
}

// Renew renews the lease. The error is ErrLost if another process has it; with any other one, this process may have it.
func (w *Watch) Renew() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.renew()
}

func (w *Watch) renew() error {
	if w.name == "" {
		return ErrLost
	}
	if w.next == "" {
		w.next = w.newName()
	}
	err := w.rename(w.name, w.next)
	if errors.Is(err, fs.ErrNotExist) {
		w.name, w.next = "", ""
		return fmt.Errorf("%w: the lease of the watcher: %w", ErrLost, err)
	}
	if err != nil {
		return fmt.Errorf("renewing the lease of the watcher: %w", err)
	}
	w.name, w.next = w.next, ""
	return nil
}

// Release gives the lease back, if this process has it: the next one need not wait for its end.
func (w *Watch) Release() error {
	w.mu.Lock() // To the end: a renewal between the two names would lose the one that is given back.
	defer w.mu.Unlock()
	err := w.renew() // It may have the next name.
	if err == nil {
		err = ignore(w.rename(w.name, job.FreeWatcher), fs.ErrNotExist) // Another process may have taken it by now.
	}
	w.name, w.next = "", ""
	return ignore(err, ErrLost)
}

// Hold renews the lease every few seconds until stop is called. The context that it returns ends with the cause ErrLost if
// the lease was lost.
func (w *Watch) Hold(ctx context.Context) (held context.Context, stop func()) {
	return hold(ctx, w.spool.times.Renew, w.Renew, func() {})
}

// Create is Spool.Create for the holder of the lease. The error is ErrLost for another one.
func (w *Watch) Create() (*Job, error) {
	token := w.tenure()
	j, err := w.spool.create(w.worker, token)
	if err != nil {
		return nil, err
	}
	if err := w.renewIn(token); err != nil {
		return nil, errors.Join(err, ignore(j.Discard(), fs.ErrNotExist))
	}
	return j, nil
}

// Adopt takes the jobs of Incoming that holders before had, or make without knowing that they lost the lease, and returns
// them under the claims that they have now. It does what it can besides an error.
func (w *Watch) Adopt() (adopted []job.Claim, err error) {
	token := w.tenure()
	for range triesAdopt {
		claims, listErr := w.spool.claims(job.Incoming)
		err = listErr
		found := false
		for _, c := range claims {
			if c.Fence == token || c.Fence == "" && c.Token == token { // It is in the hands of this holder.
				continue
			}
			if !found { // What was listed before this is no later holder's.
				if err := w.renewIn(token); err != nil {
					return adopted, err
				}
			}
			found = true
			mine := c.Fenced(token)
			moveErr := w.spool.moveFolder(w.spool.folderOf(job.Incoming, c), w.spool.folderOf(job.Incoming, mine))
			if won, _ := w.spool.disk.Has(w.spool.folderOf(job.Incoming, mine)); won {
				adopted = append(adopted, mine)
			} else if !errors.Is(moveErr, fs.ErrNotExist) {
				err = errors.Join(err, moveErr)
			}
		}
		if !found {
			break
		}
	}
	w.sweep()
	return adopted, err
}
