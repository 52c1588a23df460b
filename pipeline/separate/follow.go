package separate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/safetext"
	"github.com/im2-audio/im2/internal/term"
	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/pause"
	"github.com/im2-audio/im2/pipeline/proof"
	"github.com/im2-audio/im2/pipeline/queue"
)

// follow returns the song's job when it has come to rest.
func (s *separation) follow(ctx context.Context, h handed) (queue.Job, error) {
	d := &display{ui: s.UI, data: s.Data, name: shown(h.name), patience: s.patience}
	defer d.close()
	search := &search{separation: s, handed: h}
	tick := time.NewTicker(s.poll)
	defer tick.Stop()
	for {
		j, found, err := search.look(ctx)
		if err != nil {
			return queue.Job{}, err
		}
		if found && j.Stage == job.Rejected && j.DuplicateOf != "" && !search.other {
			search.other = true
			d.close()
			s.UI.Note(`%s is a song that the pipeline has already: following job %s; "-again" separates it a second time`, shown(h.name), safetext.Quoted(j.DuplicateOf))
			search.id = j.DuplicateOf
			continue
		}
		if found && j.Stage.Final() {
			return j, nil
		}
		now, err := s.state(ctx, j, found, search.gone)
		if err != nil {
			return queue.Job{}, err
		}
		d.show(now)
		select {
		case <-ctx.Done():
			return queue.Job{}, ctx.Err()
		case <-tick.C:
		}
	}
}

// search finds the job of a song.
//
// It is the one that was not there before the song, has the song's name and, as soon as
// the watcher has read it, the song's digest. The time in a job's ID is not asked: it
// comes from another clock, that of a virtual machine on many hosts.
type search struct {
	*separation
	handed handed
	// id is the song's job, once it is certain.
	id string
	// other says that id is an earlier job of the same song.
	other bool
	// gone says that the song is no longer in the input folder; since when, and since when no
	// job may be its own, is in since.
	gone  bool
	since time.Time
}

// look returns the job as it is now, and false while there is none that can be told from
// others.
func (s *search) look(ctx context.Context) (queue.Job, bool, error) {
	if s.id != "" {
		j, err := s.queue.Get(ctx, s.id)
		if errors.Is(err, queue.ErrNotFound) {
			err = exit.Errorf(exit.Failed, `following %q: its job %s is no longer in the queue; somebody removed it`, s.handed.name, s.id)
		}
		return j, err == nil, err
	}
	// Asked before the jobs are: a song that is gone by now has its job by then.
	s.notice()
	ids, err := s.queue.IDs(ctx)
	if err != nil {
		return queue.Job{}, false, err
	}
	for _, id := range ids {
		if s.handed.before[id] {
			continue
		}
		j, err := s.queue.Get(ctx, id)
		if err == nil && j.Stage == job.Incoming && j.Name == "" {
			s.since = time.Now() // It may be the song's: one of many gigabytes is read for long before it is written down.
		}
		if errors.Is(err, queue.ErrNotFound) {
			continue
		}
		if err != nil {
			return queue.Job{}, false, err
		}
		if is, certain := s.handed.owns(&j); is {
			if certain {
				s.id = id
			}
			return j, true, nil
		} else if certain {
			s.handed.before[id] = true // Not to be read again.
		}
	}
	return queue.Job{}, false, s.lost()
}

// owns reports whether the job is the song's, as far as is known, and whether that is
// certain by now.
func (h handed) owns(j *queue.Job) (is, certain bool) {
	switch {
	case j.Name == "":
		return false, false // The watcher has not recorded it.
	case j.RawName() != h.name:
		return false, true
	case j.SHA256 != "":
		return j.SHA256 == h.sha256, true
	default:
		return true, j.Stage != job.Incoming
	}
}

func (s *search) notice() {
	if s.gone {
		return
	}
	_, err := os.Lstat(filepath.Join(s.Data, job.InputFolder, s.handed.entry))
	if errors.Is(err, fs.ErrNotExist) {
		s.gone, s.since = true, time.Now()
	}
}

func (s *search) lost() error {
	if !s.gone || time.Since(s.since) < s.searching {
		return nil
	}
	return exit.Errorf(exit.Failed,
		`following %q: it is no longer in %s, and no job has it: it was removed, or "mage logs -service=watcher" says more`,
		s.handed.name, s.rel(job.InputFolder))
}

