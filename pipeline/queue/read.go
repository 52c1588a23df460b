package queue

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
)

// A Job is one job as it was found.
type Job struct {
	job.Record
	// Stage is the folder the job was in. History may be one step ahead of it after a crash.
	Stage job.Stage `json:"stage"`
	// Progress is nil where there is none, or none that can be read.
	Progress *job.Progress `json:"progress,omitempty"`
	// Problem says why the record could not be read; then the Record has nothing but the ID.
	// A job in Incoming without a record has no problem.
	Problem string `json:"problem,omitempty"`
}

// readJob reads the job in folder name of a stage, and returns false if it is not there. If only its record
// cannot be read, the job has a Problem.
func readJob(root *os.Root, stage job.Stage, id, name string) (Job, bool) {
	dir := path.Join(string(stage), name)
	record, err := readRecord(root, dir, id)
	if errors.Is(err, fs.ErrNotExist) {
		if info, statErr := root.Lstat(dir); statErr != nil || !info.IsDir() {
			return Job{}, false
		}
		record, err = readRecord(root, dir, id) // It may have come since the first try.
	}
	j := Job{Record: record, Stage: stage, Progress: readProgress(root, dir)}
	if err != nil {
		j.Record = job.Record{ID: id}
		if stage != job.Incoming || !errors.Is(err, fs.ErrNotExist) {
			j.Problem = fmt.Sprintf("reading %s: %v", job.RecordFile, err)
		}
		return j, true
	}
	// A claim writes nothing: its visit is in the name of the folder until the worker saves the record.
	if c, ok := job.ParseClaim(name); ok && c.Token != "" && j.Last().Stage != stage && !j.Announced(stage, c) {
		var start time.Time
		if j.Progress != nil {
			start = j.Progress.Started
		}
		j.Begin(stage, c.Worker, c.Token, start)
	}
	return j, true
}

func readRecord(root *os.Root, dir, id string) (job.Record, error) {
	data, err := readFile(root, path.Join(dir, job.RecordFile))
	if err != nil {
		return job.Record{}, err
	}
	return job.Parse(data, id)
}

// readProgress returns nil for a progress that cannot be read: it is only for display.
func readProgress(root *os.Root, dir string) *job.Progress {
	data, err := readFile(root, path.Join(dir, job.ProgressFile))
	p := new(job.Progress)
	if err != nil || json.Unmarshal(data, p) != nil {
		return nil
	}
	return p
}

func readFile(root *os.Root, name string) ([]byte, error) {
	f, err := place.OpenIn(root, name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // It was only read.
	return job.Read(f)
}

// readFolder lists a folder that is no link, in no order.
func readFolder(root *os.Root, name string) ([]fs.DirEntry, error) {
	if info, err := root.Lstat(name); err != nil {
		return nil, err
	} else if !info.IsDir() {
		return nil, fs.ErrNotExist
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // It was only read.
	return f.ReadDir(-1)
}
