// Package bench measures what the project promises to be fast, beside what it is
// compared with, in turn and in one run: figures of another day or machine say nothing.
package bench

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/run"
	"github.com/im2-audio/im2/internal/term"
	"github.com/im2-audio/im2/internal/tools"
)

// Report is the answer of "mage bench -json"; a part that was not asked for is missing.
// docs/bench.md describes it.
type Report struct {
	// Permissions is about resetting owners and modes.
	Permissions *Permissions `json:"permissions,omitempty"`
}

// Machine is where it was measured.
type Machine struct {
	// CPUs is how many processors this process may use.
	CPUs int `json:"cpus"`
	// Kernel is the release of the kernel, such as "6.18.0".
	Kernel string `json:"kernel"`
	// FileSystem is the type of the file system that the tree was on, such as "ext4".
	FileSystem string `json:"file_system"`
}

// Figures are what one command needed.
type Figures struct {
	// Seconds is the time from its start to its end.
	Seconds float64 `json:"seconds"`
	// CPUSeconds is the processor time, in user and kernel mode together.
	CPUSeconds float64 `json:"cpu_seconds"`
	// PeakMemory is the resident memory in bytes of the process of it that had the most.
	PeakMemory int64 `json:"peak_memory_bytes"`
	// OthersCPUSeconds is the processor time that everything else on the machine took
	// meanwhile, in steps of some hundredths.
	OthersCPUSeconds float64 `json:"others_cpu_seconds"`
}

// Result is what one way of doing it needed, over all runs.
type Result struct {
	// Way is the way's name; ours is Ours.
	Way string `json:"way"`
	// Runs are the single runs.
	Runs []Figures `json:"runs"`
	// MedianSeconds and MedianCPUSeconds are the medians over the runs.
	MedianSeconds    float64 `json:"median_seconds"`
	MedianCPUSeconds float64 `json:"median_cpu_seconds"`
	// PeakMemory is the highest over the runs, in bytes.
	PeakMemory int64 `json:"peak_memory_bytes"`
	// Ratio is this way's median time over ours: 9 means that ours is nine times faster.
	Ratio float64 `json:"ratio"`
}

// Ours is the name of our way in every case.
const Ours = "mage reset-permissions"

// Case is one state that is measured.
type Case struct {
	// Name is the state's, such as "all right".
	Name string `json:"case"`
	// Entries is how many files and folders there are.
	Entries int64 `json:"entries"`
	// Results has one for each way.
	Results []Result `json:"results"`
}

// Bench runs the measurements.
type Bench struct {
	// Home is the folder of the IM2 checkout.
	Home string
	// Environ is the environment of every command that is measured.
	Environ []string
	// Runner runs them.
	Runner run.Runner
	// UI is told what goes on.
	UI *term.UI

	contender, resetter string
}

// build compiles the programs that are measured, and the one that measures.
func (b *Bench) build(ctx context.Context) error {
	kit := tools.Kit{Home: b.Home, Runner: b.Runner, UI: b.UI}
	var err error
	if b.contender, err = kit.BuildOwn(ctx, tools.Contender(), runtime.GOARCH); err != nil {
		return err
	}
	b.resetter, err = kit.BuildOwn(ctx, tools.Resetter(), runtime.GOARCH)
	return err
}

// folder makes an empty folder for a tree, in dir or, for "", in .im2 of the project's
// folder root. The returned function removes it with all that is in it. When ctx ended it
// does not wait for that: a tree takes longer than an interrupt may.
func (b *Bench) folder(root, dir string) (path string, remove func(context.Context), err error) {
	named := dir != ""
	if !named {
		dir = filepath.Join(root, ".im2")
		if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // programs that everybody may run are there, too
			return "", nil, exit.Errorf(exit.Unusable, "making a place for the tree: %w; -dir names another", err)
		}
	}
	if path, err = os.MkdirTemp(dir, "bench-"); err != nil {
		return "", nil, exit.Errorf(exit.Unusable, "making a place for the tree: %w; -dir names another", err)
	}
	return path, func(ctx context.Context) {
		if ctx.Err() == nil {
			progress := b.UI.Progress("removing the tree", 0, term.Seconds)
			defer progress.Done()
			if err := os.RemoveAll(path); err != nil {
				b.UI.Note("removing the tree: %v", err)
			}
			if !named {
				_ = os.Remove(dir) // only where nothing else is in it
			}
			return
		}
		b.UI.Note("removing %s in the background", path)
		if err := run.Detach(run.Cmd{Name: "rm", Args: []string{"-rf", "--", path}}, os.DevNull); err != nil {
			b.UI.Note("removing it: %v; \"rm -rf %s\" does", err, path)
		}
	}, nil
}

// busySeconds reads the first line of /proc/stat (proc_stat(5)): hundredths of a second
// that the processors spent as user, nice, system, idle, iowait, irq, softirq, steal.
func busySeconds(text string) float64 {
	first, _, _ := strings.Cut(text, "\n")
	var sum float64
	for i, field := range strings.Fields(first) {
		if n, err := strconv.ParseFloat(field, 64); err == nil && i <= 8 && i != 4 && i != 5 {
			sum += n / 100
		}
	}
	return sum
}

// disturbed is how much of one processor others took while the case was measured, on
// average; the kernel's own work for it included.
func (c Case) disturbed() float64 {
	var others, wall float64
	for _, r := range c.Results {
		for _, f := range r.Runs {
			others, wall = others+f.OthersCPUSeconds, wall+f.Seconds
		}
	}
	return others / max(wall, 0.001)
}

// summarize fills in what is computed from the runs.
func (c *Case) summarize() {
	var ours float64
	for i := range c.Results {
		r := &c.Results[i]
		var wall, cpu []float64
		for _, f := range r.Runs {
			wall, cpu = append(wall, f.Seconds), append(cpu, f.CPUSeconds)
			r.PeakMemory = max(r.PeakMemory, f.PeakMemory)
		}
		r.MedianSeconds, r.MedianCPUSeconds = median(wall), median(cpu)
		if r.Way == Ours {
			ours = r.MedianSeconds
		}
	}
	for i := range c.Results {
		if ours > 0 {
			c.Results[i].Ratio = math.Round(c.Results[i].MedianSeconds/ours*100) / 100
		}
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

// Rows are the report as a table.
func (p Permissions) Rows() (header []string, rows [][]string) {
	header = []string{"CASE", "WAY", "MEDIAN", "CPU", "PEAK MEMORY", "TIME / OURS"}
	for _, c := range p.Cases {
		for _, r := range c.Results {
			rows = append(rows, []string{
				c.Name, r.Way, fmt.Sprintf("%.3f s", r.MedianSeconds), fmt.Sprintf("%.3f s", r.MedianCPUSeconds),
				fmt.Sprintf("%.1f MiB", float64(r.PeakMemory)/(1<<20)), fmt.Sprintf("%.2f", r.Ratio),
			})
		}
	}
	return header, rows
}

// machine describes this one.
func machine(folder string) Machine {
	m := Machine{CPUs: runtime.GOMAXPROCS(0), FileSystem: fileSystem(folder)}
	if text, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = strings.TrimSpace(string(text))
	}
	return m
}
