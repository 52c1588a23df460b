package bench

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/im2-audio/im2/internal/term"
)

// figures are runs with these seconds, processor seconds, peak memory and others' seconds.
func figures(runs ...[4]float64) []Figures {
	var all []Figures
	for _, r := range runs {
		all = append(all, Figures{Seconds: r[0], Usage: &Usage{CPUSeconds: r[1], PeakMemory: int64(r[2]), OthersCPUSeconds: r[3]}})
	}
	return all
}

func TestSummarize(t *testing.T) {
	t.Parallel()
	c := Case{Ours: "ours", Results: []Result{
		{Way: "another", Runs: figures([4]float64{9, 8, 100, 0}, [4]float64{1, 2, 300, 0}, [4]float64{3, 4, 200, 9.75})},
		{Way: "ours", Runs: figures([4]float64{2, 1, 5, 0}, [4]float64{1, 1, 6, 0}, [4]float64{0.5, 1, 7, 0}, [4]float64{2, 1, 1, 0})},
		{Way: "never ran"},
	}}
	c.summarize()
	another, ours, never := c.Results[0], c.Results[1], c.Results[2]
	if another.MedianSeconds != 3 || another.MinSeconds != 1 || another.MaxSeconds != 9 || another.Ratio != 2 {
		t.Errorf("%+v", another)
	}
	if another.MedianCPUSeconds != 4 || another.PeakMemory != 300 {
		t.Errorf("%+v", *another.Summary)
	}
	if ours.MedianSeconds != 1.5 || ours.PeakMemory != 7 || ours.Ratio != 1 || never.MedianSeconds != 0 {
		t.Errorf("%+v, %+v", ours, never)
	}
	if d := c.disturbed(); d < 0.5 || d > 0.53 { // 9.75 of 18.5 seconds
		t.Errorf("disturbed by %f", d)
	}
	header, rows := Rows([]Case{c})
	if len(rows) != 3 || len(rows[0]) != len(header) || rows[0][7] != "2.00" || rows[2][5] != "-" {
		t.Errorf("%q, %q", header, rows)
	}
}

func TestWhatWasNotMeasuredIsLeftOut(t *testing.T) {
	t.Parallel()
	c := Case{Ours: "ours", Results: []Result{{Way: "ours", Runs: []Figures{{Seconds: 2}}}}}
	c.summarize()
	if header, rows := Rows([]Case{c}); slices.Contains(header, "CPU") || len(rows[0]) != len(header) || rows[0][5] != "1.00" {
		t.Errorf("%q, %q", header, rows)
	}
	text, err := json.Marshal(c)
	if err != nil || strings.Contains(string(text), "cpu") || strings.Contains(string(text), "memory") || strings.Contains(string(text), "entries") {
		t.Errorf("%s, %v", text, err)
	}
}

func TestTheWaysTakeTurns(t *testing.T) {
	t.Parallel()
	ui, _, _ := term.Test()
	b := &Bench{UI: ui}
	var order []int
	c, err := b.inTurn(Case{Ours: "b"}, []string{"a", "b", "c"}, 2, func(way, n int) (Figures, error) {
		order = append(order, way)
		return Figures{Seconds: float64(way + n + 1)}, nil
	})
	if err != nil || !slices.Equal(order, []int{0, 1, 2, 1, 2, 0}) {
		t.Errorf("%v, %v", order, err)
	}
	if r := c.Results[2]; r.Way != "c" || len(r.Runs) != 2 || r.MedianSeconds != 3.5 || r.Ratio != 1.4 {
		t.Errorf("%+v", r)
	}
	broken := errors.New("broken")
	if _, err = b.inTurn(Case{}, []string{"a"}, 1, func(int, int) (Figures, error) { return Figures{}, broken }); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}
