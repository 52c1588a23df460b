package spool

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/im2-audio/im2/modules/internal/place"
)

const (
	// patience is how long a job must lie in a working stage without a change before anybody
	// but its worker touches it.
	patience = time.Minute
	// strayEvery is how often Strays looks. It is asked on each turn of a loop.
	strayEvery = 5 * time.Second
)

// A Recovery finds the jobs of a working stage that a crash or a failed step left there.
//
// A job's last visit tells what they are. A visit to this very stage names the worker that has
// the job. A visit to another stage means that a move was cut off between its two steps: a
// claim that renamed the folder and did not record it, or a hand-over that was recorded and did
// not rename the folder. Either way the visit says where the job belongs, complete. But the
// same sight is also that of a worker that is claiming the job just now, so it counts only
// after a minute without a change, by this process's own monotonic clock.
type Recovery struct {
	spool  *Spool
	stage  Stage
	worker string
	others bool
	now    func() time.Time
	looked time.Time
	seen   map[string]sighting
	// err is what the last look met: it holds until the next one.
	err error
}

// A sighting is what a job looked like, and since when.
type sighting struct {
	folder, record fs.FileInfo
	since          time.Time
}

// A Found is a job of which a Recovery disposed.
type Found struct {
	ID string
	// To is the stage where it is now.
	To Stage
}

// Recovery returns one for the jobs of a working stage, on behalf of worker. With others set,
// jobs that another worker has are also taken from it after a minute without a change: for
// stages in which no step takes nearly so long.
func (s *Spool) Recovery(stage Stage, worker string, others bool) *Recovery {
	return &Recovery{spool: s, stage: stage, worker: worker, others: others, now: time.Now, seen: map[string]sighting{}}
}

// Own returns the jobs that this worker has by their last visit. It also completes the moves
// that this worker announced and did not make, except those back to the stage where jobs come
// from: such a job may be in another worker's hands by now. Own must be called only while the
// worker has no job in its hands. It returns what it can besides an error.
func (r *Recovery) Own() (own []*Job, done []Found, err error) {
	ids, err := r.spool.List(r.stage)
	if err != nil {
		return nil, nil, err
	}
	var errs []error
	for _, id := range ids {
		j, err := r.spool.read(r.stage, id)
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, ErrDamaged): // It is gone, or one for Strays.
		case err != nil:
			errs = append(errs, err)
		case j.last().Stage == r.stage && j.Worker() == r.worker:
			own = append(own, j)
		case r.announcedByMe(j):
			err := j.rename(j.last().Stage)
			if err == nil {
				done = append(done, Found{id, j.stage})
			}
			errs = append(errs, err)
		}
	}
	return own, done, errors.Join(errs...)
}

func (r *Recovery) announcedByMe(j *Job) bool {
	to := j.last().Stage
	return j.announced(r.stage) && j.History[len(j.History)-2].Worker == r.worker &&
		to != r.stage.entry() && !to.working() && slices.Contains(Stages(), to)
}

// FinishMove makes the move that the record of a job in stage announces, and reports whether
// there was one. It is for a service that alone works in that stage: where there are others,
// the job may be in the hands of one of them.
func (s *Spool) FinishMove(stage Stage, id string) (bool, error) {
	j, err := s.read(stage, id)
	if err != nil {
		return false, err
	}
	to := j.last().Stage
	if !j.announced(stage) || to.working() || !slices.Contains(Stages(), to) {
		return false, nil
	}
	return true, j.rename(to)
}

// Strays puts right what nobody works on, once it has been seen unchanged for a minute: a job
// whose last visit is to another stage goes there, and one whose job.json is missing or damaged
// is set aside. Any worker may do that for all. It returns what it can besides an error.
//
// Jobs that another worker has by their last visit stay, unless the Recovery is for them too:
// whether that worker is lost or busy with a long song cannot be seen without leases.
func (r *Recovery) Strays() (found []Found, err error) {
	now := r.now()
	if !r.looked.IsZero() && now.Sub(r.looked) < strayEvery {
		return nil, r.err
	}
	r.looked = now
	found, r.err = r.strays(now)
	return found, r.err
}

func (r *Recovery) strays(now time.Time) (found []Found, err error) {
	ids, err := r.spool.List(r.stage)
	if err != nil {
		return nil, err
	}
	var errs []error
	seen := map[string]sighting{}
	for _, id := range ids {
		look, ok := r.look(id, now)
		if !ok {
			continue
		}
		seen[id] = look
		if now.Sub(look.since) < patience {
			continue
		}
		to, err := r.putRight(id)
		if to != "" {
			found = append(found, Found{id, to})
		}
		errs = append(errs, err)
	}
	r.seen = seen
	return found, errors.Join(errs...)
}

// look notes what a job looks like now, and since when it has looked like that.
func (r *Recovery) look(id string, now time.Time) (sighting, bool) {
	j := &Job{Record: Record{ID: id}, spool: r.spool, stage: r.stage}
	folder, err := os.Lstat(j.Dir())
	if err != nil {
		return sighting{}, false // It moved on.
	}
	record, err := os.Lstat(j.Path(recordFile))
	if err != nil {
		record = nil
	}
	look := sighting{folder: folder, record: record, since: now}
	if before, ok := r.seen[id]; ok && sameInfo(before.folder, folder) && sameInfo(before.record, record) {
		look.since = before.since
	}
	return look, true
}

func sameInfo(a, b fs.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// putRight moves one job that has not changed for long to where it belongs, and returns that
// stage; "" when it stays.
func (r *Recovery) putRight(id string) (Stage, error) {
	j, err := r.spool.read(r.stage, id)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if errors.Is(err, ErrDamaged) {
		if err := r.spool.SetAside(r.stage, id, err); err != nil {
			return "", err
		}
		return Failed, err
	}
	if err != nil {
		return "", err
	}
	switch to := j.last().Stage; {
	case to == r.stage && (j.Worker() == r.worker || !r.others):
		return "", nil
	case to != r.stage && !to.working() && slices.Contains(Stages(), to):
		err = j.rename(to)
	default: // Another worker's, or a history that makes no sense.
		err = j.move(r.stage.entry(), "its worker was lost")
	}
	if err != nil && !place.Exists(j.Dir()) {
		return "", nil // Its worker lives, and has moved it on just now.
	}
	if err != nil {
		return "", err
	}
	return j.stage, nil
}
