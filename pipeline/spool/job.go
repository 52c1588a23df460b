package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
)

// ErrNotEmpty is returned when a job that was to be removed holds something.
var ErrNotEmpty = errors.New("the job's folder is not empty")

// A Job is a job in this process's hands: its record, and where it is. Only the worker that
// has it may use it, from one goroutine at a time; SetProgress and Renew may be called beside.
type Job struct {
	job.Record
	spool *Spool
	stage job.Stage
	claim job.Claim

	mu sync.Mutex
	// progress is what was told last of this visit. A renewal uses nothing else that changes: the
	// record belongs to the goroutine that works on the job.
	progress job.Progress
}

// Stage is where the job is now.
func (j *Job) Stage() job.Stage { return j.stage }

// Claim is who has the job: the name of its folder.
func (j *Job) Claim() job.Claim { return j.claim }

// Dir is the job's folder. It changes with the stage.
func (j *Job) Dir() string { return j.spool.folderOf(j.stage, j.claim) }

// Path is a file in the job's folder.
func (j *Job) Path(elem ...string) string {
	return filepath.Join(append([]string{j.Dir()}, elem...)...)
}

func (j *Job) disk() place.Placer {
	return place.Placer{Disk: j.spool.disk.Disk, Moved: j.removeMoved}
}

// removeMoved removes a temporary file or an empty folder that was made in the job's folder after that was taken away: a process may be stopped, and
// a file server cut off, between finding the folder and making something in it. The name is one that nothing else has.
func (j *Job) removeMoved(temp string) {
	for range triesMoved {
		for _, stage := range job.Stages {
			c, err := j.spool.find(stage, j.ID)
			if err == nil && j.spool.disk.Remove(filepath.Join(j.spool.folderOf(stage, c), filepath.Base(temp))) == nil {
				return
			}
		}
	}
}

// triesMoved is how often all stages are searched for a job that may move on meanwhile.
const triesMoved = 2

// Mkdir makes a folder in the job's folder. Its name is on the disk when it returns: what is put into it is not found under a
// temporary one after a power cut, and removed.
func (j *Job) Mkdir(name string) error {
	temp := j.Path(place.TempPrefix + j.spool.token())
	err := j.mending(func() error { return j.disk().Mkdir(temp) })
	if err == nil {
		if err = j.disk().Rename(temp, j.Path(name)); err != nil {
			j.disk().Discard(temp)
		}
	}
	if err == nil {
		err = j.disk().SyncFolder(j.Dir())
	}
	if err != nil {
		return fmt.Errorf("making %s of job %s: %w", name, j.ID, j.orLost(err))
	}
	return nil
}

// orLost returns err, or ErrLost besides when the reason is that the job's folder is gone.
func (j *Job) orLost(err error) error {
	if !errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrLost) {
		return err
	}
	if there, hasErr := j.disk().Has(j.Dir()); there || hasErr != nil {
		return err
	}
	return fmt.Errorf("%w: %w", ErrLost, err)
}

// Save writes the record. When it returns nil, the record is on the disk, and so are the names
// of everything in the job's folder.
func (j *Job) Save() error {
	data, err := j.Bytes()
	if err != nil {
		return fmt.Errorf("saving job %s: %w", j.ID, err)
	}
	err = j.mending(func() error { return j.disk().WriteDurable(j.Path(job.RecordFile), data) })
	if err != nil {
		return fmt.Errorf("saving job %s: %w", j.ID, j.orLost(err))
	}
	return nil
}

// mending calls do, and once more with the mode that the job's folder must have where that was in the way: whoever shares the
// data folder can change the mode at any time.
func (j *Job) mending(do func() error) error {
	err := do()
	if errors.Is(err, fs.ErrPermission) && j.disk().Chmod(j.Dir(), place.FolderMode) == nil {
		err = do()
	}
	return err
}

