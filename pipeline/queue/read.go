package queue

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"syscall"
)

// limit is the most that is read of one file of a job.
const limit = 1 << 20

var (
	// errNotRegular is returned for a link, a FIFO or anything else that is no regular file.
	errNotRegular = errors.New("it is not a regular file")
	// errTooLong is returned for a file beyond limit.
	errTooLong = errors.New("it is longer than 1 MiB")
)

// readJob reads the job if it is in that stage. What cannot be read of it becomes its Problem.
// name is that of its folder.
func readJob(root *os.Root, stage Stage, id, name string) (Job, bool) {
	dir := path.Join(string(stage), name)
	record, err := readRecord(root, dir)
	if errors.Is(err, fs.ErrNotExist) {
		if info, statErr := root.Lstat(dir); statErr != nil || !info.IsDir() {
			return Job{}, false // It is not, or no longer, here.
		}
		record, err = readRecord(root, dir) // It may have come between the two looks.
	}
	if err == nil && record.ID != id {
		err = fmt.Errorf("it is that of job %q", record.ID)
	}
	j := Job{Record: record, Stage: stage, Progress: readProgress(root, dir)}
	if err != nil {
		j.Record = Record{ID: id}
		if stage != Incoming || !errors.Is(err, fs.ErrNotExist) {
			j.Problem = fmt.Sprintf("reading %s: %v", recordFile, err)
		}
		return j, true
	}
	j.begun(name)
	return j, true
}

// begun adds what a claim does not write down: the visit of whoever has the job now. The name of
// the job's folder tells who that is, and the progress since when.
func (j *Job) begun(name string) {
	h, ok := parseName(name)
	n := len(j.History)
	if !ok || h.token == "" || (n > 0 && j.History[n-1].Stage == j.Stage) {
		return
	}
	if n > 1 && j.History[n-2].Claim == h.token {
		return // It is about to move on, and the record is ahead.
	}
	if j.Stage == Separating {
		j.Attempt++
	}
	visit := Visit{Stage: j.Stage, Worker: h.worker, Claim: h.token, Attempt: j.Attempt}
	if j.Progress != nil {
		visit.Start = j.Progress.Started
	}
	j.History = append(j.History, visit)
}

func readRecord(root *os.Root, dir string) (Record, error) {
	data, err := readFile(root, path.Join(dir, recordFile))
	if err != nil {
		return Record{}, err
	}
	var record Record
	if err := json.Unmarshal(data, &record); err != nil {
		return Record{}, err
	}
	return record, nil
}

// readProgress returns nil for a progress that cannot be read: it is only for show.
func readProgress(root *os.Root, dir string) *Progress {
	data, err := readFile(root, path.Join(dir, progressFile))
	if err != nil {
		return nil
	}
	p := new(Progress)
	if json.Unmarshal(data, p) != nil {
		return nil
	}
	return p
}

// readFile reads a regular file whole. A link in its place is not followed: what is opened
// must be what was seen to be a regular file before.
func readFile(root *os.Root, name string) ([]byte, error) {
	seen, err := root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !seen.Mode().IsRegular() {
		return nil, errNotRegular
	}
	// Without O_NONBLOCK, a FIFO put here since would be waited for, for ever.
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // It was only read.
	if opened, err := f.Stat(); err != nil || !opened.Mode().IsRegular() {
		return nil, errNotRegular
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && len(data) > limit {
		err = errTooLong
	}
	return data, err
}

// readFolder lists a folder that is no link, in no order.
func readFolder(root *os.Root, name string) ([]fs.DirEntry, error) {
	if info, err := root.Lstat(name); err != nil {
		return nil, err
	} else if !info.IsDir() {
		return nil, fs.ErrNotExist // Junk with the name of a stage is no stage.
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // It was only read.
	return f.ReadDir(-1)
}
