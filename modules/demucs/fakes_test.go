//go:build unix

package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/im2-audio/im2/modules/internal/spooltest"
)

// The test binary is also its own ffmpeg and node: called through a link whose name begins
// with "fake-", it does what the rest of that name says.
func TestMain(m *testing.M) {
	if behavior, ok := strings.CutPrefix(filepath.Base(os.Args[0]), "fake-"); ok {
		syscall.Exit(fake(behavior, os.Args[1:])) // os.Exit makes a program with the race detector wait a second.
	}
	m.Run()
}

// fakeFrames is how long the fake ffmpeg's songs are.
const fakeFrames = mixRate / 10

// program returns the path of a fake that behaves like that.
func program(t *testing.T, behavior string) string {
	t.Helper()
	exe, err := os.Executable()
	spooltest.Must(t, err)
	path := filepath.Join(t.TempDir(), "fake-"+behavior)
	spooltest.Must(t, os.Symlink(exe, path))
	return path
}

func fake(behavior string, args []string) int {
	switch behavior {
	case "ffprobe":
		_, _ = fmt.Fprintln(os.Stdout, `{"streams": [{"index": 0, "codec_type": "audio"}], "format": {"format_name": "wav"}}`)
	case "ffmpeg":
		_, _ = os.Stdout.Write(floatWAV(mixRate, 2, 0, make([]float32, 2*fakeFrames)))
	case "ffmpeg-silent":
	case "ffmpeg-broken":
		return say("[mov @ 0x55d0b0] moov atom not found\nfile:source: Invalid data found when processing input", 1)
	case "ffmpeg-pictures":
		return say("Stream map '' matches no streams.\nTo ignore this, add a trailing '?' to the map.\nError opening output files", 1)
	case "ffmpeg-full":
		return say("av_interleaved_write_frame(): No space left on device", 1)
	case "engine":
		return fakeEngine(args, fakeFrames, "vocals", "drums", "bass", "other")
	case "engine-short":
		return fakeEngine(args, fakeFrames-1, "vocals", "drums", "bass", "other")
	case "engine-incomplete":
		return fakeEngine(args, fakeFrames, "vocals", "drums", "bass")
	case "engine-fails":
		return say("file:///x.js:1\n  throw new Error('x')\n\nError: Unsupported audio format: 65534\n    at f (x.js:1:2)\n\nNode.js v20.0.0", 1)
	case "engine-no-memory":
		return say("terminate called after throwing an instance of 'std::bad_alloc'", 134)
	case "engine-full":
		return say("Error: ENOSPC: no space left on device, write", 1)
	case "engine-quota":
		return say("Error: EDQUOT: disk quota exceeded, write", 1)
	case "hang", "engine-hangs":
		return hang(args)
	case "parent":
		// A worker, as far as its engine can tell: args are the program and its argument.
		_ = command{what: "child", path: args[0], args: args[1:]}.run(context.Background())
	case "engine-crashes":
		_ = syscall.Kill(os.Getpid(), syscall.SIGTERM) // One that Go programs do not catch.
		time.Sleep(time.Hour)
	case "sleep", "ffmpeg-stalls", "engine-stalls":
		time.Sleep(time.Hour)
	}
	if strings.HasSuffix(behavior, "killed") {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		time.Sleep(time.Hour)
	}
	return 0
}

func say(text string, code int) int {
	_, _ = fmt.Fprintln(os.Stderr, text)
	return code
}

// fakeEngine is called as CLI IN -o DIR, and does what the real one does.
func fakeEngine(args []string, frames int, stems ...string) int {
	_, _ = fmt.Fprint(os.Stdout, "Loading model...\nReading and processing audio...\n1/2\n2/2\nWriting output files...\n")
	dir := filepath.Join(args[3], strings.TrimSuffix(filepath.Base(args[1]), ".f32"))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return say(err.Error(), 1)
	}
	for _, stem := range append(stems, "extra") {
		if err := os.WriteFile(filepath.Join(dir, stem+".wav"), pcm16(frames), 0o600); err != nil {
			return say(err.Error(), 1)
		}
	}
	return 0
}

// hang starts a child that would outlive it, tells the file "children" beside the output
// folder about both, and never ends.
func hang(args []string) int {
	child := exec.Command(os.Args[0]) //nolint:gosec,noctx // itself, and nothing ends it but a signal
	child.Args[0] = "fake-sleep"
	child.Stdout = os.Stdout
	if err := child.Start(); err != nil {
		return say(err.Error(), 1)
	}
	pids := fmt.Sprintf("%d %d\n", os.Getpid(), child.Process.Pid)
	if err := os.WriteFile(filepath.Join(filepath.Dir(args[0]), "children"), []byte(pids), 0o600); err != nil {
		return say(err.Error(), 1)
	}
	time.Sleep(time.Hour)
	return 0
}

// pcm16 is a silent WAV file such as the engine writes.
func pcm16(frames int) []byte {
	samples := make([]byte, 4*frames)
	b := []byte("RIFF____WAVEfmt ____\x01\x00\x02\x00____----\x04\x00\x10\x00data____")
	for at, n := range map[int]int{4: 36 + len(samples), 16: 16, 24: mixRate, 28: 4 * mixRate, 40: len(samples)} {
		binary.LittleEndian.PutUint32(b[at:], uint32(n))
	}
	return append(b, samples...)
}
