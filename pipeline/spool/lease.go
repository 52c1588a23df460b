package spool

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
)

// SetProgress records how far the job is: done of total steps of a phase. A total
// of 0 means that it is not known yet. It renews the lease, and is not kept over a power cut.
func (j *Job) SetProgress(phase job.Phase, done, total int) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.progress.Phase, j.progress.Done, j.progress.Total = phase, done, total
	return j.beat()
}

// Renew renews the lease. The error is ErrLost if the job was taken away.
func (j *Job) Renew() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.beat()
}

func (j *Job) beat() error {
	p := &j.progress
	p.Beat++
	p.Updated = j.spool.now().UTC()
	data, err := json.Marshal(p)
	if err == nil {
		err = j.disk().WriteWhole(j.Path(job.ProgressFile), append(data, '\n'))
	}
	if err == nil {
		return nil
	}
	err = j.orLost(err)
	if !errors.Is(err, ErrLost) {
		_ = j.disk().Touch(j.Dir()) // A full disk has no room for a file; this renews the lease.
	}
	return fmt.Errorf("writing the progress of job %s: %w", j.ID, err)
}

// Hold renews the lease every few seconds until stop is called, which must be before the job is
// moved. The context that it returns ends with the cause ErrLost if the job was taken away.
// beside is called after each renewal, for what else is to be done by a worker that is busy for
// long.
func (j *Job) Hold(ctx context.Context, beside func()) (held context.Context, stop func()) {
	return hold(ctx, j.spool.times.Renew, j.Renew, beside)
}

func hold(ctx context.Context, every time.Duration, renew func() error, beside func()) (held context.Context, stop func()) {
	held, cancel := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-held.Done():
				return
			case <-tick.C:
			}
			if err := renew(); errors.Is(err, ErrLost) {
				cancel(err)
				return
			}
			beside()
		}
	}()
	return held, func() {
		cancel(nil)
		<-ended
	}
}

// strayEvery is how often Strays reads the leases. It is called on each turn of a loop, and beside long work.
func (s *Spool) strayEvery() time.Duration { return s.times.Lease / 12 }

// A Recovery takes jobs back from workers that were lost.
//
// A worker renews its lease while it has a job. Each process decides by its own clock whether a
// lease has ended: when it has seen the same lease for a minute while it was running itself. No two
// clocks are compared, and time in which this process was stopped does not count. A wrong decision
// only costs work done twice: the job's folder gets another name before anything else is done to
// it, and a worker that still lives finds nothing under the old one.
type Recovery struct {
	spool  *Spool
	worker string
	stages []job.Stage
	now    func() time.Time

	mu     sync.Mutex
	looked time.Time
	// seen maps the name of a claim to what it was at the last look.
	seen map[string]sighting
	// err is what the last look met: it holds until the next one.
	err error
}

// A sighting is what a lease was, and for how long it has been that.
type sighting struct {
	lease string
	age   time.Duration
}

// A Found is a job of which a Recovery disposed.
type Found struct {
	ID string
	// From is the stage where it was found, To the one where it is now.
	From, To job.Stage
	// Worker is who had it, as far as that is known.
	Worker string
}

// Recovery returns one on behalf of worker, for the jobs of these working stages.
func (s *Spool) Recovery(worker string, stages ...job.Stage) *Recovery {
	return &Recovery{spool: s, worker: job.WorkerName(worker), stages: stages, now: time.Now, seen: map[string]sighting{}}
}

// Own takes back, at once, the jobs of a stage that a worker of this worker's name has: it is
// called only while this one has none in its hands, so they were left by an earlier run. It does
// what it can besides an error.
func (r *Recovery) Own(stage job.Stage) ([]Found, error) {
	claims, err := r.spool.claims(stage)
	if err != nil {
		return nil, err
	}
	var found []Found
	var errs []error
	for _, c := range claims {
		if !r.own(stage, c) {
			continue
		}
		to, err := r.spool.takeBack(stage, c, "its worker was lost: it was restarted")
		if to != "" {
			found = append(found, Found{c.ID, stage, to, c.Worker})
		}
		errs = append(errs, job.WithID(c.ID, err))
	}
	return found, job.JoinErrors(errs...)
}

// own reports whether a claim is one of this worker's name. What an earlier version claimed has
// the worker in its record.
func (r *Recovery) own(stage job.Stage, c job.Claim) bool {
	if c.Token != "" {
		return c.Worker == r.worker
	}
	j, err := r.spool.read(stage, c)
	return err == nil && j.Last().Stage == stage && job.WorkerName(j.Last().Worker) == r.worker
}

// Strays takes back the jobs whose leases have ended. Any process may do that for all. It does
// what it can besides an error.
func (r *Recovery) Strays() (found []Found, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	var since time.Duration
	if !r.looked.IsZero() {
		if since = now.Sub(r.looked); since < r.spool.strayEvery() {
			return nil, r.err
		}
	}
	r.looked = now
	// What passed while this process did not look does not count: it may have been stopped, and
	// the worker with it.
	found, r.err = r.look(min(since, 2*r.spool.strayEvery()))
	return found, r.err
}

func (r *Recovery) look(since time.Duration) (found []Found, err error) {
	seen := map[string]sighting{}
	var errs []error
	for _, stage := range r.stages {
		claims, err := r.spool.claims(stage)
		errs = append(errs, err)
		for _, c := range claims {
			if !r.ended(stage, c, since, seen) {
				continue
			}
			to, err := r.spool.takeBack(stage, c, fmt.Sprintf("its worker %s was lost: it had not renewed its lease for %s", c.Worker, short(r.spool.times.Lease)))
			if to != "" {
				found = append(found, Found{c.ID, stage, to, c.Worker})
			}
			errs = append(errs, job.WithID(c.ID, err))
		}
	}
	r.seen = seen
	return found, job.JoinErrors(errs...)
}

