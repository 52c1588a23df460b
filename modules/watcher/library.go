package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"
	"syscall"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/spool"
)

// A library knows the songs that have jobs, by their digests. It is in memory: the jobs are the
// truth, and are looked at before anything is said about one.
type library struct {
	mu sync.Mutex
	// jobs maps a song (see songOf) to the IDs of its latest jobs, the last one last; nil until they were
	// read.
	jobs map[string][]string
	// most is how many songs may come before the jobs are read again: those of many may be gone by then.
	most int
}

// leastSongs is how many songs come at least before the jobs are read again.
const leastSongs = 10_000

// mostSame is how many jobs of one song are known: each is looked at when that song comes again.
const mostSame = 64

// forget forgets all, so that the jobs are read again.
func (l *library) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.jobs = nil
}

func latest(ids []string) []string { return slices.Clone(ids[max(0, len(ids)-mostSame):]) }

// songOf tells songs apart: by their digest, and by what is asked for with them, since other stems or
// files come of one that is asked for with other options.
func songOf(j *spool.Job) string { return j.SHA256 + " " + j.Options.String() }

// read fills the library from all jobs there are. What cannot be read is not known.
func (l *library) read(ctx context.Context, s *spool.Spool, beat func()) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.jobs != nil && len(l.jobs) <= l.most {
		return nil
	}
	incoming, err := s.List(job.Incoming)
	if err != nil {
		return err
	}
	jobs, n := map[string][]string{}, 0
	err = s.Every(func(j *spool.Job, err error) error {
		if n%1000 == 0 {
			beat()
		}
		n++
		if err == nil && j.SHA256 != "" && j.DuplicateOf == "" {
			jobs[songOf(j)] = append(jobs[songOf(j)], j.ID)
		}
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	for song, ids := range l.jobs { // One that was taken just now may have no record so far.
		for _, id := range ids {
			if _, taken := slices.BinarySearch(incoming, id); taken && !slices.Contains(jobs[song], id) {
				jobs[song] = append(jobs[song], id)
			}
		}
	}
	for song, ids := range jobs {
		slices.Sort(ids)
		jobs[song] = latest(slices.Compact(ids))
	}
	l.jobs, l.most = jobs, 2*len(jobs)+leastSongs
	return nil
}

// first returns the latest job that has, or had, the song of this one; nil when there is none, or
// none that came to anything. Then this one is the first. Of two that are taken at once, only the
// one that came here later is a duplicate.
func (l *library) first(s *spool.Spool, j *spool.Job) (*spool.Job, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.jobs[songOf(j)]
	if i := slices.Index(before, j.ID); i >= 0 {
		before = before[:i]
	}
	for _, id := range slices.Backward(before) {
		other, err := s.Locate(id)
		switch {
		case errors.Is(err, spool.ErrNoRecord): // Another goroutine is about to write it.
			return s.Fresh(job.Claim{ID: id}), nil
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, spool.ErrDamaged):
			continue
		case err != nil:
			return nil, err
		}
		if is, err := counts(s, other); is || err != nil {
			return other, err
		}
	}
	l.add(j)
	return nil, nil // No job and no error is an answer: this one is the first.
}

// counts reports whether a job makes another one of the same song needless: it is under way, or
// its stems are there. One that was rejected, was given up, or whose stems were removed, does
// not: the song is then tried again.
func counts(s *spool.Spool, j *spool.Job) (bool, error) {
	switch j.Stage() {
	case job.Rejected, job.Failed:
		return false, nil
	case job.Done:
		if j.Track == "" {
			return false, nil
		}
		there, err := place.Has(filepath.Join(s.Output(), filepath.FromSlash(j.Track)))
		switch {
		case errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.ELOOP):
			// A file or a link has the place of its artist's folder. What was moved away and is behind a link now is not found by
			// the pipeline, no more than what was moved without one.
			return false, nil
		case errors.Is(err, fs.ErrPermission):
			return true, nil // It may be there, and who wants it again can ask for that.
		}
		return there, err
	default:
		return true, nil
	}
}

// sameSong rejects a song that has a job already, unless its name asks for it again.
func (w *watcher) sameSong(ctx context.Context, j *spool.Job, asked bool) error {
	if err := w.library.read(ctx, w.spool, w.beat); err != nil {
		return fmt.Errorf("searching the jobs for the song: %w", err)
	}
	if asked {
		w.library.put(j)
		return nil
	}
	other, err := w.library.first(w.spool, j)
	if err != nil {
		return fmt.Errorf("searching the jobs for the song: %w", err)
	}
	if other != nil {
		j.DuplicateOf, j.Error = other.ID, sameReason(j, other)
	}
	return nil
}

func (l *library) put(j *spool.Job) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.add(j)
}

// add is put for who has the mutex.
func (l *library) add(j *spool.Job) {
	if !slices.Contains(l.jobs[songOf(j)], j.ID) {
		l.jobs[songOf(j)] = latest(append(l.jobs[songOf(j)], j.ID))
	}
}
