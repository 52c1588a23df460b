package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/im2-audio/im2/modules/internal/place"
)

// queueFolder holds one folder for each stage.
const queueFolder = "queue"

// ErrNotWritable is returned when the user a service runs as may not write to the data folder.
var ErrNotWritable = errors.New("the data folder cannot be written")

// A Spool is the data folder as the services see it. It may be used by several goroutines.
type Spool struct {
	data string
	now  func() time.Time

	mu sync.Mutex
	// backlog holds the IDs of the last listing of a stage that nobody here has tried to claim
	// yet, so that a long queue is listed once and not once for each job.
	backlog map[Stage][]string
}

// Open makes what is missing of the folders of a data folder and checks that they can be
// written. The data folder itself must exist: a missing one means that nothing is mounted.
func Open(data string) (*Spool, error) {
	s := &Spool{data: data, now: time.Now, backlog: map[Stage][]string{}}
	return s, s.Ready()
}

// Input is the folder where people put songs.
func (s *Spool) Input() string { return filepath.Join(s.data, "input") }

// Output is the folder that has one folder of stems for each track.
func (s *Spool) Output() string { return filepath.Join(s.data, "output") }

// Archive is the folder of the originals of separated tracks.
func (s *Spool) Archive() string { return filepath.Join(s.data, "archive") }

// RejectedFiles is the folder of the files that were refused, each with a text that says why.
func (s *Spool) RejectedFiles() string { return filepath.Join(s.data, "rejected") }

// StageFolder is the folder of the jobs of a stage.
func (s *Spool) StageFolder(stage Stage) string {
	return filepath.Join(s.data, queueFolder, string(stage))
}

// Ready makes the folders that are missing and returns an error that wraps ErrNotWritable
// when this user may not write to one. It is cheap enough to be asked on each turn of a loop,
// so that a folder that someone removed comes back and a wrong owner is noticed at once.
func (s *Spool) Ready() error {
	if _, err := os.Stat(s.data); err != nil {
		return fmt.Errorf("opening the data folder: %w", err)
	}
	for _, folder := range s.folders() {
		if err := makeFolder(folder); err != nil {
			return err
		}
		if err := writable(folder); err != nil {
			return fmt.Errorf("%w: %q: %w", ErrNotWritable, folder, err)
		}
	}
	return nil
}

func (s *Spool) folders() []string {
	folders := []string{s.Input(), s.Output(), s.Archive(), s.RejectedFiles()}
	for _, stage := range Stages() {
		folders = append(folders, s.StageFolder(stage))
	}
	return folders
}

func makeFolder(path string) error {
	err := os.MkdirAll(path, place.FolderMode)
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w: %w", ErrNotWritable, err)
	}
	if err != nil {
		return fmt.Errorf("making a folder of the pipeline: %w", err)
	}
	return nil
}

// List returns the IDs of the jobs in a stage, oldest first.
func (s *Spool) List(stage Stage) ([]string, error) {
	entries, err := os.ReadDir(s.StageFolder(stage))
	if err != nil {
		return nil, fmt.Errorf("listing jobs: %w", err)
	}
	ids := make([]string, 0, len(entries))
	for _, entry := range entries {
		if entry.IsDir() && ValidID(entry.Name()) {
			ids = append(ids, entry.Name())
		}
	}
	return ids, nil
}

// Create makes the folder of a new job in Incoming, in the hands of worker. Nothing is known
// of it yet, and there is no job.json before the first Save.
func (s *Spool) Create(worker string) (*Job, error) {
	now := s.now().UTC()
	id, err := newID(now)
	if err != nil {
		return nil, err
	}
	j := s.incoming(id, worker, now)
	if err := os.Mkdir(j.Dir(), place.FolderMode); err != nil {
		return nil, fmt.Errorf("making a job: %w", err)
	}
	return j, nil
}

func (s *Spool) incoming(id, worker string, now time.Time) *Job {
	j := &Job{Record: Record{ID: id, Created: now}, spool: s, stage: Incoming}
	j.arrive(Incoming, worker, "", now)
	return j
}
