package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/lease"
	"github.com/im2-audio/im2/pipeline/logging"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/service"
	"github.com/im2-audio/im2/pipeline/spool"
	"github.com/im2-audio/im2/pipeline/title"
)

// A watcher turns the files in input/ into jobs, while it has the lease. Then it finishes everything that is in
// queue/incoming/.
type watcher struct {
	data   string
	worker string
	log    *slog.Logger
	beat   func()
	now    func() time.Time
	// rename is that of place.Local.
	rename func(oldPath, newPath string) error

	// times are those of leases, and note tells the health check what is no trouble.
	times lease.Times
	note  func(text string)
	// spool is nil until the data folder could be opened.
	spool *spool.Spool
	watch *spool.Watch
	// tenure ends with the lease, and stop ends both; nil while another watcher has it. adopted is when the jobs of others
	// were last taken.
	tenure  context.Context //nolint:containedctx // It lives longer than a turn.
	stop    func()
	adopted time.Time
	settle  *settler
	// library knows which songs have jobs.
	library library
	// largest is how many bytes a song may have, and large how many it has at most that is read during a turn.
	largest, large int64
	// mu guards held: several goroutines use it.
	mu sync.Mutex
	// held are jobs in Incoming that are to be finished later.
	held []heldJob
	// reading is the large file that is being read; nil for none. smallest says that the smallest is next.
	reading  *reading
	smallest bool
	// beside has the goroutine that reads it.
	beside sync.WaitGroup
	// told are the folders in input/ that were pointed out and are still there.
	told map[string]bool
}

func newWatcher(env *service.Env, settle time.Duration, largest int64) *watcher {
	return &watcher{
		data:    env.Data,
		worker:  env.Worker,
		log:     env.Log,
		beat:    func() { _ = env.Health.Beat() }, // The loop reports a heartbeat that cannot be written.
		now:     time.Now,
		rename:  place.Local.Rename,
		times:   env.Times,
		note:    env.Health.Note,
		settle:  newSettler(settle),
		largest: largest,
		large:   largeFile,
		told:    map[string]bool{},
	}
}

// turn finishes what was begun, then takes every file that is complete. It does nothing while another watcher has the lease.
func (w *watcher) turn(ctx context.Context) (busy bool, err error) {
	if err := w.open(); err != nil {
		return false, err
	}
	if w.tenure == nil {
		if err := w.acquire(ctx); err != nil || w.tenure == nil {
			return false, err
		}
	}
	busy, err = w.work(w.tenure)
	if errors.Is(context.Cause(w.tenure), spool.ErrLost) {
		w.log.Warn("another watcher has taken over: this one was stopped, or cut off from the data folder")
		w.release() // What it met after that says nothing.
		return true, nil
	}
	return busy, err
}

func (w *watcher) work(ctx context.Context) (busy bool, err error) {
	defer w.settle.endRound()
	adopted := w.adopt()
	stops, held := w.finishHeld(ctx)
	held = job.JoinErrors(adopted, held)
	if stops {
		return false, held
	}
	busy, err = w.scan(ctx)
	if spool.StopsAll(err) {
		return busy, job.JoinErrors(held, err)
	}
	return busy, service.Beside(nil, job.JoinErrors(held, err)) // What is wrong with one file delays no other.
}

func (w *watcher) open() error {
	if w.spool != nil {
		return w.spool.Ready()
	}
	s, err := spool.Open(w.data)
	if err != nil {
		return err
	}
	s.SetTimes(w.times)
	w.spool, w.watch = s, s.Watch(w.worker)
	return nil
}

// acquire begins a tenure if no other watcher has the lease. Of what an earlier one knew, nothing counts.
func (w *watcher) acquire(ctx context.Context) error {
	holder, err := w.watch.Acquire()
	if err != nil {
		return err
	}
	if holder != "" {
		w.note("waiting for another watcher, " + holder + ", which takes the songs")
		return nil
	}
	w.note("")
	w.tenure, w.stop = w.watch.Hold(ctx)
	w.library.forget()
	w.settle, w.adopted = newSettler(w.settle.after), time.Time{}
	w.sweep()
	return nil
}

// release ends the tenure, if there is one. The jobs that were begun stay in Incoming, for the next one.
func (w *watcher) release() {
	if w.tenure == nil {
		return
	}
	w.stop()
	w.beside.Wait()
	if err := w.watch.Release(); err != nil {
		w.log.Warn("the lease was not given back: the next watcher waits until it ends", "error", err)
	}
	w.tenure, w.held, w.reading = nil, nil, nil
}

// adoptEvery is how often the jobs of watchers are taken that had the lease before.
const adoptEvery = 5 * time.Second

// adopt takes what earlier runs and other watchers left in Incoming.
func (w *watcher) adopt() error {
	if now := w.now(); w.adopted.IsZero() || now.Sub(w.adopted) >= adoptEvery {
		w.adopted = now
	} else {
		return nil
	}
	claims, err := w.watch.Adopt()
	for _, c := range claims {
		w.hold(heldJob{claim: c})
		w.log.Info("resuming a job of an earlier run, or of another watcher", logging.JobKey, c.ID)
	}
	return err
}

// sweep removes what a crash left long ago in the folders that only this service writes to, or
// that nobody else cleans: "mage separate" copies into input/ under such a name.
func (w *watcher) sweep() {
	place.Sweep(w.spool.Input(), job.UploadPattern)
	w.sweepSidecars()
	place.Sweep(w.spool.RejectedFiles(), place.ClaimPrefix+"*")
}

