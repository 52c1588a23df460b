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
	// Usage is what its own processes needed; nil where another program, such as an
	// engine, worked for it.
	*Usage
}

// Usage is what processes need beside time.
type Usage struct {
	// CPUSeconds is the processor time, in user and kernel mode together.
	CPUSeconds float64 `json:"cpu_seconds"`
	// PeakMemory is the resident memory in bytes of the process of it that had the most; of all
	// processes in the container together, where one was measured.
	PeakMemory int64 `json:"peak_memory_bytes"`
	// ContainerPeak is the most memory in bytes that the kernel counted for the container, with
	// the pages of files that it read and wrote; 0 where none was measured.
	ContainerPeak int64 `json:"container_peak_bytes,omitempty"`
	// OthersCPUSeconds is the processor time that everything else on the machine took
	// meanwhile, in steps of some hundredths.
	OthersCPUSeconds float64 `json:"others_cpu_seconds"`
}

// Result is what one way of doing it needed, over all runs.
type Result struct {
	// Way is the way's name.
	Way string `json:"way"`
	// Runs are the single runs.
	Runs []Figures `json:"runs"`
	// MedianSeconds, MinSeconds and MaxSeconds are the median, the shortest and the
	// longest of the runs.
	MedianSeconds float64 `json:"median_seconds"`
	MinSeconds    float64 `json:"min_seconds"`
	MaxSeconds    float64 `json:"max_seconds"`
	// Summary is about what the way's own processes needed; nil where the runs do not
	// tell.
	*Summary
	// Ratio is this way's median time over ours: 9 means that ours is nine times faster.
	Ratio float64 `json:"ratio"`
}

// Summary is about the Usage of all runs.
type Summary struct {
	// MedianCPUSeconds is the median over the runs.
	MedianCPUSeconds float64 `json:"median_cpu_seconds"`
	// PeakMemory is the highest over the runs, in bytes.
	PeakMemory int64 `json:"peak_memory_bytes"`
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

// disturbed is how much of one processor others took while the case was measured, on
// average; the kernel's own work for it included.
func (c Case) disturbed() float64 {
	var others, wall float64
	for _, r := range c.Results {
		for _, f := range r.Runs {
			if f.Usage != nil {
				others, wall = others+f.OthersCPUSeconds, wall+f.Seconds
			}
		}
	}
	return others / max(wall, 0.001)
}

// summarize fills in what is computed from the runs.
func (c *Case) summarize() {
	var ours float64
	for i := range c.Results {
		c.Results[i].summarize()
		if c.Results[i].Way == c.Ours {
			ours = c.Results[i].MedianSeconds
		}
	}
	for i := range c.Results {
		if ours > 0 {
			c.Results[i].Ratio = math.Round(c.Results[i].MedianSeconds/ours*100) / 100
		}
	}
}

func (r *Result) summarize() {
	var wall, cpu []float64
	for _, f := range r.Runs {
		wall = append(wall, f.Seconds)
		if f.Usage == nil {
			continue
		}
		cpu = append(cpu, f.CPUSeconds)
		if r.Summary == nil {
			r.Summary = new(Summary)
		}
		r.PeakMemory = max(r.PeakMemory, f.PeakMemory)
	}
	if len(wall) > 0 {
		r.MedianSeconds, r.MinSeconds, r.MaxSeconds = median(wall), slices.Min(wall), slices.Max(wall)
	}
	if r.Summary != nil {
		r.MedianCPUSeconds = median(cpu)
	}
}

// median of the values; 0 of none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(values))
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}

// Rows are cases of one part as a table; processor time and memory have columns where
// they were measured.
func Rows(cases []Case) (header []string, rows [][]string) {
	usage := slices.ContainsFunc(cases, func(c Case) bool {
		return slices.ContainsFunc(c.Results, func(r Result) bool { return r.Summary != nil })
	})
	header = []string{"CASE", "WAY", "MEDIAN", "MIN", "MAX"}
	if usage {
		header = append(header, "CPU", "PEAK MEMORY")
	}
	for _, c := range cases {
		for _, r := range c.Results {
			row := []string{c.Name, r.Way, seconds(r.MedianSeconds), seconds(r.MinSeconds), seconds(r.MaxSeconds)}
			if usage {
				row = append(row, r.usage()...)
			}
			rows = append(rows, append(row, fmt.Sprintf("%.2f", r.Ratio)))
		}
	}
	return append(header, "TIME / OURS"), rows
}

// usage are the cells of what the way's processes needed.
func (r Result) usage() []string {
	if r.Summary == nil {
		return []string{"-", "-"}
	}
	return []string{seconds(r.MedianCPUSeconds), mebibytes(r.PeakMemory)}
}

func mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

func seconds(s float64) string { return fmt.Sprintf("%.3f s", s) }
