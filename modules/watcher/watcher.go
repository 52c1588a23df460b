package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/im2-audio/im2/modules/internal/place"
	"github.com/im2-audio/im2/modules/internal/service"
	"github.com/im2-audio/im2/modules/internal/spool"
)

// A watcher turns the files in input/ into jobs. It is the only one that works in
// queue/incoming/, so whatever lies there is its own to finish.
type watcher struct {
	data   string
	worker string
	log    *slog.Logger
	beat   func()
	now    func() time.Time

	// spool is nil until the data folder could be opened.
	spool  *spool.Spool
	settle *settler
	// held are jobs in Incoming that could not be finished yet.
	held []heldJob
	// told are the folders in input/ that were pointed out.
	told map[string]bool
}

// A heldJob is one that waits for another try.
type heldJob struct {
	id string
	// changing means that someone still writes into the file: it has to settle again.
	changing bool
}

func newWatcher(env *service.Env, settle time.Duration) *watcher {
	return &watcher{
		data:   env.Data,
		worker: env.Worker,
		log:    env.Log,
		beat:   func() { _ = env.Health.Beat() }, // The loop reports a heartbeat that cannot be written.
		now:    time.Now,
		settle: newSettler(settle),
		told:   map[string]bool{},
	}
}

// turn finishes what was begun, then takes every file that is complete.
func (w *watcher) turn(ctx context.Context) (busy bool, err error) {
	if err := w.open(); err != nil {
		return false, err
	}
	defer w.settle.endRound()
	held := w.finishHeld(ctx)
	if spool.StopsAll(held) {
		return false, held
	}
	busy, err = w.scan(ctx)
	return busy, errors.Join(held, err)
}

// open prepares the data folder. The first time it also finds what a crash left behind.
func (w *watcher) open() error {
	if w.spool != nil {
		return w.spool.Ready()
	}
	s, err := spool.Open(w.data)
	if err != nil {
		return err
	}
	ids, err := s.List(spool.Incoming)
	if err != nil {
		return err
	}
	for _, id := range ids {
		w.held = append(w.held, heldJob{id: id})
		w.log.Info("taking up what an earlier run began", "job", id)
	}
	w.spool = s
	w.sweep()
	return nil
}

// sweep removes what a crash left long ago in the folders that only this service writes to, or
// that nobody else cleans: "mage separate" copies into input/ under such a name.
func (w *watcher) sweep() {
	place.Sweep(w.spool.Input(), ".im2-*.part")
	place.Sweep(w.spool.RejectedFiles(), place.ClaimPrefix+"*")
	place.Sweep(w.spool.StageFolder(spool.Incoming), place.TempPrefix+"*")
}

// finishHeld tries each held job once more. What fails again stays held.
func (w *watcher) finishHeld(ctx context.Context) error {
	held := w.held
	w.held = nil
	var errs []error
	for i, h := range held {
		if err := ctx.Err(); err != nil {
			w.held = append(w.held, held[i:]...)
			return errors.Join(append(errs, err)...)
		}
		err := w.finishOne(ctx, h)
		errs = append(errs, err)
		if spool.StopsAll(err) {
			w.held = append(w.held, held[i+1:]...)
			break
		}
	}
	return errors.Join(errs...)
}

func (w *watcher) finishOne(ctx context.Context, h heldJob) error {
	job, err := w.load(h.id)
	switch {
	case errors.Is(err, errMoved):
		return nil
	case errors.Is(err, fs.ErrNotExist):
		w.log.Warn("a job was removed while it was being taken", "job", h.id)
		return nil
	case errors.Is(err, spool.ErrDamaged):
		if aside := w.spool.SetAside(spool.Incoming, h.id, err); aside != nil {
			w.held = append(w.held, h)
			return errors.Join(err, aside)
		}
		return err
	case err != nil:
		w.held = append(w.held, h)
		return err
	case h.changing && !w.rests(job):
		w.held = append(w.held, h)
		return nil
	default:
		return w.finish(ctx, job)
	}
}

// scan looks at each entry of input/ once.
func (w *watcher) scan(ctx context.Context) (busy bool, err error) {
	entries, err := os.ReadDir(w.spool.Input())
	if err != nil {
		return false, fmt.Errorf("looking into input: %w", err)
	}
	var errs []error
	for _, entry := range entries {
		if err := ctx.Err(); err != nil {
			return busy, err
		}
		took, err := w.consider(ctx, entry)
		busy = busy || took
		errs = append(errs, err)
		if spool.StopsAll(err) {
			break
		}
	}
	return busy, errors.Join(errs...)
}

// consider takes one entry of input/ if it is complete.
func (w *watcher) consider(ctx context.Context, entry fs.DirEntry) (took bool, err error) {
	name := entry.Name()
	if waits(name) {
		return false, nil
	}
	info, err := entry.Info()
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // It vanished, which is its owner's right.
	}
	if err != nil {
		return false, fmt.Errorf("looking at %q: %w", name, err)
	}
	if info.IsDir() {
		return false, w.pointOut(name)
	}
	if !w.settle.settled(name, factsOf(info), w.now()) {
		return false, nil
	}
	return w.take(ctx, name)
}

// pointOut tells people, once, that a folder in input/ is not looked into.
func (w *watcher) pointOut(name string) error {
	if w.told[name] {
		return nil
	}
	if err := w.spool.Notice(name, folderNotice(name)); err != nil {
		return err
	}
	w.told[name] = true
	w.log.Warn("a folder in input is left alone", "name", name)
	return nil
}

// rests reports whether the file of a held job has come to rest.
func (w *watcher) rests(job *spool.Job) bool {
	path, err := takenFile(job)
	if err != nil || path == "" {
		return true // finish says what is wrong.
	}
	info, err := os.Lstat(path)
	if err != nil {
		return true
	}
	// A name in input/ cannot contain a slash, so the two kinds of keys never meet.
	return w.settle.settled(filepath.Join(string(spool.Incoming), job.ID), factsOf(info), w.now())
}

func factsOf(info fs.FileInfo) facts {
	return facts{size: info.Size(), mtime: info.ModTime().UnixNano(), inode: inode(info)}
}
