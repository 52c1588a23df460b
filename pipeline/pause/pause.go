// Package pause is the file in the data folder that keeps workers from taking songs. It lasts until somebody removes it,
// whatever is restarted meanwhile, and counts for every worker that shares the folder.
//
// It is in the folder that workers list for songs: on NFS, the listing before a claim has just asked the server for what is
// there, so that a worker on another machine does not act on an answer of a minute ago.
package pause

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/title"
)

// fileName is no name of a job.
const fileName = "paused.json"

// mostBy is how many bytes of a name are kept.
const mostBy = 200

// A Pause says since when the workers take no song, and who wanted that.
type Pause struct {
	// Since is in UTC, by the clock of whoever paused; zero where the file does not say.
	Since time.Time `json:"since"`
	// By is the user and the machine, as they call themselves; it may be empty, and is printable.
	By string `json:"by"`
}

// Path is the file in a data folder. Whatever has that name pauses.
func Path(data string) string {
	return filepath.Join(data, job.QueueFolder, string(job.Pending), fileName)
}

// Read returns nil where the data folder is not paused, also where it does not exist.
func Read(data string) (*Pause, error) {
	path, err := resolved(data)
	if err == nil {
		_, err = place.Local.Lstat(path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // not paused is an answer
	}
	if err != nil {
		return nil, fmt.Errorf("asking whether the pipeline is paused: %w", err)
	}
	var p Pause
	text, err := place.Local.ReadFile(path)
	if err != nil || json.Unmarshal(text, &p) != nil {
		return &Pause{}, nil //nolint:nilerr // what is there pauses, whatever it says
	}
	p.By = printable(p.By)
	return &p, nil
}

// Set pauses. The file belongs to uid and gid; -1 leaves it to this process's user. A data folder that is paused already stays so,
// with who did it first. The folder of the jobs that wait must be there.
func Set(data, by string, uid, gid int) error {
	path, err := resolved(data)
	if err != nil {
		return fmt.Errorf("pausing: %w", err)
	}
	text, err := json.Marshal(Pause{Since: time.Now().UTC().Truncate(time.Second), By: printable(by)})
	if err == nil {
		// In the folder for temporary files, the watcher sweeps what a crash leaves.
		err = place.For(uid, gid).PutText(path, string(text)+"\n", filepath.Dir(filepath.Dir(path)))
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("pausing: %w", err)
	}
	return nil
}

// Clear ends a pause, and does nothing where there is none.
func Clear(data string) error {
	path, err := resolved(data)
	if err == nil {
		err = place.Local.Remove(path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = place.SyncFolder(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("ending the pause: %w", err)
	}
	return nil
}

// resolved is Path; the data folder may be behind a link, and nothing below it.
func resolved(data string) (string, error) {
	data, err := filepath.EvalSymlinks(data)
	return Path(data), err
}

// String is for people: "paused since 2026-11-29 14:02 by anna@studio", in local time.
func (p *Pause) String() string {
	text := "paused"
	if !p.Since.IsZero() {
		text += " since " + p.Since.Local().Format("2006-01-02 15:04")
	}
	if p.By != "" {
		text += " by " + p.By
	}
	return text
}

func printable(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(text, "?"))
	return title.Shorten(strings.TrimSpace(text), mostBy)
}
