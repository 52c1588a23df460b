package term

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// shown is how many parts a table has: what is below is not worth a look.
const shown = 15

// least is what is shown as more than 0.0 seconds.
const least = 50 * time.Millisecond

// Spent is what the parts of a run took. Parts that ran side by side add up to more than the whole.
type Spent struct{ parts []part }

type part struct {
	name string
	took time.Duration
}

// Add adds a part. One that took next to nothing is not worth a line.
func (s *Spent) Add(name string, took time.Duration) {
	if took >= least {
		s.parts = append(s.parts, part{name, took})
	}
}

// Time runs do and adds what it took.
func (s *Spent) Time(name string, do func() error) error {
	began := time.Now()
	err := do()
	s.Add(name, time.Since(began))
	return err
}

// Print prints a table of the parts that took the most, the longest first; nothing where there are
// no parts.
func (s *Spent) Print(ui *UI) {
	parts := slices.SortedStableFunc(slices.Values(s.parts), func(a, b part) int { return cmp.Compare(b.took, a.took) })
	if len(parts) == 0 {
		return
	}
	var rows [][]string
	for _, p := range parts[:min(shown, len(parts))] {
		rows = append(rows, []string{fmt.Sprintf("%.1f s", p.took.Seconds()), p.name})
	}
	if rest := parts[len(rows):]; len(rest) > 0 {
		var took time.Duration
		for _, p := range rest {
			took += p.took
		}
		rows = append(rows, []string{fmt.Sprintf("%.1f s", took.Seconds()), fmt.Sprintf("%d more, together", len(rest))})
	}
	ui.Table([]string{"TOOK", "PART"}, rows)
}
