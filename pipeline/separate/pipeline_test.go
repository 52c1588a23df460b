package separate

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/options"
)

// pipeline plays the services: it takes files out of input/ and moves their jobs through
// the stages as the services' contract says.
type pipeline struct {
	t    *testing.T
	data string
	// step is the time a job stays in each stage.
	step time.Duration
	// end is the stage that jobs come to.
	end job.Stage
	// why is the error of a job that is not done.
	why string
	// change, unless nil, changes a job's record before each save.
	change func(r *job.Record, stage job.Stage)
	// without is a stem that is not made.
	without string

	stop    chan struct{}
	running sync.WaitGroup
	made    int
}

func newData(t *testing.T) string {
	t.Helper()
	data := t.TempDir()
	for _, folder := range []string{"input", "output", "archive", "rejected"} {
		makeDir(t, filepath.Join(data, folder))
	}
	for _, stage := range job.Stages {
		makeDir(t, filepath.Join(data, "queue", string(stage)))
	}
	return data
}

func makeDir(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(path, 0o700); err != nil {
		t.Fatal(err)
	}
}

// start runs the pipeline until the test ends.
func (p *pipeline) start() {
	p.stop = make(chan struct{})
	p.running.Go(func() {
		for p.sleep() {
			if name := p.next(); name != "" {
				if err := p.process(name); err != nil {
					p.t.Errorf("the test's pipeline: %v", err)
					return
				}
			}
		}
	})
	p.t.Cleanup(func() {
		close(p.stop)
		p.running.Wait()
	})
}

func (p *pipeline) sleep() bool {
	select {
	case <-p.stop:
		return false
	case <-time.After(max(p.step, time.Millisecond)):
		return true
	}
}

// next returns a file of input/ that may be taken.
func (p *pipeline) next() string {
	entries, err := os.ReadDir(filepath.Join(p.data, "input"))
	if err != nil {
		p.t.Error(err)
	}
	for _, entry := range entries {
		if name := entry.Name(); !strings.HasPrefix(name, ".") && !strings.HasSuffix(name, ".part") {
			return name
		}
	}
	return ""
}

func (p *pipeline) dir(stage job.Stage, id string) string {
	return filepath.Join(p.data, "queue", string(stage), id)
}

func (p *pipeline) process(name string) error {
	p.made++
	id := fmt.Sprintf("20261123T113047.%06dZ-00000000", p.made)
	r := &job.Record{ID: id, Created: time.Now().UTC()}
	if err := os.Mkdir(p.dir(job.Incoming, id), 0o700); err != nil {
		return err
	}
	source := filepath.Join(p.dir(job.Incoming, id), "source")
	if err := os.Rename(filepath.Join(p.data, "input", name), source); err != nil {
		return err
	}
	p.sleep() // There is no job.json yet.
	content, err := os.ReadFile(source)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(content)
	r.Name, r.Size, r.Track = strings.ToValidUTF8(name, "\ufffd"), int64(len(content)), "the track"
	if !utf8.ValidString(name) {
		r.NameBytes = []byte(name)
	}
	if err := p.save(r, job.Incoming); err != nil {
		return err
	}
	p.sleep() // There is no digest yet.
	r.SHA256 = hex.EncodeToString(sum[:])
	if p.end == job.Rejected {
		return p.reject(r, source, name)
	}
	return p.separate(r)
}

func (p *pipeline) reject(r *job.Record, source, name string) error {
	if err := os.Rename(source, filepath.Join(p.data, "rejected", name)); err != nil {
		return err
	}
	r.Error = p.why
	r.Rejected, r.RejectedBytes = r.Name, r.NameBytes
	return p.move(r, job.Incoming, job.Rejected)
}

func (p *pipeline) separate(r *job.Record) error {
	err := errors.Join(p.move(r, job.Incoming, job.Pending), p.move(r, job.Pending, job.Separating))
	for _, phase := range []job.Phase{job.Decoding, job.Separation, job.Finishing} {
		for done := range 3 {
			text := fmt.Sprintf(`{"phase":%q,"done":%d,"total":2}`, phase, done)
			temp := filepath.Join(p.dir(job.Separating, r.ID), ".tmp")
			err = errors.Join(err, os.WriteFile(temp, []byte(text), 0o600),
				os.Rename(temp, filepath.Join(p.dir(job.Separating, r.ID), "progress.json")))
			p.sleep()
		}
	}
	if p.end == job.Failed {
		r.Error = p.why
		return errors.Join(err, p.move(r, job.Separating, job.Failed))
	}
	err = errors.Join(err, p.move(r, job.Separating, job.Separated), p.move(r, job.Separated, job.Organizing))
	changed := *r
	if p.change != nil {
		p.change(&changed, job.Organizing)
	}
	track := filepath.Join(p.data, "output", cmp.Or(job.SongFolder(changed.Track), "the track"))
	err = errors.Join(err, os.MkdirAll(track, 0o700))
	for _, file := range options.Recorded(changed.Files) {
		if options.IsFile(file) && strings.TrimSuffix(file, ".wav") != p.without {
			err = errors.Join(err, os.WriteFile(filepath.Join(track, file), nil, 0o600))
		}
	}
	return errors.Join(err, p.move(r, job.Organizing, job.Done))
}

func (p *pipeline) save(r *job.Record, stage job.Stage) error {
	changed := *r
	if p.change != nil {
		p.change(&changed, stage)
	}
	data, err := json.Marshal(changed)
	if err != nil {
		return err
	}
	temp := filepath.Join(p.dir(stage, r.ID), ".tmp")
	return errors.Join(os.WriteFile(temp, data, 0o600),
		os.Rename(temp, filepath.Join(p.dir(stage, r.ID), "job.json")))
}

func (p *pipeline) move(r *job.Record, from, to job.Stage) error {
	r.Attempt = 1
	err := errors.Join(p.save(r, from), os.Rename(p.dir(from, r.ID), p.dir(to, r.ID)))
	p.sleep()
	return err
}
