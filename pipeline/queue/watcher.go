package queue

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
)

// A Watcher is the one that takes songs, of however many there are. It has a lease, which another one takes if it is not renewed.
type Watcher struct {
	// Holder is the name of its worker: the host name of its container.
	Holder string `json:"holder"`
	// Since is when it got the lease, and Renewed when it renewed it last; both by the clock of the file server.
	Since   time.Time `json:"since"`
	Renewed time.Time `json:"renewed"`
}

// Watcher returns the watcher that has the lease; nil where none has it.
func (q *Queue) Watcher(ctx context.Context) (*Watcher, error) {
	root, err := q.open()
	if root == nil || err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }() // It was only read.
	for range rounds {                  // It gets another name with each renewal, and a list may have neither.
		var name string
		err := eachEntry(ctx, root, job.WatcherFolder, func(entry fs.DirEntry) error {
			if _, held := job.ParseWatcher(entry.Name()); (held || entry.Name() == job.FreeWatcher) && entry.IsDir() {
				name = entry.Name()
			}
			return nil
		})
		if errors.Is(err, fs.ErrNotExist) || name == job.FreeWatcher {
			return nil, nil //nolint:nilnil // as it says
		}
		if err != nil {
			return nil, fmt.Errorf("reading the lease of the watcher: %w", err)
		}
		holder, held := job.ParseWatcher(name)
		lease, err := root.Lstat(path.Join(job.WatcherFolder, name))
		folder, err2 := root.Lstat(job.WatcherFolder)
		if held && err == nil && err2 == nil {
			since, renewed := lease.ModTime().UTC(), folder.ModTime().UTC()
			if renewed.Before(since) { // It is marked right after it got its name.
				renewed = since
			}
			return &Watcher{Holder: holder, Since: since, Renewed: renewed}, nil
		}
	}
	return nil, nil //nolint:nilnil // it may be on its way from one to the next
}
