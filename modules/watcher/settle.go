package main

import (
	"strings"
	"time"

	"github.com/im2-audio/im2/pipeline/title"
)

// emptyPatience is how many times longer an empty file must stay unchanged: some programs
// make the file first and need a moment before they write into it.
const emptyPatience = 5

const (
	// pausePatience is how many times longer than its longest pause so far a file that grows must
	// stay unchanged: who copies over a slow network, or records, writes in bursts.
	pausePatience = 2
	// longestPause bounds that.
	longestPause = time.Minute
)

// waits reports whether a name says that the file is not meant to be taken (yet): hidden
// files, which are what most copying programs write first, and those of downloads.
func waits(name string) bool {
	return strings.HasPrefix(name, ".") || title.Unfinished(name)
}

// facts are what must not change while a file settles.
type facts struct {
	size  int64
	mtime int64 // nanoseconds since 1970
	inode uint64
}

// A settler remembers what files looked like, to tell which are complete.
type settler struct {
	after time.Duration
	seen  map[string]look
	// next collects the looks of the current round and replaces seen at its end, so that
	// files that are gone are forgotten.
	next map[string]look
}

// A look is what a file looked like, and since when.
type look struct {
	facts
	since time.Time
	// pause is the longest time that it stayed unchanged before it changed again.
	pause time.Duration
}

func newSettler(after time.Duration) *settler {
	return &settler{after: after, seen: map[string]look{}, next: map[string]look{}}
}

// settled notes what the file looks like now. It reports whether the file has looked the same
// at an earlier look that is long enough ago.
func (s *settler) settled(name string, f facts, now time.Time) bool {
	before, ok := s.seen[name]
	if !ok {
		s.next[name] = look{facts: f, since: now}
		return false
	}
	if before.facts != f {
		changed := look{facts: f, since: now, pause: max(before.pause, now.Sub(before.since))}
		if before.inode != f.inode { // Another file, of which nothing is known.
			changed.pause = 0
		}
		s.next[name] = changed
		return false
	}
	s.next[name] = before
	after := max(s.after, min(pausePatience*before.pause, longestPause))
	if f.size == 0 {
		after = max(after, emptyPatience*s.after)
	}
	return now.Sub(before.since) >= after
}

func (s *settler) forget(name string) { delete(s.next, name) }

func (s *settler) endRound() {
	s.seen, s.next = s.next, map[string]look{}
}
