package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/im2-audio/im2/modules/internal/place"
)

// reasonExtension is what the text that says why a file was rejected has after its name.
const reasonExtension = ".txt"

// errNoRejectedName is returned when every name that could be tried in rejected/ is taken.
var errNoRejectedName = errors.New("no free name left in rejected")

// Reject ends a job whose file cannot be separated: payload (a path) goes to rejected/ under
// the original name, or one with a number when that is taken, beside a text with the reason;
// of the job only its record is left. reason is one clear paragraph for a person.
//
// A crash at any point leaves a job for which Reject may be called again.
func (j *Job) Reject(payload, reason string) error {
	j.Error = reason
	if place.Exists(payload) {
		if err := j.putRejected(payload); err != nil {
			return err
		}
	}
	if err := j.Keep(); err != nil {
		return err
	}
	return j.move(Rejected, reason)
}

// putRejected finds a name that is free for the file and for its text, records it, and puts
// the text first: whoever sees the file finds the reason beside it.
func (j *Job) putRejected(payload string) error {
	names := place.FileNames(j.RawName())
	const most = 100_000 // Reaching it means that something else is wrong.
	for n := 1; n < most; n++ {
		done, err := j.tryRejected(payload, names(n))
		if done || err != nil {
			return err
		}
	}
	return fmt.Errorf("rejecting job %s: %w", j.ID, errNoRejectedName)
}

// tryRejected puts text and file under one name. It returns false when the name is taken.
func (j *Job) tryRejected(payload, name string) (bool, error) {
	file, text := filepath.Join(j.spool.RejectedFiles(), name), j.spool.reasonPath(name)
	if place.Exists(file) {
		return false, nil
	}
	j.SetRejected(name)
	if err := j.Save(); err != nil {
		return false, err
	}
	err := place.PutText(text, j.reasonText(), j.Dir())
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	err = place.Rename(payload, file)
	if errors.Is(err, fs.ErrExist) {
		return false, os.Remove(text)
	}
	if err != nil {
		return false, fmt.Errorf("rejecting job %s: %w", j.ID, err)
	}
	return true, place.SyncFolder(j.spool.RejectedFiles())
}

// Notice puts a text about an entry of input/ that stays where it is into rejected/, once: it
// does nothing when the same text is there already.
func (s *Spool) Notice(name, text string) error {
	names := place.FileNames(name)
	for n := 1; ; n++ {
		err := place.PutText(s.reasonPath(names(n)), text+"\n", s.StageFolder(Incoming))
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
}

// reasonPath is where the text about a rejected file goes. A name that leaves no room for
// the extension is shortened for it.
func (s *Spool) reasonPath(name string) string {
	short := place.Shorten(name, place.NameLimit-len(reasonExtension))
	return filepath.Join(s.RejectedFiles(), short+reasonExtension)
}

// reasonText is what the person reads. The job's ID makes it differ from every other text, so
// that after a crash the job knows its own.
func (j *Job) reasonText() string {
	return j.Error + "\n\nJob: " + j.ID + "\n"
}
