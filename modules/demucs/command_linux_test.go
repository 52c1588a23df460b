package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

// A FIFO in place of a song keeps nobody waiting.
func TestAFifoClaimsNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.wav")
	spooltest.Must(t, syscall.Mkfifo(path, 0o600))
	if got := claimedByWAV(path); got != 0 {
		t.Errorf("it plays for %g s", got)
	}
}

// A worker that is killed takes its engine with it, although it cannot do anything any more.
func TestTheEngineDiesWithAKilledWorker(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	parent := exec.CommandContext(t.Context(), program(t, "parent"), program(t, "hang"), filepath.Join(dir, "cli.js"))
	spooltest.Must(t, parent.Start())
	t.Cleanup(func() { _ = parent.Wait() })
	pids := waitForChildren(t, filepath.Join(dir, "children"))
	t.Cleanup(func() { _ = syscall.Kill(pids[1], syscall.SIGKILL) })
	spooltest.Must(t, parent.Process.Kill())
	wantGone(t, pids[0])
}

// A file of which much is read and nothing comes, as of one that is a hole, is the file's fault: it is not tried again.
func TestASourceThatIsReadForNothingIsRejected(t *testing.T) {
	t.Parallel()
	b := newBench(t, "ffmpeg-stalls-reading", "engine")
	b.stall(3 * time.Second)
	id := b.add("song.mp3", "sound").ID
	_, err := b.turn(t.Context())
	spooltest.Must(t, err)
	if j := b.in(job.Rejected, id); !strings.Contains(j.Error, "it made no progress though it read on for 3s") {
		t.Errorf("error = %q", j.Error)
	}
}
