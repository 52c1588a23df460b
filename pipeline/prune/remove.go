package prune

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
)

// remove removes an entry of a kind's folder, with all that is in it, if is says that it is what is meant. It reports whether there is
// nothing left of it. Whose it is, is in the name that it has meanwhile: after a crash, the next call goes on.
func (p *pruner) remove(kind Kind, name, id string, is func(path string) (bool, error)) (gone bool) {
	path := filepath.Join(p.folder(kind), filepath.FromSlash(name))
	aside := filepath.Join(filepath.Dir(path), asidePrefix+id)
	for _, at := range []string{aside, path} {
		before, err := place.Local.Lstat(at)
		if kind == Output && isElsewhere(err) {
			return true
		}
		meant := false
		if err == nil {
			meant, err = is(at)
		}
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil && !meant {
			continue // another one's by now, which is no trouble
		}
		if err == nil {
			err = p.removeAt(kind, at, aside, before, is)
		}
		if errors.Is(err, errOther) {
			return false // The next call looks again.
		}
		if err != nil {
			p.problemAt(kind, name, err)
			return false
		}
	}
	for dir := filepath.Dir(path); dir != p.folder(kind) && !p.DryRun; dir = filepath.Dir(dir) {
		if err := place.Local.Remove(dir); ignoreMissing(err) != nil { // there is something in it
			break
		}
	}
	return true
}

// isElsewhere reports whether an error is that of a path with a link or a file in the place of a folder: somebody has moved that away.
func isElsewhere(err error) bool {
	return errors.Is(err, syscall.ELOOP) || errors.Is(err, syscall.ENOTDIR)
}

// errOther is returned for what is another one's than it was a moment before: it has its name again, and is no trouble.
var errOther = errors.New("it is another one's by now")

func (p *pruner) removeAt(kind Kind, at, aside string, before fs.FileInfo, is func(path string) (bool, error)) error {
	bytes := p.bytes(at)
	if p.DryRun {
		p.count(kind, bytes)
		return nil
	}
	if at != aside {
		if err := place.Local.RenameNew(at, aside); err != nil {
			return ignoreMissing(err)
		}
		now, err := place.Local.Lstat(aside)
		if err != nil {
			return ignoreMissing(err)
		}
		meant, err := is(aside)
		same := os.SameFile(before, now) && before.ModTime().Equal(now.ModTime()) // The number of one may be another's by now.
		if err != nil || !meant || !same {
			_, backErr := place.Local.Put(aside, filepath.Dir(at), place.FileNames(filepath.Base(at)), nil)
			if err = errors.Join(err, backErr); err == nil {
				err = errOther
			}
			return err
		}
	}
	if err := place.Local.RemoveAll(aside); err != nil {
		return err
	}
	p.count(kind, bytes)
	return place.SyncFolder(filepath.Dir(at))
}

// ignoreMissing returns nil where another call was faster.
func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// removeRecord removes a job from the queue. What is in it besides its record goes with it. It is moved away first, to where the watcher
// removes what a crash left: a job that is there without its record is a problem for ever.
func (p *pruner) removeRecord(kind Kind, j ended) {
	path := filepath.Join(p.data, job.QueueFolder, string(j.stage), j.id)
	bytes := p.bytes(path)
	if !p.DryRun {
		temp := filepath.Join(p.data, job.QueueFolder, place.TempPrefix+job.NewToken())
		err := place.Local.RenameNew(path, temp)
		if err == nil {
			err = place.Local.RemoveAll(temp)
		}
		if ignoreMissing(err) != nil {
			p.problem("queue/%s/%s: %v", j.stage, j.id, err)
			return
		}
	}
	if kind == Rejected { // a rejected song is one, with its file
		c := p.result.Counts[kind]
		c.Bytes += bytes
		p.result.Counts[kind] = c
		return
	}
	p.count(kind, bytes)
}

func (p *pruner) count(kind Kind, bytes int64) {
	c := p.result.Counts[kind]
	c.Items, c.Bytes = c.Items+1, c.Bytes+bytes
	p.result.Counts[kind] = c
}

func (p *pruner) problem(format string, args ...any) {
	if len(p.result.Problems) == mostProblems {
		p.result.MoreProblems++
		return
	}
	p.result.Problems = append(p.result.Problems, fmt.Sprintf(format, args...))
}

// problemAt tells of an error at an entry of a kind's folder; only once of what this user may not do in a folder of output/, or cannot
// since that is read-only: there may be many songs in it.
func (p *pruner) problemAt(kind Kind, name string, err error) {
	top, _, _ := strings.Cut(name, "/")
	if kind == Output && (errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)) {
		if p.shut[top] {
			return
		}
		p.shut[top] = true
	}
	p.problem("%s/%q: %v", kind, name, err)
}

// bytes is how many bytes the files in an entry have, as far as they are counted.
func (p *pruner) bytes(path string) int64 {
	left := mostCounted
	return sizeOf(path, mostDepth, &left)
}

func sizeOf(path string, depth int, left *int) (sum int64) {
	info, err := place.Local.Lstat(path)
	if *left--; err != nil || *left < 0 {
		return 0
	}
	if !info.IsDir() {
		if info.Mode().IsRegular() {
			return info.Size()
		}
		return 0
	}
	if depth == 0 {
		return 0
	}
	entries, _ := place.Local.ReadDir(path) // what cannot be listed is not counted
	for _, entry := range entries {
		sum += sizeOf(filepath.Join(path, entry.Name()), depth-1, left)
	}
	return sum
}
