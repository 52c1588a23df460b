//go:build unix

package spool

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/lease"
	"github.com/im2-audio/im2/pipeline/place"
)

var errKilled = errors.New("killed")

// A proc is one process of a service. It runs in a goroutine of its own, but only while the
// model waits for it.
type proc struct {
	model  *model
	role   func(*proc)
	name   string
	disk   memView
	spool  *Spool
	wakes  time.Time
	begun  bool
	killed bool
	// media makes an organizer put songs into folders of artists and albums.
	media bool
	// resume is false for a process that is killed; paused is false for one that has ended.
	resume, paused chan bool
}

// step lets the process go on to its next gate.
func (p *proc) step() {
	if !p.begun {
		p.begun = true
		go func() {
			if p.killed = !<-p.resume; !p.killed {
				p.role(p)
			}
			p.paused <- false
		}()
	}
	p.resume <- true
	<-p.paused
}

// end kills the process: nothing that it does from now on has an effect.
func (p *proc) end() {
	if !p.begun {
		return
	}
	p.resume <- false
	for <-p.paused {
		p.resume <- false
	}
}

// pass is the gate before each step: the process waits until it may go on.
func (p *proc) pass() error {
	if p.killed {
		return errKilled
	}
	p.paused <- true
	if p.killed = !<-p.resume; p.killed {
		return errKilled
	}
	return nil
}

// ask is the gate before each thing that is asked of the disk, which may fail.
func (p *proc) ask() error {
	if err := p.pass(); err != nil {
		return err
	}
	if p.model.fails() {
		return syscall.EIO
	}
	return nil
}

// sleep waits by the model's clock, and reports whether the process lives.
func (p *proc) sleep(d time.Duration) bool {
	p.wakes = p.model.clock.Add(d)
	return p.pass() == nil
}

// recovery returns one with the model's clock.
func (p *proc) recovery() *Recovery {
	r := p.spool.Recovery(p.name, job.Separating, job.Organizing)
	r.now = p.model.now
	return r
}

// watch is a watcher: while it has the lease, it finishes what others began, and then takes what is there.
func (p *proc) watch() {
	w := p.spool.Watch(p.name)
	w.now = p.model.now
	for p.sleep(time.Second) {
		if holder, err := w.Acquire(); holder == "" && err == nil {
			p.holdWatch(w)
		}
	}
}

// holdWatch works while the watcher has the lease.
func (p *proc) holdWatch(w *Watch) {
	var songs map[string]string // The IDs of the jobs by their songs.
	var held []job.Claim
	for p.sleep(lease.Default.Renew) && !errors.Is(w.Renew(), ErrLost) {
		adopted, err := w.Adopt()
		held = append(held, adopted...)
		if songs == nil && err == nil {
			songs, err = p.songs()
		}
		if err != nil {
			continue
		}
		var rest []job.Claim
		for _, c := range held {
			if err := p.goOn(c, songs); err != nil && !errors.Is(err, ErrLost) && !errors.Is(err, fs.ErrNotExist) {
				rest = append(rest, c)
			}
		}
		held = rest
		entries, _ := p.disk.ReadDir("/input")
		for _, entry := range entries {
			c, err := p.take(w, entry.Name(), songs)
			if c.ID != "" && err != nil {
				held = append(held, c)
			}
			if errors.Is(err, ErrLost) {
				return
			}
		}
		if p.model.rng.IntN(8) == 0 { // It is told to stop.
			_ = w.Release()
			return
		}
	}
}

// songs reads which songs have jobs.
func (p *proc) songs() (map[string]string, error) {
	songs := map[string]string{}
	err := p.spool.Every(func(j *Job, err error) error {
		if err == nil && j.DuplicateOf == "" && j.SHA256 != "" {
			songs[content(j.Name)] = j.ID
		}
		return ignore(ignore(err, ErrNoRecord), fs.ErrNotExist)
	})
	if err != nil {
		return nil, err
	}
	return songs, nil
}

// take takes a song of /input. With an error and a claim, the job is to be resumed.
func (p *proc) take(w *Watch, entry string, songs map[string]string) (job.Claim, error) {
	j, err := w.Create()
	if err != nil {
		return job.Claim{}, err
	}
	if err = p.disk.Mkdir(j.Path(job.TakenFolder)); err == nil {
		err = p.disk.Rename("/input/"+entry, j.Path(job.TakenFolder, entry))
	}
	if err != nil {
		return j.claim, errors.Join(err, j.Discard(job.TakenFolder))
	}
	return j.claim, p.publish(j, songs)
}

// goOn goes on with a job of Incoming.
func (p *proc) goOn(c job.Claim, songs map[string]string) error {
	moved, err := p.spool.FinishMove(c)
	if moved {
		return err
	}
	if errors.Is(err, ErrNoRecord) {
		return p.publish(p.spool.Fresh(c), songs)
	}
	if err != nil {
		return err
	}
	j, err := p.spool.Taken(c)
	if err != nil {
		return err
	}
	return p.publish(j, songs)
}

func (p *proc) publish(j *Job, songs map[string]string) error {
	entries, err := p.disk.ReadDir(j.Path(job.TakenFolder))
	if ignore(err, fs.ErrNotExist) != nil {
		return err
	}
	taken := ""
	for _, entry := range entries {
		taken = entry.Name()
	}
	if j.Name == "" {
		if taken == "" {
			return j.Discard(job.TakenFolder)
		}
		if err := p.disk.SyncFolder(j.Path(job.TakenFolder)); err != nil {
			return err
		}
		j.SetName(taken)
		j.SHA256 = strings.Repeat("0", 64)
		if other := songs[content(taken)]; other != "" && other != j.ID {
			j.DuplicateOf, j.Error = other, "It is the same."
		} else {
			songs[content(taken)] = j.ID
		}
		if err := j.Save(); err != nil {
			return err
		}
	}
	if j.Error != "" {
		return j.Reject(j.Path(job.TakenFolder, cmp.Or(taken, "gone")), j.Error)
	}
	if taken != "" {
		if err := p.disk.Rename(j.Path(job.TakenFolder, taken), j.Path(job.SourceFile)); err != nil {
			return err
		}
	}
	if err := errors.Join(j.DropEmpty(job.TakenFolder), j.Clear()); err != nil {
		return err
	}
	return j.Move(job.Pending)
}

