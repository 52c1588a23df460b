//go:build unix

package spool

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

// A tightDisk has room for small files, and often not even for those.
type tightDisk struct {
	place.Disk
	rng *rand.Rand
}

func (d tightDisk) Temp(dir string, data []byte, sync bool) (string, error) {
	if d.rng.IntN(4) == 0 {
		return "", &fs.PathError{Op: "write", Path: dir, Err: syscall.ENOSPC}
	}
	return d.Disk.Temp(dir, data, sync)
}

// Two days with a full disk: every three minutes a worker takes each job, has no room, and hands it back.
func TestADiskThatIsFullForTwoDays(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	clock := time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)
	disk := newMemDisk(rng, func() time.Time { return clock })
	view := memView{disk, func() error { return nil }, job.NewToken, func() bool { return false }, false}
	for _, folder := range []string{job.QueueFolder, "queue/incoming", "queue/pending", "queue/separating", "queue/separated", "queue/failed"} {
		spooltest.Must(t, view.Mkdir("/"+folder))
	}
	roomy := on(view, "/", func() time.Time { return clock }, job.NewToken)
	names := map[string]string{}
	for i := range 3 {
		j, err := roomy.Create("watcher")
		spooltest.Must(t, err)
		j.SetName(fmt.Sprintf("song %d \xff.mp3", i))
		spooltest.Must(t, roomy.disk.WriteDurable(j.Path(job.SourceFile), []byte("sound")))
		spooltest.Must(t, j.Move(job.Pending))
		names[j.ID] = j.RawName()
	}
	s := on(tightDisk{view, rng}, "/", func() time.Time { return clock }, job.NewToken)
	for range 48 * 20 {
		clock = clock.Add(3 * time.Minute)
		for range names {
			j, err := s.Claim(t.Context(), job.Pending, job.Separating, "w")
			if StopsAll(err) {
				continue
			}
			spooltest.Must(t, err)
			why := fmt.Sprintf("1.6 GB are needed and %d MB are free", 100+rng.IntN(3))
			for tries := 0; j.HandBack(why) != nil; tries++ {
				if tries > 100 {
					t.Fatal("it cannot be handed back")
				}
			}
		}
		for _, c := range disk.log {
			c.last()
		}
		disk.log = nil
	}
	ids, err := s.List(job.Pending)
	if err != nil || len(ids) != len(names) {
		t.Fatalf("%d jobs wait, %v", len(ids), err)
	}
	for _, id := range ids {
		j, err := s.Load(job.Pending, id)
		spooltest.Must(t, err)
		data, err := j.Bytes()
		spooltest.Must(t, err)
		if len(data) > 10_000 || j.RawName() != names[id] || j.Attempt != 0 {
			t.Errorf("%d bytes, name %q, attempt %d", len(data), j.RawName(), j.Attempt)
		}
		if sum := j.Timings(clock); sum[job.Pending]+sum[job.Separating] < 47*3600 {
			t.Errorf("times were lost: %v", sum)
		}
	}
}

// A record that grew too long in an earlier version keeps the song's name, also where the crash came in between.
func TestTheNameOfADamagedRecordIsKept(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`"history":[` + strings.Repeat(`{"stage":"pending"},`, job.MostRead/20+1),
		`"attempt":"x"}`,
		`"track":"../.."}`,
	} {
		for _, crash := range []bool{false, true} {
			s := newSpool(t)
			j := pending(t, s, "My Song.mp3")
			spooltest.Put(t, j.Path(job.RecordFile), `{"id":"`+j.ID+`","name":"My Song.mp3",`+text)
			if crash {
				spooltest.Must(t, j.disk().Rename(j.Path(job.RecordFile), filepath.Join(j.Dir(), job.DamagedFile)))
			}
			_, err := s.Claim(t.Context(), job.Pending, job.Separating, "w")
			if got, _ := s.Load(job.Failed, j.ID); got == nil || got.Name != "My Song.mp3" {
				t.Errorf("%.40s: %v; then %+v", text, err, got)
			}
		}
	}
}
