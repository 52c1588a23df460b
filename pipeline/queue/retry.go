package queue

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"runtime"
	"syscall"
	"time"

	"github.com/im2-audio/im2/ownership"
)

var (
	// ErrNotFailed is returned for a job that is not in Failed: it goes on by itself, or has ended.
	ErrNotFailed = errors.New("it has not failed")
	// ErrNoFile is returned for a failed job that has nothing to be tried again with.
	ErrNoFile = errors.New("its file is gone")
	// ErrUntaken is returned for a failed job whose file never became a source.
	ErrUntaken = errors.New("the watcher had not come to its end with its file")
)

const (
	sourceFile  = "source"
	stemsFolder = "stems"
	// takenFolder is where the watcher has a song, under its own name, until it is a source.
	takenFolder = "taken"
	// recordMode is the mode of job.json: the services run as another user than people.
	recordMode = 0o644
)

// Retry brings a failed job back among those that wait, with all its attempts before it, and
// returns the stage where it waits. It is the one thing that the host changes in the queue: in
// Failed no service touches a job, and the job leaves it by the same rename as all others.
//
// A job that has its source waits for separation; one that lost only the organizer, whose source
// may be in archive/, waits with its stems for that. owner is who gets the record where this is
// root. The error wraps ErrNotFound, ErrNotFailed, ErrNoFile or ErrUntaken where that is
// the reason.
func (q *Queue) Retry(ctx context.Context, id string, owner ownership.Owner) (Stage, error) {
	j, err := q.Get(ctx, id)
	if err != nil {
		return "", err
	}
	if j.Stage != Failed {
		return "", fmt.Errorf("%w: it is %s", ErrNotFailed, j.Stage)
	}
	if j.Problem != "" {
		return "", errors.New(j.Problem)
	}
	root, err := q.open()
	if err != nil || root == nil {
		return "", errors.Join(err, ErrNotFound)
	}
	defer func() { _ = root.Close() }() // What counts was synced.
	dir := path.Join(string(Failed), id)
	to, err := ready(root, dir, &j)
	if err != nil {
		return "", err
	}
	j.again(to, time.Now().UTC())
	err = writeRecord(root, dir, &j.Record, owner)
	if err == nil {
		err = root.Rename(dir, path.Join(string(to), id))
	}
	if errors.Is(err, fs.ErrNotExist) {
		if _, gone := root.Lstat(dir); errors.Is(gone, fs.ErrNotExist) {
			return "", fmt.Errorf("%w any more: somebody else brought it back", ErrNotFailed)
		}
	}
	if err != nil {
		return "", err
	}
	return to, errors.Join(syncFolder(root, string(to)), syncFolder(root, string(Failed)))
}

// ready returns the stage in which a failed job can wait again.
func ready(root *os.Root, dir string, j *Job) (Stage, error) {
	source, err := root.Lstat(path.Join(dir, sourceFile))
	if err == nil && source.Mode().IsRegular() {
		return Pending, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if stems, err := root.Lstat(path.Join(dir, stemsFolder)); err == nil && stems.IsDir() {
		return Separated, nil
	}
	if j.Archived != "" {
		return "", fmt.Errorf("%w: it is in archive/ as %q; put that into input/", ErrNoFile, j.Archived)
	}
	if taken, err := readFolder(root, path.Join(dir, takenFolder)); err == nil && len(taken) > 0 {
		return "", fmt.Errorf("%w: move %q into input/", ErrUntaken, path.Join(folder, dir, takenFolder, taken[0].Name()))
	}
	return "", fmt.Errorf("%w: put the song into input/ again", ErrNoFile)
}

// again makes the record that of a job that waits anew. An earlier try to bring it back may have
// been cut off after it had written that.
func (j *Job) again(to Stage, now time.Time) {
	for n := len(j.History); n > 1 && j.History[n-1].Stage != Failed && j.History[n-2].Stage == Failed; n-- {
		j.History = j.History[:n-1]
	}
	if n := len(j.History); n > 0 {
		j.History[n-1].End = now
	}
	j.Attempt, j.Error, j.Rejected, j.RejectedBytes = 0, "", "", nil
	if to == Pending {
		j.Track, j.Archived, j.ArchivedBytes = "", "", nil
	}
	j.History = append(j.History, Visit{Stage: to, Start: now})
}

// writeRecord replaces job.json whole, and sees it onto the disk.
func writeRecord(root *os.Root, dir string, record *Record, owner ownership.Owner) error {
	data, err := json.MarshalIndent(record, "", "  ")
	if err != nil {
		return err
	}
	temp := path.Join(dir, ".tmp-"+rand.Text())
	err = writeNew(root, temp, append(data, '\n'), owner)
	if err == nil {
		err = root.Rename(temp, path.Join(dir, recordFile))
	}
	if err != nil {
		_ = root.Remove(temp) // It may not even exist.
		return err
	}
	return syncFolder(root, dir)
}

func writeNew(root *os.Root, name string, data []byte, owner ownership.Owner) error {
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil && os.Geteuid() == 0 { // Anybody else may only if it is them already.
		err = f.Chown(int(owner.UID), int(owner.GID))
	}
	if err == nil {
		err = f.Chmod(recordMode)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// syncFolder makes the names in a folder last through a power cut, where the file system offers
// that.
func syncFolder(root *os.Root, name string) error {
	if runtime.GOOS == "windows" {
		return nil // Windows knows no such thing for folders.
	}
	f, err := root.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // It was only read.
	if err := f.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}
