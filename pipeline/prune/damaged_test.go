//go:build linux

package prune

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/queue"
)

// A new record has the place of one that was damaged, and does not say what the job had put out by then.
func TestWhatADamagedRecordNamedStays(t *testing.T) {
	t.Parallel()
	for name, put := range map[string]func(b *bench) (id string){
		"organizing": func(b *bench) string {
			id := b.job(job.Organizing, longAgo, "")
			b.put(record(job.Organizing, id), "{")
			b.must(os.Rename(filepath.Join(b.data, "queue/organizing", id), filepath.Join(b.data, "queue/organizing", id+".host.0011aabb")))
			return id
		},
		"set aside": func(b *bench) string {
			id := b.job(job.Failed, longAgo, "")
			b.put(record(job.Failed, id)+".damaged", "{")
			return id
		},
		"set aside, without the old one": func(b *bench) string {
			id := b.job(job.Organizing, longAgo, "")
			b.must(os.Rename(filepath.Join(b.data, "queue/organizing", id), filepath.Join(b.data, "queue/failed", id)))
			return id
		},
		"tried again": func(b *bench) string {
			id := b.job(job.Organizing, longAgo, "")
			b.must(os.Rename(filepath.Join(b.data, "queue/organizing", id), filepath.Join(b.data, "queue/separated", id)))
			return id
		},
		"done, and old": func(b *bench) string {
			id := b.done("done", longAgo)
			b.put(record(job.Done, id), "{")
			b.must(errors.Join(os.RemoveAll(filepath.Join(b.data, "output/done")), os.Remove(filepath.Join(b.data, "archive/done.mp3"))))
			return id
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			id := put(b)
			b.track("a", id, longAgo)
			b.put("archive/a.mp3", "sound")
			b.put("rejected/folder.txt", "a folder in input/")
			stay := b.names()
			b.done("old", longAgo) // What a record names is removed as before.
			b.track("forgotten", "20250102T030405.000000Z-00000000", longAgo)
			r := b.run(Options{})
			b.wantNames(stay...)
			want := "archive/, rejected/: files that no record names were left, since the record of job " + id + " is damaged"
			if !slices.Contains(r.Problems, want) {
				t.Errorf("problems: %q", r.Problems)
			}
		})
	}
}

// One that failed by itself says where its files are.
func TestAJobThatFailedKeepsNoStrays(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.job(job.Failed, longAgo, "")
	b.put("archive/forgotten.mp3", "sound")
	r := b.run(Options{})
	b.wantNames(record(job.Failed, id))
	if len(r.Problems) > 0 {
		t.Errorf("problems: %q", r.Problems)
	}
}

func TestADamagedRecordIsLeft(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.done("a", longAgo)
	b.put(record(job.Done, id), "{")
	r := b.run(Options{Keep: []Kind{Output, Archive}})
	if len(r.Problems) != 1 || !strings.Contains(r.Problems[0], "queue/done/"+id+": reading job.json") {
		t.Errorf("problems: %q", r.Problems)
	}
	b.wantNames("archive/a.mp3", "output/a/track.json", "output/a/vocals.wav", record(job.Done, id))
}

// While a record is removed, there is no moment at which its folder is a job without one.
func TestARecordIsRemovedAtOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for range 20 {
		id := b.job(job.Done, longAgo, "")
		for i := range 50 {
			b.put(fmt.Sprintf("queue/done/%s/%d", id, i), "more")
		}
	}
	removed, problems := make(chan struct{}), make(chan string)
	go func() {
		problem := ""
		for more := true; more; {
			select {
			case <-removed:
				more = false
			default:
			}
			for j, err := range queue.New(b.data).In(t.Context(), job.Done) {
				if err == nil && j.Problem != "" {
					problem = j.Problem
				}
			}
		}
		problems <- problem
	}()
	r := b.run(Options{})
	close(removed)
	if problem := <-problems; problem != "" || len(r.Problems) > 0 {
		t.Errorf("meanwhile: %s; afterwards: %q", problem, r.Problems)
	}
	b.wantNames()
}
