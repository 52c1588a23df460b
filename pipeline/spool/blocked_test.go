//go:build unix

package spool

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

// obstacles are what whoever writes into queue/ can put where a job is to go.
var obstacles = map[string]func(path string) error{
	"a file":           func(path string) error { return os.WriteFile(path, []byte("x"), place.FileMode) },
	"a FIFO":           func(path string) error { return syscall.Mkfifo(path, 0o644) },
	"a link":           func(path string) error { return os.Symlink("nowhere", path) },
	"a link to a file": func(path string) error { return os.Symlink("/etc/passwd", path) },
	"a folder": func(path string) error {
		return errors.Join(os.Mkdir(path, place.FolderMode), os.WriteFile(filepath.Join(path, "x"), nil, place.FileMode))
	},
}

// Whatever has a job's name in the stage that it goes to, the job ends in Failed, and nothing is replaced.
func TestAJobWhoseWayIsBlockedIsGivenUp(t *testing.T) {
	t.Parallel()
	ways := map[job.Stage]func(j *Job) error{
		job.Separated: func(j *Job) error { return j.Move(job.Separated) },
		job.Pending:   func(j *Job) error { return j.Requeue("it failed") },
		job.Rejected:  func(j *Job) error { return j.Reject(j.Path(job.SourceFile), "no sound") },
		job.Done:      func(j *Job) error { return j.Finish() },
		job.Failed:    func(j *Job) error { return j.Fail(errors.New("no sound")) },
	}
	for to, way := range ways {
		for what, put := range obstacles {
			t.Run(what+" in "+string(to), func(t *testing.T) {
				t.Parallel()
				s := newSpool(t)
				j := claimed(t, s, "song", "w")
				inTheWay := s.jobFolder(to, j.ID)
				spooltest.Must(t, put(inTheWay))
				before, err := os.Lstat(inTheWay)
				spooltest.Must(t, err)
				err = way(j)
				if to == job.Failed {
					spooltest.Must(t, err)
					inTheWay += " (2)"
				} else if !errors.Is(err, ErrSetAside) {
					t.Errorf("error = %v; want ErrSetAside", err)
				}
				wantFailed(t, s, j.ID)
				if after, err := os.Lstat(inTheWay); err != nil || !os.SameFile(before, after) {
					t.Errorf("what was in the way is gone: %v", err)
				}
			})
		}
	}
}

func wantFailed(t *testing.T, s *Spool, id string) {
	t.Helper()
	failed, err := s.Load(job.Failed, id)
	if err != nil {
		t.Fatal(err)
	}
	if failed.Name != "song" || failed.Error == "" || failed.Last().Stage != job.Failed {
		t.Errorf("in failed/ is %+v", failed.Record)
	}
	if ids, err := s.List(job.Separating); len(ids) > 0 || err != nil {
		t.Errorf("separating/ has %v, %v", ids, err)
	}
}

// A worker may have been killed between the record that announces the move and the move.
func TestALostJobWhoseWayIsBlockedIsGivenUp(t *testing.T) {
	t.Parallel()
	for what, put := range obstacles {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := newSpool(t)
			j := claimed(t, s, "song", "w")
			j.Arrive(job.Visit{Stage: job.Separated, Start: s.now()}, "")
			spooltest.Must(t, j.Save())
			spooltest.Must(t, put(s.jobFolder(job.Separated, j.ID)))
			found, err := s.Recovery("w", job.Separating).Own(job.Separating)
			if len(found) != 1 || found[0].To != job.Failed || !errors.Is(err, ErrSetAside) {
				t.Errorf("Own = %v, %v; want one in failed", found, err)
			}
			wantFailed(t, s, j.ID)
		})
	}
}

// Whoever puts something in the job's place in Failed again and again does not keep a worker there, and the reason stays.
func TestFailedIsNotTriedWithoutAnEnd(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	j := claimed(t, s, "song", "w")
	stop := make(chan struct{})
	var attackers sync.WaitGroup
	for range 4 {
		attackers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_ = os.Mkdir(s.jobFolder(job.Failed, j.ID), place.FolderMode) // It may be there.
				}
			}
		})
	}
	end := make(chan struct{})
	go func() {
		defer close(end)
		_ = j.Fail(errors.New("no sound")) // Either may be the first.
	}()
	select {
	case <-end:
	case <-time.After(time.Minute):
		t.Error("Fail does not end")
	}
	close(stop)
	attackers.Wait()
	<-end
	if j.Stage() != job.Failed {
		spooltest.Must(t, j.Fail(errors.New("no sound")))
	}
	if j.Error != "no sound" {
		t.Errorf("the reason is %q", j.Error)
	}
}
