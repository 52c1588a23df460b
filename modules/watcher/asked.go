package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"syscall"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/logging"
	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/spool"
	"github.com/im2-audio/im2/pipeline/title"
)

// The sidecar of a song is copied to job.AskedFile before the song is moved, and removed after that. So a
// crash leaves the song in input/ with its sidecar, or in the job with the copy; never a song that
// lost what was asked for.

// asked is what a sidecar asks for, or what is wrong with it.
type asked struct {
	Options options.Options `json:"options,omitzero"`
	Problem string          `json:"problem,omitempty"`
}

func (a asked) equal(b asked) bool { return a.Problem == b.Problem && a.Options.Equal(b.Options) }

// readSidecar returns what is asked for with a song in input/; found is false when nothing is.
func (w *watcher) readSidecar(entry string) (a asked, found bool, err error) {
	name := job.Sidecar(entry)
	if len(name) > title.Limit {
		return asked{}, false, nil
	}
	data, err := readSmall(filepath.Join(w.spool.Input(), name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return asked{}, false, nil
	case errors.Is(err, job.ErrNotFile), errors.Is(err, syscall.ELOOP):
		return asked{Problem: sidecarReason(entry, "it is not a regular file")}, true, nil
	case errors.Is(err, fs.ErrPermission):
		return asked{Problem: sidecarReason(entry, "the pipeline may not read it; run `mage reset-permissions`")}, true, nil
	case err != nil:
		return asked{}, false, fmt.Errorf("reading the options of %q: %w", entry, err)
	}
	a.Options, err = options.Parse(data)
	if err != nil {
		return asked{Problem: sidecarReason(entry, err.Error())}, true, nil
	}
	return a, true, nil
}

// readSmall reads a regular file, and of a long one no more than shows that it is too long.
func readSmall(path string) ([]byte, error) {
	f, err := place.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // It was only read.
	return io.ReadAll(io.LimitReader(f, options.Longest+1))
}

// keepAsked copies what is asked for with a song in input/ into its job's folder. It reports whether
// there was something.
func (w *watcher) keepAsked(j *spool.Job, entry string) (found bool, err error) {
	a, found, err := w.readSidecar(entry)
	if err != nil || !found {
		return false, err
	}
	data, err := json.Marshal(a)
	if err != nil {
		return false, fmt.Errorf("keeping the options of %q: %w", entry, err)
	}
	return true, j.Write(append(data, '\n'), job.AskedFile)
}

// askedFor returns what is asked for with the song of a job that has no record yet, by the copy of its
// sidecar. The sidecar itself is removed where a crash kept that from being done: unless there is
// another song of that name by now, whose it may be.
func (w *watcher) askedFor(j *spool.Job, entry string) (asked, error) {
	data, err := readSmall(j.Path(job.AskedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return asked{}, nil
	}
	if err != nil {
		return asked{}, fmt.Errorf("reading the options of %q: %w", entry, err)
	}
	var a asked
	if err := json.Unmarshal(data, &a); err != nil {
		return asked{Problem: sidecarReason(entry, "the pipeline's copy of it was damaged")}, nil //nolint:nilerr // It is the song's problem now.
	}
	if another, err := place.Has(filepath.Join(w.spool.Input(), entry)); another || err != nil {
		return a, err
	}
	if left, found, err := w.readSidecar(entry); err != nil || (found && left.equal(a)) {
		w.dropSidecar(j, entry)
	}
	return a, nil
}

// dropSidecar removes the sidecar of a job's song, by way of the job's folder: a watcher that lost the job removes none that
// came since. One that stays would be taken for that of the next song of this name, so that is logged.
func (w *watcher) dropSidecar(j *spool.Job, entry string) {
	sidecar, dropped := filepath.Join(w.spool.Input(), job.Sidecar(entry)), j.Path(place.TempPrefix+"asked")
	info, err := place.Local.Lstat(sidecar)
	switch {
	case err == nil && info.IsDir(): // What is in it, if anything, stays.
		err = place.Local.Remove(sidecar)
	case err == nil:
		if err = place.Local.Rename(sidecar, dropped); err == nil {
			err = place.Local.Remove(dropped)
		}
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.log.Warn("the sidecar of a song could not be removed", logging.JobKey, j.ID, "name", job.Sidecar(entry), "error", err)
	}
}

// sweepSidecars removes the sidecars of songs that never came: mage separate was killed before it could
// name the song. One that was written for a later song is removed, too, after a day.
func (w *watcher) sweepSidecars() {
	place.SweepIf(w.spool.Input(), func(name string) bool {
		entry, ok := job.SidecarOf(name)
		if !ok {
			return false
		}
		there, err := place.Has(filepath.Join(w.spool.Input(), entry))
		return !there && err == nil
	})
}

// discard removes a job that got no file, with what was kept for it.
func discard(j *spool.Job) error {
	if err := place.Local.Remove(j.Path(job.TakenFolder)); err == nil || errors.Is(err, fs.ErrNotExist) {
		if err := j.Drop(job.AskedFile); err != nil { // The sidecar is still in input/.
			return err
		}
	}
	return j.Discard(job.TakenFolder)
}
