package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/logging"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/spool"
	"github.com/im2-audio/im2/pipeline/title"
)

var (
	// errMoved is returned when all that a job lacked was its last rename, which is made now.
	errMoved = errors.New("the job has moved on")
	// errSeveral is returned when a job's taken folder has files besides the one that was taken.
	errSeveral = errors.New("there are other files beside the one that was taken: move them to input/")
	// errNoFile is returned when someone removed the file of a job from its folder.
	errNoFile = errors.New("its file was removed from the queue: put the song into input/ again")
)

// take moves a file of input/ into the folder of a new job. From this one rename on it is the
// pipeline's; a crash before it leaves the file in input/, a crash after it a job that the
// next run takes up.
//
// settled is what the file looked like when it was complete. When it is another one by now (it was
// replaced, or is written again), the job waits until that one is complete.
func (w *watcher) take(ctx context.Context, name string, settled facts) (took bool, err error) {
	j, err := w.watch.Create()
	if err != nil {
		return false, err
	}
	err = place.Local.Mkdir(j.Path(job.TakenFolder))
	wanted := false
	if err == nil {
		wanted, err = w.keepAsked(j, name)
	}
	if err == nil {
		err = w.rename(filepath.Join(w.spool.Input(), name), j.Path(job.TakenFolder, name))
	}
	if err != nil {
		return w.notTaken(j, name, err)
	}
	if wanted {
		w.dropSidecar(j, name)
	}
	if !looks(j.Path(job.TakenFolder, name), settled) {
		w.log.Info("waiting for a file that was replaced or is written again", logging.JobKey, j.ID, "name", name)
		w.hold(heldJob{claim: j.Claim(), changing: true})
		return true, nil
	}
	return true, w.finish(ctx, j, heldJob{claim: j.Claim()})
}

// notTaken removes the job of a file that could not be taken. A file server may say so of a file that
// it did take, when its first answer got lost: then only the job has the file.
func (w *watcher) notTaken(j *spool.Job, name string, err error) (took bool, _ error) {
	discarded := discard(j)
	if discarded != nil {
		w.hold(heldJob{claim: j.Claim(), changing: true}) // Whatever it holds: the next turn ends it, or goes on with it.
	}
	switch {
	case errors.Is(discarded, spool.ErrNotEmpty):
		w.log.Warn("a file was taken although the disk reported an error", logging.JobKey, j.ID, "name", name, "error", err)
		return true, nil
	case errors.Is(err, fs.ErrNotExist): // It vanished, which is its owner's right.
		return false, discarded
	default:
		return false, errors.Join(fmt.Errorf("taking %q: %w", name, place.Explain(err)), discarded)
	}
}

func looks(path string, f facts) bool {
	info, err := place.Local.Lstat(path)
	return err == nil && factsOf(info) == f
}

// process does what is still to be done for the job:
//
//  1. inspect the file and what is asked for with it, and make a copy if it is not ours alone
//  2. write job.json: from now on the name is safe, and what was found is known
//  3. make the file, or its copy, the source
//  4. move the job to Pending, or the file to rejected/
//
// A file of more than atMost bytes that is still to be read is a largeError.
func (w *watcher) process(ctx context.Context, j *spool.Job, atMost int64) error {
	taken, err := takenFile(j)
	if err != nil {
		return err
	}
	if j.Name == "" { // Step 2 was not reached.
		if taken == "" {
			return w.discard(j)
		}
		if err := w.fill(ctx, j, taken, atMost); err != nil {
			return err
		}
	}
	if j.Error != "" {
		return w.reject(j, taken)
	}
	return w.publish(j, taken)
}

// fill fills the record of a job with what its song is and what is asked for with it, or with why it
// is rejected. The record is saved where the job goes on, or something would get lost.
func (w *watcher) fill(ctx context.Context, j *spool.Job, taken string, atMost int64) error {
	entry := filepath.Base(taken)
	song, again := title.AskedAgain(entry)
	j.SetName(song)
	a, err := w.askedFor(j, entry)
	if err != nil {
		return err
	}
	j.Options, j.Error = a.Options, a.Problem
	if j.Error == "" {
		j.Error, err = w.inspect(ctx, j, taken, j.Path(job.CopyFile), atMost)
	}
	if err == nil && j.Error == "" {
		err = w.sameSong(ctx, j, again)
	}
	if err != nil {
		return err
	}
	wanted := j.Options.String()
	if j.Error != "" && wanted != "" {
		j.Error += lostOptions(wanted)
	}
	if j.Error == "" || wanted != "" || a.Problem != "" {
		return w.record(j)
	}
	return nil
}

