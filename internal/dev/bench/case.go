package bench

import (
	"fmt"
	"math"
	"slices"
)

// Figures are what one command needed.
type Figures struct {
	// Seconds is the time from its start to its end.
	Seconds float64 `json:"seconds"`
	// CPUSeconds is the processor time of it and its children, in user and kernel mode
	// together, and PeakMemory the resident memory in bytes of the one that had the most. Both
	// are 0 where another program, such as the engine, did the work.
	CPUSeconds float64 `json:"cpu_seconds,omitempty"`
	PeakMemory int64   `json:"peak_memory_bytes,omitempty"`
}

// Result is what one way of doing it needed, over all runs.
type Result struct {
	Way  string    `json:"way"`
	Runs []Figures `json:"runs"`
	// The median, the shortest and the longest of the runs.
	MedianSeconds float64 `json:"median_seconds"`
	MinSeconds    float64 `json:"min_seconds"`
	MaxSeconds    float64 `json:"max_seconds"`
	// MedianCPUSeconds is the median and PeakMemory the highest of the runs.
	MedianCPUSeconds float64 `json:"median_cpu_seconds,omitempty"`
	PeakMemory       int64   `json:"peak_memory_bytes,omitempty"`
	// Ratio is this way's median time over ours: 9 means that ours is nine times faster.
	Ratio float64 `json:"ratio"`
}

// Case is one state that is measured.
type Case struct {
	// Name is the state's, such as "all right".
	Name string `json:"case"`
	// Ours is the name of our way, the one that the others are compared with.
	Ours string `json:"ours"`
	// Entries is how many files and folders there are; 0 where others count more.
	Entries int64 `json:"entries,omitempty"`
	// Results has one for each way.
	Results []Result `json:"results"`
}

func (c *Case) summarize() {
	var ours float64
	for i := range c.Results {
		r := &c.Results[i]
		var wall, cpu []float64
		for _, f := range r.Runs {
			wall, cpu = append(wall, f.Seconds), append(cpu, f.CPUSeconds)
			r.PeakMemory = max(r.PeakMemory, f.PeakMemory)
		}
		r.MedianSeconds, r.MinSeconds, r.MaxSeconds = median(wall), slices.Min(wall), slices.Max(wall)
		r.MedianCPUSeconds = median(cpu)
		if r.Way == c.Ours {
			ours = r.MedianSeconds
		}
	}
	for i := range c.Results {
		c.Results[i].Ratio = math.Round(c.Results[i].MedianSeconds/max(ours, 1e-9)*100) / 100
	}
}

func median(values []float64) float64 {
	s := slices.Sorted(slices.Values(values))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// Rows are cases of one part as a table; processor time and memory have columns where
// they were measured.
func Rows(cases []Case) (header []string, rows [][]string) {
	header = []string{"CASE", "WAY", "MEDIAN", "MIN", "MAX"}
	usage := slices.ContainsFunc(cases, func(c Case) bool { return c.Results[0].PeakMemory > 0 })
	if usage {
		header = append(header, "CPU", "PEAK MEMORY")
	}
	seconds := func(s float64) string { return fmt.Sprintf("%.3f s", s) }
	for _, c := range cases {
		for _, r := range c.Results {
			row := []string{c.Name, r.Way, seconds(r.MedianSeconds), seconds(r.MinSeconds), seconds(r.MaxSeconds)}
			if usage {
				row = append(row, seconds(r.MedianCPUSeconds), fmt.Sprintf("%.1f MiB", float64(r.PeakMemory)/(1<<20)))
			}
			rows = append(rows, append(row, fmt.Sprintf("%.2f", r.Ratio)))
		}
	}
	return append(header, "TIME / OURS"), rows
}
