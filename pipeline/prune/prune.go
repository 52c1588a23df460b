// Package prune removes what came of songs long ago: stems, originals, rejected files, and the records of jobs that are done or
// were rejected. It knows by the records which file is whose, and touches nothing of a job that has not ended, or that failed.
//
// Services go on meanwhile, and whoever controls one can exchange files. So all is reached through package place, which follows no
// link; and before anything is removed it gets a name of its own, and is looked at again under that: what another process has put
// there meanwhile gets its name back.
package prune

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
)

// A Kind is what can be removed, or kept.
type Kind string

// The kinds. Rejected is files and records; Done are the records of jobs whose stems were put out.
const (
	Output   Kind = "output"
	Archive  Kind = "archive"
	Rejected Kind = "rejected"
	Done     Kind = "done"
)

// Kinds are all of them.
var Kinds = []Kind{Output, Archive, Rejected, Done}

// ParseKinds reads a list with commas.
func ParseKinds(text string) (kinds []Kind, err error) {
	for name := range strings.SplitSeq(text, ",") {
		kind := Kind(strings.TrimSpace(name))
		if text == "" {
			break
		}
		if !slices.Contains(Kinds, kind) {
			return nil, fmt.Errorf("there is no %q", name)
		}
		kinds = append(kinds, kind)
	}
	return kinds, nil
}

// ParseAge reads an age such as 30d, 2w, 12h or 90m.
func ParseAge(text string) (time.Duration, error) {
	const day = 24 * time.Hour
	for suffix, unit := range map[string]time.Duration{"d": day, "w": 7 * day} {
		if number, ok := strings.CutSuffix(text, suffix); ok {
			n, err := strconv.ParseUint(number, 10, 31)
			if err != nil || n > uint64(mostAge/unit) {
				return 0, errAge
			}
			text = strconv.FormatInt(int64(n)*int64(unit/time.Hour), 10) + "h"
		}
	}
	age, err := time.ParseDuration(text)
	if err != nil || age <= 0 || age > mostAge {
		return 0, errAge
	}
	return age, nil
}

// mostAge is a century.
const mostAge = 100 * 365 * 24 * time.Hour

var errAge = errors.New("it must be a time such as 30d, 2w or 12h, more than zero")

// Options say what to remove.
type Options struct {
	// Before is when it must have ended at the latest.
	Before time.Time `json:"before"`
	// Keep are the kinds that stay. The record of a job whose stems stay does so, too: it says what they are.
	Keep []Kind `json:"keep,omitempty"`
	// DryRun counts and removes nothing.
	DryRun bool `json:"dry_run"`
}

// A Count is how much of a kind was removed, or would be.
type Count struct {
	// Items are songs in output/, files elsewhere, and records.
	Items int64 `json:"items"`
	// Bytes are those of all files in them.
	Bytes int64 `json:"bytes"`
}

// A Result is what was removed, or would be.
type Result struct {
	Counts map[Kind]Count `json:"counts"`
	// Problems say what could not be removed, or was left because it is not what its record says: the first ones, and
	// MoreProblems how many more there were.
	Problems     []string `json:"problems"`
	MoreProblems int      `json:"more_problems"`
}

// Bytes is how many bytes there were in all.
func (r *Result) Bytes() (sum int64) {
	for _, c := range r.Counts {
		sum += c.Bytes
	}
	return sum
}

const (
	// mostProblems is how many problems are told.
	mostProblems = 20
	// asidePrefix begins the name of what is about to be removed; the ID of a job, or a token, follows.
	asidePrefix = ".prune-"
	// mostDepth and mostCounted bound what is counted of one song.
	mostDepth, mostCounted = 8, 10_000
)

// Run removes what is older in a data folder. The error wraps fs.ErrPermission where this user may not write in one of its folders:
// then nothing was removed.
func Run(ctx context.Context, data string, o Options) (Result, error) {
	data, err := filepath.EvalSymlinks(data) // the data folder may be behind a link, and nothing below it
	if err != nil {
		return Result{}, fmt.Errorf("pruning: %w", err)
	}
	p := newPruner(data, o)
	if err := p.run(ctx); err != nil {
		return p.result, fmt.Errorf("pruning: %w", err)
	}
	return p.result, nil
}

func newPruner(data string, o Options) *pruner {
	p := &pruner{Options: o, data: data, result: Result{Counts: map[Kind]Count{}, Problems: []string{}}, shut: map[string]bool{}}
	for _, kind := range Kinds {
		p.result.Counts[kind] = Count{}
	}
	return p
}