// short is d without the zeros at its end.
func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	return text
}

// ended notes what the lease of a claim is now, and reports whether it has ended.
func (r *Recovery) ended(stage job.Stage, c job.Claim, since time.Duration, seen map[string]sighting) bool {
	lease, ok := r.spool.lease(stage, c)
	if !ok {
		return false // It moved on.
	}
	now := sighting{lease: lease}
	key := string(stage) + "/" + c.Name()
	if before, ok := r.seen[key]; ok && before.lease == lease {
		now.age = before.age + since
	}
	seen[key] = now
	return now.age >= r.spool.times.Lease
}

// lease is a text that changes when the worker renews. The content is read, and not the time of
// the file: file servers may tell that of a minute ago. The folder's time is for a worker that
// has no room for a file.
func (s *Spool) lease(stage job.Stage, c job.Claim) (text string, ok bool) {
	j := s.job(stage, c)
	data, err := s.disk.ReadFile(j.Path(job.ProgressFile))
	if err != nil {
		data = nil
	}
	info, err := s.disk.Lstat(j.Dir())
	if err != nil {
		return "", false
	}
	return fmt.Sprintf("%x %d", sha256.Sum256(data), info.ModTime().UnixNano()), true
}

// takeBack takes a job from the worker that has it and puts it where it belongs: to where its
// record says that it was about to go, or among those that wait, with the loss counted. It
// returns that stage, and "" if the job was gone or could not be moved. The error may be one of a job that was
// moved, as that of a damaged one.
func (s *Spool) takeBack(stage job.Stage, c job.Claim, why string) (job.Stage, error) {
	fenced := c.Fenced(s.token())
	err := s.moveFolder(s.folderOf(stage, c), s.folderOf(stage, fenced))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil // Its worker lives, or another process was faster.
	}
	if err != nil {
		return "", fmt.Errorf("taking job %s back: %w", c.ID, err)
	}
	j, err := s.read(stage, fenced)
	if errors.Is(err, ErrDamaged) {
		if err := s.setAside(stage, fenced, err); err != nil {
			return "", err
		}
		return job.Failed, err
	}
	if err != nil {
		return "", err
	}
	if to := j.Last().Stage; j.Announced(stage, fenced) && !to.Working() && slices.Contains(job.Stages, to) {
		err = j.finishMove(to)
	} else {
		err = j.putBack(why)
	}
	if errors.Is(err, ErrLost) {
		return "", nil
	}
	if j.stage == stage {
		return "", err // It stays where it was, unclaimed, until the next try.
	}
	return j.stage, err
}

func (j *Job) putBack(why string) error {
	if j.Last().Stage != j.stage {
		start := j.spool.now().UTC()
		if data, err := j.disk().ReadFile(j.Path(job.ProgressFile)); err == nil {
			if p, err := job.ParseProgress(data); err == nil && p.Started.After(j.Last().Start) {
				start = p.Started
			}
		}
		j.begin(start)
	}
	if ended, err := j.endBegun(); ended || err != nil {
		return err
	}
	return j.lose(why)
}

// endBegun ends a job whose rejection had begun, or whose results are out, and reports whether it is one.
func (j *Job) endBegun() (bool, error) {
	if j.stage == job.Separating && j.Rejected != "" {
		return true, j.Reject(j.Path(job.SourceFile), j.Error)
	}
	out, err := j.isOut()
	if err != nil {
		return false, j.orLost(err)
	}
	if !out {
		return false, nil
	}
	if err := j.SettleMoves(); err != nil {
		return false, err
	}
	return true, j.Finish()
}

// isOut reports whether all of the job's results are where they belong, so that it has only to
// be ended.
func (j *Job) isOut() (bool, error) {
	if j.stage != job.Organizing || j.Track == "" {
		return false, nil
	}
	haveStems, err := j.disk().Has(j.Path(job.StemsFolder))
	haveSource, sourceErr := j.disk().Has(j.Path(job.SourceFile))
	return !haveStems && !haveSource, errors.Join(err, sourceErr)
}

// FinishMove makes the move that the record of a job in Incoming announces, which this caller has under claim c, and
// reports whether there was one.
func (s *Spool) FinishMove(c job.Claim) (bool, error) {
	j, err := s.read(job.Incoming, c)
	if err != nil {
		return false, err
	}
	to := j.Last().Stage
	if !j.Announced(job.Incoming, j.claim) || to.Working() || !slices.Contains(job.Stages, to) {
		return false, nil
	}
	if to == job.Pending { // A power cut may have kept the record and not the rename of the source before it.
		if there, err := s.disk.Has(j.Path(job.SourceFile)); !there || err != nil {
			return false, err
		}
	}
	return true, j.finishMove(to)
}

// finishMove makes an announced move. Its worker may have been killed before the record was
// on the disk under its name, or before it was on the disk what was removed before that.
func (j *Job) finishMove(to job.Stage) error {
	var made []string
	switch {
	case j.stage == job.Separating && to != job.Separated:
		made = j.made()
	case j.stage == job.Incoming && to != job.Failed:
		made = []string{job.AskedFile, job.CopyFile}
	}
	if err := errors.Join(j.DropEmpty(job.TakenFolder), j.tidy(made...)); err != nil {
		return err
	}
	if err := j.disk().SyncFolder(j.Dir()); err != nil {
		return j.orLost(err)
	}
	err := j.rename(to)
	if errors.Is(err, errBlocked) && to != job.Failed {
		j.Unarrive()
		return j.blocked(to)
	}
	return err
}
