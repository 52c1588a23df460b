package prune

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/queue"
)

// findStrays lists what is in the folders that people see.
func (p *pruner) findStrays(ctx context.Context) error {
	p.strays, p.seen = map[stray]bool{}, map[stray]time.Time{}
	for _, kind := range []Kind{Output, Archive, Rejected} {
		if p.keeps(kind) {
			continue
		}
		if err := p.findStraysIn(ctx, kind, "", 1); err != nil {
			return err
		}
	}
	return nil
}

// findStraysIn lists the folder dir of a kind's, with slashes, and in output/ the folders of songs below it.
func (p *pruner) findStraysIn(ctx context.Context, kind Kind, dir string, depth int) error {
	entries, err := place.Local.ReadDir(filepath.Join(p.folder(kind), filepath.FromSlash(dir)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil && depth > 1 {
		p.problemAt(kind, dir, err)
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		s := stray{kind, path.Join(dir, entry.Name())}
		if info, err := entry.Info(); err == nil && kind != Output {
			p.seen[s] = changed(info)
		}
		at := filepath.Join(p.folder(kind), filepath.FromSlash(s.name))
		if hidden := strings.HasPrefix(entry.Name(), ".") && !isAside(at); hidden {
			continue
		}
		if is, err := p.isOldStray(kind)(at); is && err == nil {
			p.strays[s] = true
		}
		if kind == Output && depth < job.SongDepth && entry.IsDir() && !isAside(at) && !place.Exists(filepath.Join(at, job.TrackFile)) {
			if err := p.findStraysIn(ctx, kind, s.name, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// isOldStray returns what reports whether an entry is old by itself: in output/, a folder with the description of a track that is not
// one of a job in p.unsure, or what a call that was killed has left of one; in a folder there, it must say that it was put there, since
// people may have moved it; elsewhere, a file, where the system tells when it was put
// there.
func (p *pruner) isOldStray(kind Kind) func(path string) (bool, error) {
	return func(path string) (bool, error) {
		info, err := place.Local.Lstat(path)
		if err != nil {
			return false, err
		}
		if kind != Output {
			return tellsChange && info.Mode().IsRegular() && info.ModTime().Before(p.Before) && (isAside(path) || changed(info).Before(p.Before)), nil
		}
		if !info.IsDir() {
			return false, nil
		}
		track, err := readTrack(path)
		if errors.Is(err, fs.ErrNotExist) {
			return isAside(path), nil // Else it is somebody else's.
		}
		if errors.Is(err, errNoTrack) {
			return false, nil // somebody else's
		}
		at, relErr := filepath.Rel(p.folder(Output), path)
		moved := filepath.Dir(at) != "." && filepath.ToSlash(at) != track.Track && !isAside(path)
		old := !track.Finished.IsZero() && track.Finished.Before(p.Before)
		return err == nil && old && !moved && !p.unsure[track.Job], cmp.Or(err, relErr)
	}
}

// isRest reports whether path has what is left of a folder that was being removed, without the description of its track.
func isRest(path string) (bool, error) {
	if !isAside(path) {
		return false, nil
	}
	info, err := place.Local.Lstat(path)
	if err != nil || !info.IsDir() {
		return false, err
	}
	there, err := place.Has(filepath.Join(path, job.TrackFile))
	return !there && err == nil, err
}

// isAside reports whether an entry got a name of this package, which has changed it.
func isAside(path string) bool { return strings.HasPrefix(filepath.Base(path), asidePrefix) }

var errNoTrack = errors.New("its track.json says nothing")

// A track is what track.json says of a folder in output/: whose it is, and where and when it was put.
type track struct {
	Job      string    `json:"job"`
	Track    string    `json:"track"`
	Finished time.Time `json:"finished"`
}

func readTrack(folder string) (t track, err error) {
	text, err := place.Local.ReadFile(filepath.Join(folder, job.TrackFile))
	if err != nil {
		return track{}, err
	}
	if err := json.Unmarshal(text, &t); err != nil || !job.ValidID(t.Job) {
		return track{}, errNoTrack
	}
	return t, nil
}

// readJobs reads all records: what a job names is no stray, and those that ended long ago are noted.
func (p *pruner) readJobs(ctx context.Context) error {
	p.archived, p.rejected, p.unsure = map[string]string{}, map[string]string{}, map[string]bool{}
	for j, err := range queue.New(p.data).Jobs(ctx) {
		if err != nil {
			return err
		}
		archived, rejected := j.RawArchived(), j.RawRejected()
		if archived != "" {
			p.archived[archived] = max(p.archived[archived], j.ID)
		}
		if rejected != "" {
			p.rejected[rejected] = max(p.rejected[rejected], j.ID)
		}
		delete(p.strays, stray{Output, j.Track})
		delete(p.strays, stray{Archive, archived})
		delete(p.strays, stray{Rejected, rejected})
		delete(p.strays, stray{Rejected, job.ReasonFile(rejected)})
		for _, kind := range []Kind{Archive, Rejected} { // what an earlier call had begun with
			delete(p.strays, stray{kind, asidePrefix + j.ID})
		}
		delete(p.strays, stray{Output, path.Join(path.Dir(j.Track), asidePrefix+j.ID)})
		if p.isUnsure(&j) {
			p.unsure[j.ID] = true
		}
		if j.Stage != job.Done && j.Stage != job.Rejected || !p.isOld(&j) {
			continue
		}
		if j.Problem != "" {
			p.problem("queue/%s/%s: %s", j.Stage, j.ID, j.Problem)
			continue
		}
		p.jobs = append(p.jobs, ended{j.ID, j.Stage, j.Track, archived, rejected, j.Size})
	}
	p.leaveUnsure()
	return nil
}

// isUnsure reports whether a job may have put files where its record does not say: that is damaged, or was, and a new one has its place
// (see spool.Job.SetAside). Where the damaged one was missing, or the job was tried again, the history begins late.
func (p *pruner) isUnsure(j *queue.Job) bool {
	if j.Problem != "" {
		return true
	}
	if j.Stage == job.Failed {
		damaged, err := place.Has(filepath.Join(p.data, job.QueueFolder, string(j.Stage), j.ID, job.DamagedFile))
		if damaged || err != nil {
			return true
		}
	}
	if j.RawArchived() != "" || len(j.History) == 0 {
		return false
	}
	if j.Stage == job.Done && p.isOld(j) {
		return false // What is left of it is as old.
	}
	first := j.History[0].Stage
	return first == job.Separated || first == job.Organizing
}

// leaveUnsure lets all files stay that may be those of a job in p.unsure. A folder in output/ says itself whose it is.
func (p *pruner) leaveUnsure() {
	if len(p.unsure) == 0 {
		return
	}
	var left []string
	for s := range p.strays {
		if s.kind != Output {
			left = append(left, string(s.kind)+"/")
			delete(p.strays, s)
		}
	}
	if len(left) > 0 {
		slices.Sort(left)
		p.problem("%s: files that no record names were left, since the record of job %s is damaged",
			strings.Join(slices.Compact(left), ", "), slices.Min(slices.Collect(maps.Keys(p.unsure))))
	}
}

// isOld reports whether a job ended long ago.
func (p *pruner) isOld(j *queue.Job) bool {
	at := j.Made()
	if last := j.Last(); last.Stage == j.Stage && last.Start.After(at) {
		at = last.Start
	}
	return at.Before(p.Before)
}
