//go:build unix

package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

func TestAStoppedWorkerKillsItsEngineAndHandsTheJobBack(t *testing.T) {
	t.Parallel()
	for _, programs := range [][2]string{{"ffmpeg", "engine-hangs"}, {"hang", "engine"}} {
		t.Run(programs[0], func(t *testing.T) {
			t.Parallel()
			b := newBench(t, programs[0], programs[1])
			id := b.add("song.mp3", "sound").ID
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error)
			go func() {
				_, err := b.turn(ctx)
				done <- err
			}()
			// The fake ffmpeg runs in the job's folder and finds no folder in its arguments.
			children := waitForChildren(t, filepath.Join(b.spool.StageFolder(job.Separating), id+"*", "work", "children"),
				filepath.Join(b.spool.StageFolder(job.Separating), id+"*", "children"))
			cancel()
			select {
			case err := <-done:
				if !errors.Is(err, context.Canceled) {
					t.Errorf("turn = %v; want context.Canceled", err)
				}
			case <-time.After(time.Minute):
				t.Fatal("the worker did not stop within a minute")
			}
			j := b.in(job.Pending, id)
			_ = os.Remove(j.Path("children")) // The fake's, which is no scratch of a service.
			spooltest.WantNames(t, j.Dir(), "job.json", "source")
			if j.Attempt != 0 || j.History[2].Error == "" {
				t.Errorf("record = %+v", j.Record)
			}
			for _, pid := range children {
				wantGone(t, pid)
			}
		})
	}
}

// waitForChildren reads the process IDs that a hanging fake leaves where one of these patterns says.
func waitForChildren(t *testing.T, paths ...string) (pids []int) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for time.Now().Before(deadline) {
		for _, pattern := range paths {
			found, _ := filepath.Glob(pattern)
			if len(found) == 0 {
				continue
			}
			data, err := os.ReadFile(found[0])
			if err != nil || !strings.HasSuffix(string(data), "\n") {
				continue
			}
			for _, field := range strings.Fields(string(data)) {
				pid, err := strconv.Atoi(field)
				spooltest.Must(t, err)
				pids = append(pids, pid)
			}
			return pids
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("the fake did not start")
	return nil
}

// wantGone waits until a process is dead. One that nobody has waited for yet is.
func wantGone(t *testing.T, pid int) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for time.Now().Before(deadline) {
		if syscall.Kill(pid, 0) != nil || isZombie(pid) {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Errorf("process %d is still alive", pid)
}

func isZombie(pid int) bool {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	return err == nil && strings.Contains(string(stat), ") Z ")
}

func TestAHandBackThatFailsIsLogged(t *testing.T) {
	t.Parallel()
	b := newBench(t, "ffmpeg", "engine")
	ctx, cancel := context.WithCancel(t.Context())
	b.engine = engineFunc(func() error {
		cancel()
		return errors.Join(ctx.Err(), os.Remove(b.spool.StageFolder(job.Pending)))
	})
	id := b.add("song", "sound").ID
	spooltest.Must(t, b.env.Loop(ctx, b.turn))
	if !strings.Contains(b.log.String(), "the job was not handed back") {
		t.Errorf("log = %s", b.log)
	}
	b.in(job.Separating, id)
}
