package ownership

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
)

// report collects problems from several goroutines, in bounded memory.
type report struct {
	mu       sync.Mutex
	problems []Problem
	more     int64
	skipped  map[Skip]int64
}

// add records a problem. path is only called where the problem will be listed.
func (r *report) add(path func() string, skip Skip, reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if skip != "" {
		if r.skipped == nil {
			r.skipped = map[Skip]int64{}
		}
		r.skipped[skip]++
	}
	if len(r.problems) == maxProblems {
		r.more++
		return
	}
	r.problems = append(r.problems, Problem{Path: shorten(path()), Reason: reason, Skip: skip})
}

// into puts what was collected into a summary, lists and maps never nil: they are lists
// and objects in JSON, too, where they are empty.
func (r *report) into(sum *Summary) {
	r.mu.Lock()
	defer r.mu.Unlock()
	sum.Problems = append([]Problem{}, r.problems...)
	slices.SortStableFunc(sum.Problems, func(a, b Problem) int { return cmp.Compare(a.Path, b.Path) })
	sum.MoreProblems = r.more
	sum.Skipped = map[Skip]int64{}
	maps.Copy(sum.Skipped, r.skipped)
}

// Add adds the counts and problems of another reset.
func (s *Summary) Add(other Summary) {
	s.Seen += other.Seen
	s.OwnersChanged += other.OwnersChanged
	s.ModesChanged += other.ModesChanged
	s.RightsRemoved += other.RightsRemoved
	s.Vanished += other.Vanished
	for why, n := range other.Skipped {
		s.Skipped[why] += n
	}
	listed := min(len(other.Problems), maxProblems-len(s.Problems))
	s.Problems = append(s.Problems, other.Problems[:listed]...)
	s.MoreProblems += other.MoreProblems + int64(len(other.Problems)-listed)
}

// shorten leaves out the middle of a path that nobody can read anyway.
func shorten(path string) string {
	const longest, head = 4096, 1000
	if len(path) <= longest {
		return path
	}
	const gap = "/.../"
	var b strings.Builder
	b.WriteString(path[:head])
	b.WriteString(gap)
	b.WriteString(path[len(path)-(longest-head-len(gap)):])
	return b.String()
}