// Write writes a file whole into the job's folder, or one in it. What a crash leaves of it is in
// the job's own folder, where Clear finds it, and goes nowhere with the folder that it is for.
func (j *Job) Write(data []byte, elem ...string) error {
	path := j.Path(elem...)
	err := j.mending(func() error {
		temp, err := j.disk().Temp(j.Dir(), data, true)
		if err == nil {
			err = j.disk().Rename(temp, path)
		}
		if err != nil && temp != "" {
			j.disk().Discard(temp)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("writing %s of job %s: %w", filepath.Join(elem...), j.ID, j.orLost(err))
	}
	return j.disk().SyncFolder(filepath.Dir(path))
}

// Settle returns when it is on the disk that the job is in this stage. It must be called before
// anything outside of the job's folder is changed for it: what a power cut then puts back was
// not acted upon.
func (j *Job) Settle() error {
	if err := j.spool.stages[j.stage].sync(); err != nil {
		return fmt.Errorf("settling job %s: %w", j.ID, err)
	}
	return nil
}

// SettleMoves returns when it is on the disk what was moved out of the job's folder. Who goes on with what another process did
// must call it before the job ends: that may have been killed before it did.
func (j *Job) SettleMoves() error {
	if err := j.disk().SyncFolder(j.Dir()); err != nil {
		return fmt.Errorf("settling job %s: %w", j.ID, j.orLost(err))
	}
	return nil
}

// Deliver moves an entry of the job's folder into the folder dir, which is none of the queue,
// under the first of these names that is free. record is told each name before it is tried, and
// the record is saved with what it changes: a crash leaves either the entry in the job's folder
// or its name in the record.
func (j *Job) Deliver(entry, dir string, names place.Naming, record func(name string) error) error {
	if err := j.Settle(); err != nil {
		return err
	}
	_, err := j.disk().Put(j.Path(entry), dir, names, func(name string) error {
		if err := record(name); err != nil {
			return err
		}
		return j.Save()
	})
	return j.orLost(err)
}

// Discard removes a job that never had a file: its folder may hold nothing but leftovers of a
// write, and these folders if they are empty. With anything else in it the job stays as it is,
// and the error is ErrNotEmpty.
func (j *Job) Discard(folders ...string) error {
	err := j.Clear()
	for _, folder := range folders {
		if err == nil {
			err = removeEmpty(j.disk(), j.Path(folder))
		}
	}
	if err == nil {
		err = removeEmpty(j.disk(), j.Dir())
	}
	if err != nil {
		return fmt.Errorf("removing job %s: %w", j.ID, err)
	}
	return nil
}

func removeEmpty(d place.Disk, dir string) error {
	err := d.Remove(dir)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if entries, readErr := d.ReadDir(dir); readErr == nil && len(entries) > 0 {
		return fmt.Errorf("%w: it has %q", ErrNotEmpty, entries[0].Name())
	}
	return err
}

// Clear removes what the services make in a job's folder on the way and can make again: work/,
// progress.json, what a crash left of a write, and the entries named. Everything else stays:
// it is not known what it is.
func (j *Job) Clear(names ...string) error {
	var entries []fs.DirEntry
	err := j.mending(func() (err error) {
		entries, err = j.disk().ReadDir(j.Dir())
		return err
	})
	if err != nil {
		return fmt.Errorf("clearing job %s: %w", j.ID, j.orLost(err))
	}
	names = append(names, job.WorkFolder, job.ProgressFile)
	var errs []error
	for _, entry := range entries {
		if name := entry.Name(); slices.Contains(names, name) || strings.HasPrefix(name, place.TempPrefix) {
			err := j.drop(entry)
			errs = append(errs, err)
			if errors.Is(err, place.ErrRefilled) { // There may be many of these.
				break
			}
		}
	}
	if err := job.JoinErrors(errs...); err != nil {
		return fmt.Errorf("clearing job %s: %w", j.ID, j.orLost(err))
	}
	return nil
}

// tidy is Clear before the job's folder goes on. What cannot be removed goes with it, under a name that nobody looks at:
// held for that, the job would wait for ever.
func (j *Job) tidy(names ...string) error {
	err := j.Clear(names...)
	if Environment(err) || errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Drop removes an entry of the job's folder that this worker made, if it is there.
func (j *Job) Drop(name string) error {
	info, err := j.disk().Lstat(j.Path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = j.drop(fs.FileInfoToDirEntry(info))
	}
	if err != nil {
		return fmt.Errorf("removing %s of job %s: %w", name, j.ID, j.orLost(err))
	}
	return nil
}

// DropEmpty removes a folder of the job's folder if it is there and empty. Where it cannot, because of what it is, it stays.
func (j *Job) DropEmpty(name string) error {
	if err := removeEmpty(j.disk(), j.Path(name)); Environment(err) {
		return fmt.Errorf("removing %s of job %s: %w", name, j.ID, err)
	}
	return nil
}

// drop removes an entry of the job's folder. A folder first gets a new random name:
// emptying it takes many steps, and a worker that is stopped between two of them and lost the
// job meanwhile must not continue with what the next one has under the same name.
func (j *Job) drop(entry fs.DirEntry) error {
	path := j.Path(entry.Name())
	if !entry.IsDir() {
		return ignore(j.mending(func() error { return j.disk().Remove(path) }), fs.ErrNotExist)
	}
	if !strings.HasPrefix(entry.Name(), place.TempPrefix) {
		dropped := j.Path(place.TempPrefix + j.spool.token())
		if err := j.mending(func() error { return j.disk().Rename(path, dropped) }); err != nil {
			return err
		}
		path = dropped
	}
	return j.mending(func() error { return j.disk().RemoveAll(path) })
}

const (
	// MaxAttempts is how often a job is begun before it is given up.
	MaxAttempts = 3
	// MaxLosses is how many workers may be lost that had a job before it is given up: it may be what kills them, but so may
	// whatever else happens to many machines.
	MaxLosses = 10
)

// Move hands the job on: it saves the record with the visit to the new stage and renames the
// folder. When it fails, the job is where it was, and Move may be called again; unless the error
// is ErrLost.
func (j *Job) Move(to job.Stage) error { return j.move(to, "") }

// HandBack puts a job that this worker did not finish, for a reason that is not the job's
// (it was told to stop, the disk is full), back among those that wait. What was done of it is
// dropped, and the attempt does not count.
func (j *Job) HandBack(why string) error {
	attempt := j.Attempt
	j.Attempt = max(0, attempt-1)
	if err := j.giveBack(why); err != nil {
		j.Attempt = attempt
		return err
	}
	return nil
}

// Requeue is HandBack with the attempt counted: for a job whose attempt failed. After MaxAttempts the job goes to Failed,
// with the errors of all of them.
func (j *Job) Requeue(why string) error {
	failures := j.Failures(j.stage)
	if j.stage == job.Separating && j.Attempt >= 1 && j.Attempt <= len(failures) {
		failures = failures[:j.Attempt-1] // One of this number was handed back, and does not count.
	}
	failures = append(failures, why)
	tried := len(failures)
	if j.stage == job.Separating {
		tried = j.Attempt
	}
	if tried < MaxAttempts {
		j.Error = why
		return j.giveBack(why)
	}
	j.Error = together(failures)
	return j.giveUp(why, j.made()...)
}

// made are the folders that are dropped when the job does not go on from its stage: later stems are complete, and the song
// may be in archive/.
func (j *Job) made() []string {
	if j.stage == job.Separating {
		return []string{job.StemsFolder}
	}
	return nil
}

// lose is HandBack with the loss of the job's worker counted. After MaxLosses the job goes to Failed.
func (j *Job) lose(why string) error {
	j.Lose()
	if j.Losses < MaxLosses {
		j.Error = why
		return j.giveBack(why)
	}
	j.Error = fmt.Sprintf("%d workers were lost that had it, so it may be what ends them; the last time %s", j.Losses, why)
	return j.giveUp(why, j.made()...)
}

func (j *Job) giveBack(why string) error {
	if err := j.tidy(j.made()...); err != nil {
		return err
	}
	return j.move(j.stage.Entry(), why)
}

// Fail gives the job up. What it has is kept, so that it can be tried again; only what was
// made of it on the way, the stems included, is dropped.
func (j *Job) Fail(cause error) error {
	j.Error = cause.Error()
	return j.giveUp(j.Error, job.StemsFolder)
}

func (j *Job) giveUp(why string, drop ...string) error {
	if err := j.tidy(drop...); err != nil {
		return err
	}
	return j.move(job.Failed, why)
}

func together(failures []string) string {
	var texts []string
	for i, failure := range failures {
		if failure != failures[0] {
			texts = nil
			break
		}
		texts = append(texts, fmt.Sprintf("attempt %d", i+1))
	}
	if texts != nil {
		return failures[0]
	}
	for i, failure := range failures {
		texts = append(texts, fmt.Sprintf("attempt %d: %s", i+1, failure))
	}
	return strings.Join(texts, "; ")
}

// Finish ends a job whose source and stems are where they belong: only job.json is left of it.
func (j *Job) Finish() error {
	if err := j.tidy(); err != nil {
		return err
	}
	return j.Move(job.Done)
}
