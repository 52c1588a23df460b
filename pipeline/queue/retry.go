package queue

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
)

var (
	// ErrNotFailed is returned for a job that is not in Failed: it continues by itself, or has ended.
	ErrNotFailed = errors.New("it has not failed")
	// ErrNoFile is returned for a failed job that has nothing to be tried again with.
	ErrNoFile = errors.New("its file is gone")
	// ErrUntaken is returned for a failed job whose file never became a source.
	ErrUntaken = errors.New("the watcher had not finished taking its file")
)

// Retry brings a failed job back among those that wait, with all its attempts before it, and
// returns the stage where it waits. It is the one thing that the host changes in the queue: in
// job.Failed no service touches a job, and the job leaves it by the same rename as all others.
//
// A job that has its source waits for separation; one that lost only the organizer, whose source
// may be in archive/, waits with its stems for that. uid and gid are who gets the record where this is
// root. The error wraps ErrNotFound, ErrNotFailed, ErrNoFile or ErrUntaken where that is
// the reason.
func (q *Queue) Retry(ctx context.Context, id string, uid, gid int) (job.Stage, error) {
	j, err := q.Get(ctx, id)
	if err != nil {
		return "", err
	}
	if j.Stage != job.Failed {
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
	dir := path.Join(string(job.Failed), id)
	to, err := ready(ctx, root, dir, &j)
	if err != nil {
		return "", err
	}
	if _, err := root.Lstat(path.Join(string(to), id)); err == nil {
		return "", fmt.Errorf("something else has its name in %s/%s: move that away", job.QueueFolder, to)
	}
	j.again(to, time.Now().UTC())
	err = writeRecord(root, dir, &j.Record, uid, gid)
	if err == nil {
		err = root.Rename(dir, path.Join(string(to), id))
	}
	if errors.Is(err, fs.ErrNotExist) {
		if _, gone := root.Lstat(dir); errors.Is(gone, fs.ErrNotExist) {
			return "", fmt.Errorf("%w: another command brought it back", ErrNotFailed)
		}
	}
	if err != nil {
		return "", err
	}
	return to, errors.Join(place.SyncIn(root, string(to)), place.SyncIn(root, string(job.Failed)))
}

func ready(ctx context.Context, root *os.Root, dir string, j *Job) (job.Stage, error) {
	source, err := root.Lstat(path.Join(dir, job.SourceFile))
	if err == nil && source.Mode().IsRegular() {
		return job.Pending, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if stems, err := root.Lstat(path.Join(dir, job.StemsFolder)); err == nil && stems.IsDir() {
		return job.Separated, nil
	}
	if j.Archived != "" {
		return "", fmt.Errorf("%w: it is in archive/ as %q; put that into input/", ErrNoFile, j.Archived)
	}
	untaken := eachEntry(ctx, root, path.Join(dir, job.TakenFolder), func(taken fs.DirEntry) error {
		return fmt.Errorf("%w: move %q into input/", ErrUntaken, path.Join(job.QueueFolder, dir, job.TakenFolder, taken.Name()))
	})
	if errors.Is(untaken, ErrUntaken) {
		return "", untaken
	}
	return "", fmt.Errorf("%w: put the song into input/ again", ErrNoFile)
}

// again makes the record that of a job that waits again. An earlier retry may have
// been cut off after it had written that.
func (j *Job) again(to job.Stage, now time.Time) {
	for n := len(j.History); n > 1 && j.History[n-1].Stage != job.Failed && j.History[n-2].Stage == job.Failed; n-- {
		j.History = j.History[:n-1]
	}
	if n := len(j.History); n > 0 {
		j.History[n-1].End = now
	}
	j.Attempt, j.Losses, j.Error, j.Rejected, j.RejectedBytes = 0, 0, "", "", nil
	if to == job.Pending {
		j.Track, j.Archived, j.ArchivedBytes = "", "", nil
	}
	j.History = append(j.History, job.Visit{Stage: to, Start: now})
}

func writeRecord(root *os.Root, dir string, record *job.Record, uid, gid int) error {
	data, err := record.Bytes()
	if err != nil {
		return err
	}
	if os.Geteuid() != 0 {
		uid, gid = -1, -1
	}
	temp := path.Join(dir, place.TempPrefix+rand.Text())
	if err := place.WriteNewIn(root, temp, data, uid, gid); err != nil {
		return err
	}
	if err := root.Rename(temp, path.Join(dir, job.RecordFile)); err != nil {
		_ = root.Remove(temp)
		return err
	}
	return place.SyncIn(root, dir)
}
