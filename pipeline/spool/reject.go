package spool

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
)

// Reject ends a job whose file cannot be separated: payload (a path) goes to rejected/ under
// the original name, or one with a number when that is taken, beside a text with the reason;
// of the job only its record is left. reason is one clear paragraph for a person.
//
// A regular file of this user gets the mode that all files have. Anything else is moved as it is.
//
// A crash at any point leaves a job for which Reject may be called again: once Rejected is in
// its record, that is what must be done with it, with the Error that is in the record.
func (j *Job) Reject(payload, reason string) error {
	j.Error = reason
	there, err := j.disk().Has(payload)
	if err == nil && there {
		err = j.putRejected(payload)
	} else if err == nil {
		err = j.SettleMoves()
	}
	if err != nil {
		return fmt.Errorf("rejecting job %s: %w", j.ID, j.orLost(err))
	}
	if err := errors.Join(j.DropEmpty(job.TakenFolder), j.tidy(j.made()...)); err != nil {
		return err
	}
	return j.move(job.Rejected, reason)
}

// putRejected finds a name that is free for the file and for its text, records it, and puts
// the text first: whoever sees the file finds the reason beside it.
func (j *Job) putRejected(payload string) error {
	if err := j.Settle(); err != nil {
		return err
	}
	if err := share(j.disk(), payload); err != nil {
		return err
	}
	_, err := place.FirstFree(rejectedNames(j.RawName()), func(name string) (bool, error) {
		return j.tryRejected(payload, name)
	})
	return err
}

// share lets everyone read the file at path, if it is a file and this user's.
func share(d place.Disk, path string) error {
	info, err := d.Lstat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || info.Mode().Perm() == place.FileMode {
		return nil
	}
	if err := d.Chmod(path, place.FileMode); err != nil && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return nil
}

// rejectedNames gives the file its own name whole if it can have that, and otherwise numbered
// ones with room for the extension of the text: the number must be in the text's name too.
func rejectedNames(name string) place.Naming {
	whole, short := place.FileNames(name), place.FileNamesWithin(name, place.NameLimit-len(job.ReasonExtension))
	return func(n int) string {
		if n == 1 {
			return whole(n)
		}
		return short(n)
	}
}

// tryRejected puts text and file under one name. It returns false when the name is taken.
func (j *Job) tryRejected(payload, name string) (bool, error) {
	file, text := filepath.Join(j.spool.RejectedFiles(), name), j.spool.reasonPath(name)
	if taken, err := j.disk().Taken(payload, file); taken || err != nil {
		return false, err
	}
	j.SetRejected(name)
	if err := j.Save(); err != nil {
		return false, err
	}
	err := j.disk().PutText(text, j.reasonText(), j.Dir())
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	err = j.disk().RenameNew(payload, file)
	if errors.Is(err, fs.ErrExist) {
		return false, j.disk().Remove(text)
	}
	if err != nil {
		return false, place.Explain(err)
	}
	return true, j.disk().SyncFolder(j.spool.RejectedFiles())
}

// Notice puts a text about an entry of input/ that stays where it is into rejected/, once: it
// does nothing when the same text is there already.
func (s *Spool) Notice(name, text string) error {
	_, err := place.FirstFree(rejectedNames(name), func(name string) (bool, error) {
		err := s.disk.PutText(s.reasonPath(name), text+"\n", s.StageFolder(job.Incoming))
		if errors.Is(err, fs.ErrExist) {
			return false, nil
		}
		return err == nil, err
	})
	return err
}

// reasonPath is where the text about a rejected file goes.
func (s *Spool) reasonPath(name string) string {
	return filepath.Join(s.RejectedFiles(), job.ReasonFile(name))
}

// reasonText is what the person reads. The job's ID makes it differ from every other text, so
// that after a crash the job knows its own.
func (j *Job) reasonText() string {
	return j.Error + "\n\nJob: " + j.ID + "\n"
}

// SetAside gives up a job whose job.json is missing or damaged: with what it has, and its job.json beside a new one, it
// goes to Failed. It may be repeated after a crash at any point; there always is a job.json, the old or the new one.
func (j *Job) SetAside(cause error) error { return j.spool.setAside(j.stage, j.claim, cause) }

func (s *Spool) setAside(stage job.Stage, c job.Claim, cause error) error {
	now := s.now().UTC()
	j := s.job(stage, c)
	j.SetName(cmp.Or(j.nameIn(job.RecordFile), j.nameIn(job.DamagedFile), c.ID))
	j.Created = now
	j.Arrive(job.Visit{Stage: stage, Start: now, Claim: c.Token}, "")
	j.Error = fmt.Sprintf("%v; what is left of the job is in queue/%s/%s", cause, job.Failed, c.ID)
	err := j.tidy()
	if err == nil {
		err = j.keepDamaged()
	}
	if err == nil {
		err = j.move(job.Failed, j.Error)
	}
	if err != nil {
		return fmt.Errorf("setting aside a damaged job: %w", err)
	}
	return nil
}

// nameIn returns the song's name in a damaged record. Of one that is too long, it reads the beginning, where the name is.
func (j *Job) nameIn(file string) string {
	data, _ := j.disk().ReadFile(j.Path(file))
	return job.NameIn(data)
}

func (j *Job) keepDamaged() error {
	record := j.Path(job.RecordFile)
	info, err := j.disk().Lstat(record)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	err = j.mending(func() error {
		_, err := place.FirstFree(place.FileNames(job.DamagedFile), func(name string) (bool, error) {
			return j.keepAs(info, j.Path(name))
		})
		return err
	})
	return errors.Join(err, j.disk().SyncFolder(j.Dir()))
}

// keepAs keeps what is at the place of job.json as kept. It returns false when something else
// has that name.
func (j *Job) keepAs(info fs.FileInfo, kept string) (bool, error) {
	record := j.Path(job.RecordFile)
	if !info.Mode().IsRegular() || info.Size() > job.MostRead { // Nothing in it can be a record.
		err := j.disk().RenameNew(record, kept)
		return err == nil, ignore(err, fs.ErrExist)
	}
	data, err := j.disk().ReadFile(record)
	if err != nil {
		return false, err
	}
	taken, err := j.disk().Has(kept)
	if err != nil {
		return false, err
	}
	if taken { // A crash may have come after it was kept.
		before, err := j.disk().ReadFile(kept)
		return err == nil && bytes.Equal(before, data), nil // What cannot be read is something else.
	}
	return true, j.disk().WriteDurable(kept, data)
}

func ignore(err, that error) error {
	if errors.Is(err, that) {
		return nil
	}
	return err
}