// separate is a demucs worker.
func (p *proc) separate() {
	r := p.recovery()
	for leftovers := true; p.sleep(time.Second); {
		_, _ = r.Strays()
		if leftovers {
			_, err := r.Own(job.Separating)
			leftovers = err != nil
		}
		j, err := p.spool.Claim(context.Background(), job.Pending, job.Separating, p.name)
		if err != nil {
			continue
		}
		if err := p.stems(j, r); err != nil {
			leftovers = !errors.Is(err, ErrLost)
		}
	}
}

func modelStems() []string { return []string{"bass", "drums", "other", "vocals"} }

// stems makes the stems of a job, slowly, and hands it on.
func (p *proc) stems(j *Job, r *Recovery) error {
	source, err := p.disk.ReadFile(j.Path(job.SourceFile))
	if errors.Is(err, fs.ErrNotExist) {
		if err = j.orLost(err); !errors.Is(err, ErrLost) {
			err = j.Fail(err)
		}
	}
	if err != nil {
		return err
	}
	if strings.HasPrefix(string(source), "bad") {
		return j.Reject(j.Path(job.SourceFile), "It is bad.")
	}
	if err := errors.Join(j.Clear(job.StemsFolder), j.Mkdir(job.WorkFolder), j.SetProgress(job.Decoding, 0, 0)); err != nil {
		return err
	}
	for _, stem := range modelStems() {
		temp, err := p.disk.Temp(j.Path(job.WorkFolder), []byte(stem+" of "+string(source)), true)
		if err == nil {
			err = p.disk.Rename(temp, j.Path(job.WorkFolder, stem))
		}
		if p.sleep(lease.Default.Renew); err == nil {
			err = j.Renew()
		}
		if err != nil {
			return err
		}
		_, _ = r.Strays()
	}
	if err := j.Mkdir(job.StemsFolder); err != nil {
		return err
	}
	for _, stem := range modelStems() {
		if err := p.disk.Rename(j.Path(job.WorkFolder, stem), j.Path(job.StemsFolder, stem)); err != nil {
			return err
		}
	}
	if err := p.disk.SyncFolder(j.Path(job.StemsFolder)); err != nil {
		return err
	}
	return j.Move(job.Separated)
}

// folders are those for a song of this name, as this organizer is told. All titles are alike; some artists are one where
// capital letters count for nothing, and have the names of songs.
func (p *proc) folders(name string) []string {
	if !p.media {
		return []string{name}
	}
	return append(slices.Clone(modelShelves[int(name[len(name)-1])%len(modelShelves)]), "01 title")
}

var modelShelves = [][]string{{"song 0", "First"}, {"SONG 0", "first"}, {"song 1", "First"}, {"Song 0", "Second"}}

// organize is an organizer.
func (p *proc) organize() {
	switch p.model.layouts {
	case onlyMedia:
		p.media = true
	case bothLayouts: // Somebody changes the setting, and starts them again.
		p.media = p.model.rng.IntN(2) == 0
	}
	r := p.recovery()
	_, _ = r.Own(job.Organizing)
	for p.sleep(time.Second) {
		_, _ = r.Strays()
		if j, err := p.spool.Claim(context.Background(), job.Separated, job.Organizing, p.name); err == nil {
			_ = p.deliver(j)
		}
	}
}

func (p *proc) deliver(j *Job) error {
	haveStems, err := p.disk.Has(j.Path(job.StemsFolder))
	if err != nil {
		return err
	}
	if !haveStems && j.Track == "" {
		return j.Fail(errors.New("no stems"))
	}
	if have, err := p.disk.Has(j.Path(job.SourceFile)); err != nil {
		return err
	} else if have {
		if err := j.Deliver(job.SourceFile, "/archive", place.FileNames(j.Name), func(name string) error {
			j.SetArchived(name)
			return nil
		}); err != nil {
			return err
		}
	}
	if !haveStems {
		if err := j.SettleMoves(); err != nil {
			return err
		}
	} else {
		if err := j.Publish(p.folders(j.Name), func() error { return j.Write([]byte(j.Track), job.StemsFolder, job.TrackFile) }); err != nil {
			return err
		}
	}
	return j.Finish()
}

// cancel cancels a job now and then, as long as there are faults: in the end all is to come to rest.
func (p *proc) cancel() {
	for p.sleep(time.Duration(p.model.rng.IntN(20_000)) * time.Millisecond) {
		if p.model.faults == 0 {
			continue
		}
		var ids []string
		for _, stage := range job.Stages {
			if stage.Final() {
				break
			}
			found, _ := p.spool.List(stage)
			ids = append(ids, found...)
		}
		if len(ids) == 0 {
			continue
		}
		id := ids[p.model.rng.IntN(len(ids))]
		if err := p.spool.Cancel(id); err == nil {
			p.model.cancelled[id] = true
			p.model.dark = p.model.rng.IntN(4) == 0 // What was answered lasts.
		}
	}
}

// Has is place.Has.
func (v memView) Has(path string) (bool, error) { return place.Placer{Disk: v}.Has(path) }