type pruner struct {
	Options
	data   string
	result Result
	// seen has what lay in archive/ and rejected/ before the records were read, with when it was put there: no job that is not
	// among those can have put it there.
	seen map[stray]time.Time
	// strays are old files and folders that may be of no job: what a job is found to name is not.
	strays map[stray]bool
	// archived has the last job that names a file in archive/, and rejected the same for rejected/.
	archived, rejected map[string]string
	// unsure has the IDs of jobs that may have put files where their records do not say.
	unsure map[string]bool
	// shut has the folders of output/ of which problemAt has told.
	shut map[string]bool
	// jobs are those that ended long ago.
	jobs []ended
}

// A stray is an entry of one of the folders, in output/ perhaps of a folder in it.
type stray struct {
	kind Kind
	name string // with slashes
}

// An ended is what is needed of a job's record.
type ended struct {
	id                        string
	stage                     job.Stage
	track, archived, rejected string
	size                      int64
}

func (p *pruner) folder(kind Kind) string {
	switch kind {
	case Output:
		return filepath.Join(p.data, job.OutputFolder)
	case Archive:
		return filepath.Join(p.data, job.ArchiveFolder)
	case Rejected:
		return filepath.Join(p.data, job.RejectedFolder)
	}
	return filepath.Join(p.data, job.QueueFolder, string(job.Done))
}

func (p *pruner) keeps(kind Kind) bool { return slices.Contains(p.Keep, kind) }

func (p *pruner) run(ctx context.Context) error {
	folders := []string{filepath.Join(p.data, job.QueueFolder)}
	for _, kind := range Kinds {
		folders = append(folders, p.folder(kind))
	}
	for _, folder := range folders {
		if err := place.Writable(folder); !p.DryRun && err != nil && !errors.Is(err, fs.ErrNotExist) {
			return &fs.PathError{Op: "write in", Path: folder, Err: err}
		}
	}
	// Files first, and then the records: a job names a file before it puts it there.
	if err := p.findStrays(ctx); err != nil {
		return err
	}
	if err := p.readJobs(ctx); err != nil {
		return err
	}
	for _, j := range p.jobs {
		if err := ctx.Err(); err != nil {
			return err
		}
		if j.stage == job.Done {
			p.pruneDone(j)
		} else if !p.keeps(Rejected) {
			p.pruneRejected(j)
		}
	}
	for s := range p.strays {
		if err := ctx.Err(); err != nil {
			return err
		}
		p.remove(s.kind, s.name, job.NewToken(), p.isOldStray(s.kind))
	}
	return nil
}

func (p *pruner) pruneDone(j ended) {
	gone := true
	switch {
	case j.track == "":
	case p.keeps(Output):
		there, err := place.Has(filepath.Join(p.folder(Output), filepath.FromSlash(j.track)))
		gone = !there && err == nil
	default:
		gone = p.remove(Output, j.track, j.id, func(path string) (bool, error) {
			if info, err := place.Local.Lstat(path); err != nil || !info.IsDir() {
				return false, err
			}
			if rest, err := isRest(path); rest || err != nil {
				return rest, err
			}
			track, err := readTrack(path)
			if errors.Is(err, errNoTrack) || errors.Is(err, fs.ErrNotExist) {
				err = nil
			}
			return track.Job == j.id, err
		})
	}
	if !p.keeps(Archive) && j.archived != "" && p.archived[j.archived] == j.id {
		gone = p.remove(Archive, j.archived, j.id, p.isFile(Archive, j.size)) && gone
	}
	if gone && !p.keeps(Done) {
		p.removeRecord(Done, j)
	}
}

func (p *pruner) pruneRejected(j ended) {
	gone := true
	if j.rejected != "" && p.rejected[j.rejected] == j.id {
		gone = p.remove(Rejected, j.rejected, j.id, p.isFile(Rejected, -1))
		text := job.ReasonFile(j.rejected)
		gone = p.remove(Rejected, text, j.id, func(path string) (bool, error) {
			content, err := place.Local.ReadFile(path)
			return strings.Contains(string(content), j.id), err
		}) && gone
	}
	if gone {
		p.removeRecord(Rejected, j)
	}
}

// isFile returns what reports whether a path has the file of a job: with this size, unless that is negative, and the one that was there
// before the records were read.
func (p *pruner) isFile(kind Kind, size int64) func(path string) (bool, error) {
	return func(path string) (bool, error) {
		info, err := place.Local.Lstat(path)
		if err != nil || !info.Mode().IsRegular() || size >= 0 && info.Size() != size {
			return false, err
		}
		at, seen := p.seen[stray{kind, filepath.Base(path)}]
		return isAside(path) || seen && at.Equal(changed(info)), nil
	}
}