// record writes job.json once it is on the disk that the file was taken: a record without one
// would say that somebody removed it.
func (w *watcher) record(j *spool.Job) error {
	if err := place.SyncFolder(j.Path(job.TakenFolder)); err != nil {
		return err
	}
	return j.Save()
}

func (w *watcher) reject(j *spool.Job, taken string) error {
	if err := place.Local.RemoveAll(j.Path(job.CopyFile)); err != nil { // What it was made of is what people get back.
		return fmt.Errorf("removing the copy: %w", err)
	}
	if err := j.Drop(job.AskedFile); err != nil { // It is in the record by now.
		return err
	}
	if err := j.Reject(taken, j.Error); err != nil {
		return err
	}
	w.log.Warn("rejected", logging.JobKey, j.ID, "name", j.Name, "reason", j.Error)
	return nil
}

func (w *watcher) publish(j *spool.Job, taken string) error {
	err := makeSource(j, taken)
	if errors.Is(err, errNoFile) {
		w.log.Error("given up", logging.JobKey, j.ID, "name", j.Name, "error", err)
		return j.Fail(err)
	}
	if err != nil {
		return err
	}
	if err := errors.Join(clearTaken(j, taken), j.Drop(job.AskedFile)); err != nil {
		return err
	}
	if err := j.Move(job.Pending); err != nil {
		return err
	}
	w.log.Info("taken", logging.JobKey, j.ID, "name", j.Name, "type", j.MIME, "bytes", j.Size)
	return nil
}

// discard removes a job that got no file. One that has something is not that, whatever it is:
// it is given up with what it has, unless that is a song which a watcher before has just moved there.
func (w *watcher) discard(j *spool.Job) error {
	err := discard(j)
	if errors.Is(err, spool.ErrNotEmpty) {
		if taken, takenErr := takenFile(j); taken != "" && takenErr == nil {
			return errChanging
		}
		err = fmt.Errorf("%w: it is missing, and %w", spool.ErrDamaged, err)
		return errors.Join(err, j.SetAside(err))
	}
	return err
}

func clearTaken(j *spool.Job, taken string) error {
	if song, _ := title.AskedAgain(filepath.Base(taken)); taken != "" && song == j.RawName() {
		if err := place.Local.Remove(taken); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing what was copied: %w", err)
		}
	}
	return errors.Join(j.DropEmpty(job.TakenFolder), j.Clear())
}

// makeSource gives the file, or the copy of it where there is one, its final name. The copy
// is safe on the disk under that name before what it was made from is removed.
func makeSource(j *spool.Job, taken string) error {
	source, copied := j.Path(job.SourceFile), j.Path(job.CopyFile)
	haveCopy, err := place.Has(copied)
	if err != nil {
		return fmt.Errorf("keeping the copy: %w", err)
	}
	if haveCopy {
		if err := place.Local.Rename(copied, source); err != nil {
			return fmt.Errorf("keeping the copy: %w", err)
		}
		return place.SyncFolder(j.Dir())
	}
	if have, err := place.Has(source); have || err != nil {
		return err
	}
	if taken == "" {
		return errNoFile
	}
	if err := place.Local.Rename(taken, source); err != nil {
		return fmt.Errorf("keeping the file: %w", err)
	}
	return nil
}

// load reads a held job, whether its job.json was written or not. One whose move was announced
// and not made is moved.
func (w *watcher) load(c job.Claim) (*spool.Job, error) {
	moved, err := w.spool.FinishMove(c)
	switch {
	case errors.Is(err, spool.ErrNoRecord):
		return w.spool.Fresh(c), nil
	case err != nil:
		return nil, err
	case moved:
		return nil, errMoved
	default:
		return w.spool.Taken(c)
	}
}

// takenFile returns the path of the file in the job's taken folder, or "" when there is none.
// Hidden files are passed over: none is ever taken, and file managers leave theirs everywhere.
func takenFile(j *spool.Job) (string, error) {
	entries, err := place.Local.ReadDir(j.Path(job.TakenFolder))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("reading the folder of the taken file: %w", err)
	}
	path := ""
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		if path != "" {
			return "", fmt.Errorf("%w: %q and %q", errSeveral, filepath.Base(path), entry.Name())
		}
		path = j.Path(job.TakenFolder, entry.Name())
	}
	return path, nil
}
