package spool

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/im2-audio/im2/modules/internal/place"
)

// What a job's folder may hold.
const (
	// SourceFile is the audio. It always has this name, so that no hostile one ever gets on a
	// command line.
	SourceFile = "source"
	// StemsFolder holds the finished stems.
	StemsFolder = "stems"
	// WorkFolder is scratch space of the worker; it is dropped when the job moves on.
	WorkFolder = "work"

	recordFile   = "job.json"
	damagedFile  = "job.json.damaged"
	progressFile = "progress.json"
)

// ErrNotEmpty is returned when a job that was to be removed holds something.
var ErrNotEmpty = errors.New("the job's folder is not empty")

// A Job is a job in this process's hands: its record, and where it is. Only the worker that
// has it may use it, from one goroutine at a time.
type Job struct {
	Record
	spool *Spool
	stage Stage
}

// Stage is where the job is now.
func (j *Job) Stage() Stage { return j.stage }

// Dir is the job's folder. It changes with the stage.
func (j *Job) Dir() string { return j.spool.jobFolder(j.stage, j.ID) }

// Path is a file in the job's folder.
func (j *Job) Path(elem ...string) string {
	return filepath.Join(append([]string{j.Dir()}, elem...)...)
}

// Save writes the record. When it returns nil, the record is on the disk.
func (j *Job) Save() error {
	data, err := json.MarshalIndent(&j.Record, "", "  ")
	if err != nil {
		return fmt.Errorf("saving job %s: %w", j.ID, err)
	}
	if err := place.WriteDurable(j.Path(recordFile), append(data, '\n')); err != nil {
		return fmt.Errorf("saving job %s: %w", j.ID, err)
	}
	return nil
}

// Move hands the job on: it saves the record with the visit to the new stage and renames the
// folder. When it fails, the job is where it was, and Move may be called again.
func (j *Job) Move(to Stage) error { return j.move(to, "") }

// HandBack puts a job that this worker did not finish, for a reason that is not the job's
// (it was told to stop, the disk is full), back among those that wait. What was done of it is
// dropped, and the attempt does not count.
func (j *Job) HandBack(why string) error {
	attempt := j.Attempt
	j.Attempt = max(0, attempt-1)
	if err := j.Requeue(why); err != nil {
		j.Attempt = attempt
		return err
	}
	return nil
}

// Requeue is HandBack with the attempt counted: for a job whose worker was lost, which may
// well have been the job's doing.
func (j *Job) Requeue(why string) error {
	if err := j.Clear(StemsFolder); err != nil {
		return err
	}
	return j.move(Pending, why)
}

// Fail gives the job up. What it has is kept, so that it can be tried again; only what was
// made of it on the way, the stems included, is dropped.
func (j *Job) Fail(cause error) error {
	j.Error = cause.Error()
	if err := j.Clear(StemsFolder); err != nil {
		return err
	}
	return j.move(Failed, j.Error)
}

// Finish ends a job whose source and stems are where they belong: only job.json is left of it.
func (j *Job) Finish() error {
	if err := j.Clear(); err != nil {
		return err
	}
	return j.Move(Done)
}

// Discard removes a job that never had a file: its folder may hold nothing but leftovers of a
// write, and these folders if they are empty. With anything else in it the job stays as it is,
// and the error is ErrNotEmpty.
func (j *Job) Discard(folders ...string) error {
	err := j.Clear()
	for _, folder := range folders {
		if err == nil {
			err = removeEmpty(j.Path(folder))
		}
	}
	if err == nil {
		err = removeEmpty(j.Dir())
	}
	if err != nil {
		return fmt.Errorf("removing job %s: %w", j.ID, err)
	}
	return nil
}

// removeEmpty removes a folder that is empty, or not there at all.
func removeEmpty(dir string) error {
	err := os.Remove(dir)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if entries, readErr := os.ReadDir(dir); readErr == nil && len(entries) > 0 {
		return fmt.Errorf("%w: it has %q", ErrNotEmpty, entries[0].Name())
	}
	return err
}

// Clear removes what the services make in a job's folder on the way and can make again: work/,
// progress.json, what a crash left of a write, and the entries named. Everything else stays:
// whatever it is, nobody here has looked at it.
func (j *Job) Clear(names ...string) error {
	entries, err := os.ReadDir(j.Dir())
	if err != nil {
		return fmt.Errorf("clearing job %s: %w", j.ID, err)
	}
	names = append(names, WorkFolder, progressFile)
	var errs []error
	for _, entry := range entries {
		if name := entry.Name(); slices.Contains(names, name) || strings.HasPrefix(name, place.TempPrefix) {
			errs = append(errs, os.RemoveAll(j.Path(name)))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("clearing job %s: %w", j.ID, err)
	}
	return nil
}

// move ends the visit to this stage, with the failure if there was one, and renames the job's
// folder into the next stage.
func (j *Job) move(to Stage, failure string) error {
	from := j.stage
	j.arrive(to, "", failure, j.spool.now().UTC())
	if err := j.Save(); err != nil {
		j.rewind(from)
		return fmt.Errorf("moving job %s from %s to %s: %w", j.ID, from, to, err)
	}
	if err := j.rename(to); err != nil {
		j.rewind(from)
		return err
	}
	return nil
}

// rename moves the job's folder into the folder of the next stage.
func (j *Job) rename(to Stage) error {
	from := j.stage
	if err := os.Rename(j.Dir(), j.spool.jobFolder(to, j.ID)); err != nil {
		return fmt.Errorf("moving job %s from %s to %s: %w", j.ID, from, to, place.Explain(err))
	}
	j.stage = to
	return errors.Join(
		place.SyncFolder(j.spool.StageFolder(to)),
		place.SyncFolder(j.spool.StageFolder(from)),
	)
}
