package main

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

func TestMemoryLimit(t *testing.T) {
	t.Parallel()
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	const machine = "MemFree: 1 kB\nMemTotal:       16777216 kB\n"
	tests := []struct {
		name string
		root fstest.MapFS
		want int64
	}{
		{"nothing is known", nil, 0},
		{"the machine", fstest.MapFS{"proc/meminfo": file(machine)}, 16 << 30},
		{"no number", fstest.MapFS{"proc/meminfo": file("MemTotal: much kB\n")}, 0},
		{"second version, in a container", fstest.MapFS{
			"proc/meminfo": file(machine), "proc/self/cgroup": file("0::/\n"),
			"sys/fs/cgroup/memory.max": file("8589934592\n"),
		}, 8 << 30},
		{"second version, unlimited", fstest.MapFS{
			"proc/meminfo": file(machine), "proc/self/cgroup": file("0::/\n"), "sys/fs/cgroup/memory.max": file("max\n"),
		}, 16 << 30},
		{"second version, below other groups", fstest.MapFS{
			"proc/meminfo": file(machine), "proc/self/cgroup": file("0::/a/b/c\n"),
			"sys/fs/cgroup/a/b/c/memory.max": file("max\n"), "sys/fs/cgroup/a/b/memory.max": file("4294967296\n"),
			"sys/fs/cgroup/a/memory.max": file("8589934592\n"),
		}, 4 << 30},
		{"first version", fstest.MapFS{
			"proc/meminfo": file(machine),
			"sys/fs/cgroup/memory/memory.limit_in_bytes": file("8589934592\n"),
		}, 8 << 30},
		{"first version, unlimited", fstest.MapFS{
			"proc/meminfo": file(machine),
			"sys/fs/cgroup/memory/memory.limit_in_bytes": file("9223372036854771712\n"),
		}, 16 << 30},
		{"first version, in a group", fstest.MapFS{
			"proc/meminfo": file(machine), "proc/self/cgroup": file("5:cpu,cpuacct:/x\n4:memory:/docker/1\nnonsense\n"),
			"sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes": file("6442450944\n"),
		}, 6 << 30},
		{"more than the machine has", fstest.MapFS{
			"proc/meminfo": file(machine), "sys/fs/cgroup/memory.max": file("99999999999999\n"),
		}, 16 << 30},
	}
	for _, tt := range tests {
		if got := memoryLimit(tt.root); got != tt.want {
			t.Errorf("%s: %d; want %d", tt.name, got, tt.want)
		}
	}
}

func TestTheReasonOfALongTrackSaysWhatToRaise(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		s     settings
		plays time.Duration
		want  []string // none: it is not rejected
	}{
		{"as long as may be", settings{longest: time.Minute}, time.Minute, nil},
		{"as long as a day", settings{}, longestTrack, nil},
		{"by the flag", settings{longest: time.Minute}, 90 * time.Second, []string{
			"plays for 1m30s", "at most 1m0s", "raise -max-duration",
		}},
		{"longer than can be told", settings{}, longestTrack + time.Second, []string{
			"plays for more than 24h0m0s", "Cut it into parts",
		}},
	}
	for _, tt := range tests {
		err := tt.s.checkLength("song.mp3", framesOf(tt.plays))
		if (err == nil) != (len(tt.want) == 0) {
			t.Errorf("%s: %v", tt.name, err)
		}
		for _, want := range tt.want {
			if err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v; want %q", tt.name, err, want)
			}
		}
	}
}