func (w *watcher) scan(ctx context.Context) (busy bool, err error) {
	entries, err := place.Local.ReadDir(w.spool.Input())
	if err != nil {
		return false, fmt.Errorf("reading input/: %w", err)
	}
	maps.DeleteFunc(w.told, func(name string, _ bool) bool {
		_, there := slices.BinarySearchFunc(entries, name, func(e fs.DirEntry, name string) int { return strings.Compare(e.Name(), name) })
		return !there
	})
	var complete []candidate
	var errs []error
	for _, entry := range entries {
		c, err := w.consider(entry)
		errs = append(errs, err)
		if c != nil {
			complete = append(complete, *c)
		}
		if spool.StopsAll(err) {
			return false, job.JoinErrors(errs...)
		}
	}
	busy, err = w.takeAll(ctx, complete)
	return busy, job.JoinErrors(append(errs, err)...)
}

// A candidate is a file in input/ that is complete, as it looked then.
type candidate struct {
	name string
	facts
}

// takers is how many files are taken at the same time. Most of the time goes into waiting for the
// disk, which serves several at once.
const takers = 8

// takeAll takes files until all are taken, a turn's time is over, or something is met that stops all. Half of the takers take
// small ones first, and the others any, so that no flood of small ones keeps a larger one out.
func (w *watcher) takeAll(ctx context.Context, files []candidate) (busy bool, err error) {
	var wait sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	begun := w.now()
	slices.SortStableFunc(files, func(a, b candidate) int { return cmp.Compare(a.size, b.size) })
	for taker := range min(takers, len(files)) {
		wait.Go(func() {
			for {
				mu.Lock()
				if len(files) == 0 || ctx.Err() != nil || w.now().Sub(begun) >= turnFor || slices.ContainsFunc(errs, spool.StopsAll) {
					mu.Unlock()
					return
				}
				next := 0
				if taker%2 == 1 {
					next = rand.IntN(len(files)) //nolint:gosec // Nobody gains by knowing it.
				}
				file := files[next]
				files = slices.Delete(files, next, next+1)
				mu.Unlock()
				took, err := w.take(ctx, file.name, file.facts)
				mu.Lock()
				busy, errs = busy || took, append(errs, err)
				if took {
					w.settle.forget(file.name)
				}
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	return busy, job.JoinErrors(append(errs, ctx.Err())...)
}

// consider returns an entry of input/ if it is a file that is complete.
func (w *watcher) consider(entry fs.DirEntry) (*candidate, error) {
	name := entry.Name()
	if waits(name) {
		return nil, nil // Nothing to take, and no error.
	}
	info, err := entry.Info()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // It vanished, which is its owner's right.
	}
	if err != nil {
		return nil, fmt.Errorf("looking at %q: %w", name, err)
	}
	if info.IsDir() {
		return nil, w.pointOut(name)
	}
	if !w.settle.settled(name, factsOf(info), w.now()) {
		return nil, nil // Not yet.
	}
	return &candidate{name, factsOf(info)}, nil
}

// pointOut says, once, that a folder in input/ is skipped.
func (w *watcher) pointOut(name string) error {
	if w.told[name] {
		return nil
	}
	if err := w.spool.Notice(name, folderNotice(name)); err != nil {
		return err
	}
	w.told[name] = true
	w.log.Warn("skipping a folder in input", "name", name)
	return nil
}

func factsOf(info fs.FileInfo) facts {
	return facts{size: info.Size(), mtime: info.ModTime().UnixNano(), inode: inode(info)}
}

// emptyPatience is how many times longer an empty file must stay unchanged: some programs
// make the file first and need a moment before they write into it.
const emptyPatience = 5

const (
	// pausePatience is how many times longer than its longest pause so far a file that grows must
	// stay unchanged: who copies over a slow network, or records, writes in bursts.
	pausePatience = 2
	// longestPause bounds that.
	longestPause = time.Minute
)

// waits reports whether a name says that the file is not meant to be taken (yet): hidden
// files, which are what most copying programs write first, and those of downloads.
func waits(name string) bool {
	return strings.HasPrefix(name, ".") || title.Unfinished(name)
}

// facts are what must not change while a file settles.
type facts struct {
	size  int64
	mtime int64 // nanoseconds since 1970
	inode uint64
}

// A settler remembers what files looked like, to tell which are complete.
type settler struct {
	after time.Duration
	seen  map[string]look
	// next collects the looks of the current round and replaces seen at its end, so that
	// files that are gone are forgotten.
	next map[string]look
}

// A look is what a file looked like, and since when.
type look struct {
	facts
	since time.Time
	// pause is the longest time that it stayed unchanged before it changed again.
	pause time.Duration
}

func newSettler(after time.Duration) *settler {
	return &settler{after: after, seen: map[string]look{}, next: map[string]look{}}
}

// settled notes what the file looks like now. It reports whether the file has looked the same
// at an earlier look that is long enough ago.
func (s *settler) settled(name string, f facts, now time.Time) bool {
	before, ok := s.seen[name]
	if !ok {
		s.next[name] = look{facts: f, since: now}
		return false
	}
	if before.facts != f {
		changed := look{facts: f, since: now, pause: max(before.pause, now.Sub(before.since))}
		if before.inode != f.inode { // Another file, of which nothing is known.
			changed.pause = 0
		}
		s.next[name] = changed
		return false
	}
	s.next[name] = before
	after := max(s.after, min(pausePatience*before.pause, longestPause))
	if f.size == 0 {
		after = max(after, emptyPatience*s.after)
	}
	return now.Sub(before.since) >= after
}

func (s *settler) forget(name string) { delete(s.next, name) }

func (s *settler) endRound() {
	s.seen, s.next = s.next, map[string]look{}
}
