//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/im2-audio/im2/modules/demucs/separator"
	"github.com/im2-audio/im2/pipeline/spooltest"
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

func fake(behavior string, args []string) int { //nolint:funlen // a table of programs
	switch behavior {
	case "ffprobe":
		_, _ = fmt.Fprintln(os.Stdout, `{"streams": [{"index": 0, "codec_type": "audio"}], "format": {"format_name": "wav"}}`)
	case "ffprobe-tags":
		_, _ = fmt.Fprintln(os.Stdout, `{"streams": [{"index": 0, "codec_type": "audio"},
			{"index": 1, "codec_type": "video", "codec_name": "png", "disposition": {"attached_pic": 1}}],
			"format": {"format_name": "mp3", "tags": {"TITLE": "A\u0007 Song", "artist": "Band", "track": "3"}}}`)
	case "ffprobe-long-tags":
		if strings.Contains(strings.Join(args, " "), "format_tags") {
			return fake("ffprobe-endless", args)
		}
		return fake("ffprobe", args)
	case "ffprobe-full": // The words of a file.
		return say("[matroska,webm @ 0x55d0b0] EBML header using unsupported features: matroska ENOSPC: No space left on device", 1)
	case "ffprobe-endless":
		for {
			_, _ = os.Stdout.Write(make([]byte, 1<<16)) // A broken pipe ends it.
		}
	case "ffmpeg":
		_, _ = os.Stdout.Write(floatWAV(mixRate, 2, 0, make([]float32, 2*fakeFrames)))
	case "ffmpeg-cover": // The picture is the song.
		if !slices.Contains(args, "image2pipe") {
			return fake("ffmpeg", args)
		}
		picture, err := os.ReadFile("source")
		if err != nil {
			return say(err.Error(), 1)
		}
		_, _ = os.Stdout.Write(picture)
	case "ffmpeg-full-later": // It decodes, and then says that there is no room for what it encodes.
		if slices.Contains(args, "flac") {
			_, _ = io.Copy(io.Discard, os.Stdin)
			return say("av_interleaved_write_frame(): No space left on device", 1)
		}
		return fake("ffmpeg", args)
	case "ffmpeg-silent":
	case "ffmpeg-broken":
		return say("[mov @ 0x55d0b0] moov atom not found\nfile:source: Invalid data found when processing input", 1)
	case "ffmpeg-full":
		return say("av_interleaved_write_frame(): No space left on device", 1)
	case "engine":
		return fakeEngine(args, nothing)
	case "engine-short":
		return fakeEngine(args, func(_ string, stem, _ []byte) []byte { return stem[mixFrameSize:] })
	case "engine-incomplete":
		return fakeEngine(args, func(name string, stem, _ []byte) []byte {
			if name == "other" {
				return nil
			}
			return stem
		})
	case "engine-nan":
		return fakeEngine(args, func(_ string, stem, _ []byte) []byte { copy(stem[8:], "\xff\xff\xff\xff"); return stem })
	case "engine-nan-of-silence": // What it is tried with is not silent.
		return fakeEngine(args, func(_ string, stem, mix []byte) []byte {
			if bytes.Equal(mix, make([]byte, len(mix))) {
				copy(stem[8:], "\xff\xff\xff\xff")
			}
			return stem
		})
	case "engine-without-mine", "engine-nan-of-mine":
		if !slices.ContainsFunc(args, func(arg string) bool { return strings.HasSuffix(arg, "/mine-fp32") }) {
			return fake("engine", args)
		}
		return fake(map[string]string{"engine-without-mine": "engine-without-library", "engine-nan-of-mine": "engine-nan"}[behavior], args)
	case "engine-without-library-for-silence", "engine-crashes-for-silence", "engine-killed-for-silence", "engine-no-memory-for-silence",
		"engine-without-memory-for-silence":
		silent := false
		code := fakeEngine(args, func(_ string, stem, mix []byte) []byte {
			silent = bytes.Equal(mix, make([]byte, len(mix)))
			return stem
		})
		if silent {
			return fake(strings.TrimSuffix(behavior, "-for-silence"), args)
		}
		return code
	case "engine-fails":
		return say("file:///x.js:1\n  throw new Error('x')\n\nError: Unsupported audio format: 65534\n    at f (x.js:1:2)\n\nNode.js v20.0.0", 1)
	case "engine-without-library":
		return say("Error: libonnxruntime.so.1: it is too old", separator.ExitEnvironment)
	case "engine-no-memory":
		return say("terminate called after throwing an instance of 'std::bad_alloc'", 134)
	case "engine-full":
		return say("Error: write vocals.f32: no space left on device", separator.ExitFull)
	case "engine-without-memory":
		return say("Error: getting 300 MB of memory for the network: cannot allocate memory", separator.ExitEnvironment)
	case "hang", "engine-hangs":
		return hang(args)
	case "parent":
		// A worker, as far as its engine can tell: args are the program and its argument.
		_ = command{what: "child", path: args[0], args: args[1:]}.run(context.Background())
	case "engine-crashes":
		_ = syscall.Kill(os.Getpid(), syscall.SIGTERM) // One that Go programs do not catch.
		time.Sleep(time.Hour)
	case "ffmpeg-stalls-reading":
		zeros, _ := os.Open("/dev/zero")
		_, _ = io.Copy(io.Discard, zeros)
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

// nothing spoils no stem.
func nothing(_ string, stem, _ []byte) []byte { return stem }

// fakeEngine is called as the engine is. Its stems are fractions of the mix, which spoil may change;
// one that is nil is not written.
func fakeEngine(args []string, spoil func(name string, stem, mix []byte) []byte) int {
	flags := make(map[string]string)
	for i := 1; i+1 < len(args); i += 2 {
		flags[args[i]] = args[i+1]
	}
	_, _ = fmt.Fprint(os.Stdout, "1/2\n2/2\n")
	mix, err := os.ReadFile(flags["-mix"])
	if err != nil || args[0] != "engine" || os.Getenv("MALLOC_ARENA_MAX") != "1" {
		return say(fmt.Sprintf("%v, called with %q", err, args), 1)
	}
	for n, name := range append(stemNames(), "extra") {
		stem := make([]byte, 0, len(mix))
		for at := 0; at < len(mix); at += 4 {
			x := math.Float32frombits(binary.LittleEndian.Uint32(mix[at:])) * float32(n+1) / 10
			stem = binary.LittleEndian.AppendUint32(stem, math.Float32bits(x))
		}
		if stem = spoil(name, stem, mix); stem == nil {
			continue
		}
		if err := os.WriteFile(filepath.Join(flags["-out"], name+".f32"), stem, 0o600); err != nil {
			return say(err.Error(), 1)
		}
	}
	return 0
}

// stemNames are the stems of the usual model.
func stemNames() []string { return []string{"vocals", "drums", "bass", "other"} }

// hang starts a child that would outlive it, tells the file "children" beside the output
// folder about both, and never ends.
func hang(args []string) int {
	child := exec.Command(os.Args[0]) //nolint:gosec,noctx // this program again, and nothing is to end it
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