// state describes where the job is, for a person who waits.
func (s *separation) state(ctx context.Context, j queue.Job, found, gone bool) (state, error) {
	switch {
	case !found && !gone:
		return state{label: "waiting for the watcher", idle: true}, nil
	case !found:
		return state{label: "taken by the watcher"}, nil
	}
	switch j.Stage {
	case job.Incoming:
		return state{label: "taken by the watcher"}, nil
	case job.Pending:
		return s.waiting(ctx, j)
	case job.Separating:
		return separating(j.Progress), nil
	case job.Separated:
		return state{label: "waiting for the organizer", idle: true}, nil
	default:
		return state{label: "putting the stems in their place"}, nil
	}
}

func (s *separation) waiting(ctx context.Context, j queue.Job) (state, error) {
	paused, err := pause.Read(s.Data)
	if err != nil {
		return state{}, err
	}
	if paused != nil {
		return state{label: "waiting: the pipeline is " + paused.String() + `, and "mage resume" continues`}, nil
	}
	pending, err := s.queue.Waiting(ctx, job.Pending)
	if err != nil {
		return state{}, err
	}
	busy, err := s.queue.Waiting(ctx, job.Separating)
	if err != nil {
		return state{}, err
	}
	before := len(busy)
	for _, id := range pending {
		if id < j.ID {
			before++
		}
	}
	label := "waiting for a worker"
	if before > 0 {
		label = fmt.Sprintf("waiting for a worker (%d before it)", before)
	}
	return state{label: label, idle: len(busy) == 0}, nil
}

func separating(p *job.Progress) state {
	if p == nil {
		return state{label: "decoding"} // The first thing a worker does.
	}
	switch p.Phase {
	case job.Decoding, job.Separation, job.Finishing:
	default:
		return state{label: "separating"} // A phase that a later version has.
	}
	percent, known := p.Percent()
	return state{label: string(p.Phase), percent: percent, known: known}
}

// state is what a person who waits for a job wants to know.
type state struct {
	// label says what happens.
	label string
	// percent of it is finished, where that is known.
	percent int
	known   bool
	// idle says that the job waits for a service, not for another job.
	idle bool
}

// display shows the states of one job, one after the other.
type display struct {
	ui       *term.UI
	data     string // the data folder
	name     string
	patience time.Duration

	bar   *term.Progress
	now   state
	since time.Time
	// told says that the user was told that nothing happens.
	told bool
}

func (d *display) show(s state) {
	if d.bar == nil || s.label != d.now.label || s.known != d.now.known {
		d.change(s)
	}
	d.now = s
	d.bar.Set(int64(s.percent))
	if s.idle && !d.told && time.Since(d.since) >= d.patience {
		d.told = true
		d.close() // A note must not fall into the bar's line.
		start, show := "mage up", "mage status"
		if onCluster(d.data) {
			start, show = "mage cluster-up", "mage cluster-status"
		}
		d.ui.Note(`%s: still %s: the pipeline seems not to be running; "%s" starts it, "%s" shows it`, d.name, s.label, start, show)
		d.open(s)
	}
}

// onCluster reports whether the services that were last seen in the data folder are on a cluster.
func onCluster(data string) bool {
	all, _, _ := proof.List(data) // without proofs, this machine is meant
	newest, found := proof.Left{}, false
	for _, left := range all {
		if left.Err == nil && (!found || left.Unseen < newest.Unseen) {
			newest, found = left, true
		}
	}
	return newest.Engine == proof.Kubernetes
}

// change begins a new state. Without a terminal each one is printed at once, since a short
// one would otherwise never be.
func (d *display) change(s state) {
	d.close()
	if s.label != d.now.label {
		d.since, d.told = time.Now(), false
		if !d.ui.Live() {
			d.ui.Note("%s: %s", d.name, s.label)
		}
	}
	d.open(s)
}

func (d *display) open(s state) {
	unit := term.Seconds
	if s.known {
		unit = term.Percent
	}
	d.bar = d.ui.Progress(d.name+": "+s.label, 100, unit)
	d.bar.Set(int64(s.percent))
}

func (d *display) close() {
	if d.bar != nil {
		d.bar.Done()
		d.bar = nil
	}
}
