package main

import (
	"testing"
	"time"
)

func TestWaits(t *testing.T) {
	t.Parallel()
	tests := map[string]bool{
		"song.mp3": false, "song": false, "part": false, "song.part.mp3": false, "-song.mp3": false,
		".song.mp3": true, ".song.mp3.Xa3f": true, "song.mp3.part": true, "song.mp3.PART": true,
		"song.crdownload": true, "song.partial": true, "song.download": true, "song.tmp": true,
	}
	for name, want := range tests {
		if got := waits(name); got != want {
			t.Errorf("waits(%q) = %v; want %v", name, got, want)
		}
	}
}

func TestSettled(t *testing.T) {
	t.Parallel()
	const after = 2 * time.Second
	a := facts{size: 1, mtime: 1, inode: 1}
	type step struct {
		at   time.Duration
		f    facts
		want bool
	}
	tests := []struct {
		name  string
		steps []step
	}{
		{"rests", []step{{0, a, false}, {1 * time.Second, a, false}, {2 * time.Second, a, true}}},
		{"seen once, however long ago it was written", []step{{time.Hour, a, false}}},
		{"grows", []step{{0, a, false}, {2 * time.Second, facts{2, 1, 1}, false}, {5 * time.Second, facts{2, 1, 1}, false}, {6 * time.Second, facts{2, 1, 1}, true}}},
		{"touched", []step{{0, a, false}, {2 * time.Second, facts{1, 2, 1}, false}}},
		{"replaced", []step{{0, a, false}, {2 * time.Second, facts{1, 1, 2}, false}}},
		{"back to what it was", []step{{0, a, false}, {2 * time.Second, facts{2, 1, 1}, false}, {3 * time.Second, a, false}, {6 * time.Second, a, false}, {7 * time.Second, a, true}}},
		{"empty", []step{{0, facts{}, false}, {9 * time.Second, facts{}, false}, {10 * time.Second, facts{}, true}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSettler(after)
			start := time.Now()
			for i, step := range tt.steps {
				if got := s.settled("f", step.f, start.Add(step.at)); got != step.want {
					t.Errorf("step %d: settled = %v; want %v", i, got, step.want)
				}
				s.endRound()
			}
		})
	}
}

func TestSettlerForgetsWhatIsGone(t *testing.T) {
	t.Parallel()
	s := newSettler(time.Second)
	start := time.Now()
	s.settled("f", facts{}, start)
	s.endRound()
	s.endRound()
	if len(s.seen) != 0 {
		t.Errorf("%d files remembered; want none", len(s.seen))
	}
	if s.settled("f", facts{size: 1}, start.Add(time.Hour)) {
		t.Error("a file that was gone for a while counts as settled at its first look")
	}
}
