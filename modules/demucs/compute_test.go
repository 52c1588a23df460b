//go:build unix

package main

import (
	"strings"
	"testing"

	"github.com/im2-audio/im2/pipeline/execution"
	"github.com/im2-audio/im2/pipeline/job"
)

func TestHowItIsComputed(t *testing.T) {
	tests := []struct {
		args string
		want string // of the error; "" for none
	}{
		{"-provider=cpu -memory=low -threads=2", ""},
		{"-provider=webgpu", ""},
		{"-provider=cuda -threads=", ""},
		{"-provider=rocm", `unknown provider "rocm": known are cpu, webgpu, cuda; set DEMUCS_PROVIDER in .env`},
		{"-memory=huge", `unknown memory mode "huge": known are normal, low; set DEMUCS_MEMORY`},
		{"-threads=0", `"0" is not a number of threads: set 1 to 128`},
		{"-threads=many", "set DEMUCS_THREADS in .env"},
	}
	for _, tt := range tests {
		err := parse(t, strings.Fields(tt.args)...).check()
		if (tt.want == "") != (err == nil) || (err != nil && !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v; want %q", tt.args, err, tt.want)
		}
	}
	t.Setenv("DEMUCS_PROVIDER", "webgpu")
	t.Setenv("DEMUCS_MEMORY", "low")
	t.Setenv("DEMUCS_THREADS", "3")
	if s := parse(t); s.check() != nil || s.provider != "webgpu" || s.mode != "low" || s.threads != 3 {
		t.Errorf("from the environment: %+v", s.compute)
	}
}

// The container of the service has a limit on processes.
func TestNotMoreThreadsThanMayBe(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ threads, processors, want int }{{0, 4, 4}, {0, 500, execution.MaxThreads}, {3, 500, 3}} {
		if got := (&compute{threads: tt.threads}).threadsFor(tt.processors); got != tt.want {
			t.Errorf("%+v: %d", tt, got)
		}
	}
}

func TestTooLittleMemoryIsSaidWithWhatWouldDo(t *testing.T) {
	t.Parallel()
	tests := []struct {
		mode string
		has  int64
		want string // "" for no error
		not  string
	}{
		{"normal", 0, "", ""}, // nothing is known
		{"normal", 750_000_000, "", ""},
		{"normal", 749_000_000, "needs 750 MB and the service may use 749 MB; fix: raise mem_limit of demucs", ""},
		{"normal", 650 << 20, "or set DEMUCS_MEMORY=low in .env, which needs 600 MB; then run `mage up`", ""},
		{"normal", 256 << 20, "needs 750 MB and the service may use 268 MB", "DEMUCS_MEMORY"},
		{"low", 650 << 20, "", ""},
		{"low", 512 << 20, "needs 600 MB and the service may use 536 MB", "DEMUCS_MEMORY"},
	}
	for _, tt := range tests {
		c := compute{mode: tt.mode}
		err := c.enough(tt.has)
		if (tt.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), tt.want) ||
			err != nil && tt.not != "" && strings.Contains(err.Error(), tt.not) {
			t.Errorf("%s with %d: %v; want %q", tt.mode, tt.has, err, tt.want)
		}
	}
}

// A song must not be the one to find out that the memory is too small.
func TestAWorkerWithTooLittleMemoryClaimsNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t, "ffmpeg", "engine")
	b.settings.memory = 256 << 20
	id := b.add("song", "sound").ID
	if _, err := b.turn(t.Context()); err == nil || !strings.Contains(err.Error(), "too little memory") {
		t.Errorf("turn = %v", err)
	}
	b.in(job.Pending, id)
}
