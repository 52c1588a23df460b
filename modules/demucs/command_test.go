//go:build unix

package main

import (
	"testing"
	"time"

	"github.com/im2-audio/im2/pipeline/spooltest"
)

// Who is slow to read what a process says, which has long ended by then, gets all of it.
func TestASlowReaderGetsAll(t *testing.T) {
	t.Parallel()
	slow := &slowWriter{}
	spooltest.Must(t, command{what: "x", path: program(t, "ffmpeg"), stdout: slow}.run(t.Context()))
	if slow.size < mixFrameSize*fakeFrames {
		t.Errorf("%d bytes", slow.size)
	}
}

// A slowWriter is slow once.
type slowWriter struct{ size int }

func (s *slowWriter) Write(p []byte) (int, error) {
	if s.size == 0 {
		time.Sleep(killGrace + 200*time.Millisecond)
	}
	s.size += len(p)
	return len(p), nil
}
