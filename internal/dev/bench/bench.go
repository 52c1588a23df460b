// Package bench measures what the project promises to be fast, beside what it is
// compared with, in turn and in one run: figures of another day or machine say nothing.
package bench

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/docker/tools"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/run"
	"github.com/im2-audio/im2/internal/term"
)

// Report is the answer of "mage bench -json"; a part that was not asked for is missing.
// docs/bench.md describes it.
type Report struct {
	// Permissions is about resetting owners and modes.
	Permissions *Permissions `json:"permissions,omitempty"`
	// Build is about building images and starting what is up to date.
	Build *Build `json:"build,omitempty"`
	// Spool is about handing jobs from service to service.
	Spool *Spool `json:"spool,omitempty"`
	// Engine is about separating a song.
	Engine *Separation `json:"engine,omitempty"`
	// Incomplete is why it ended before every case was measured; "" when it did not.
	Incomplete string `json:"incomplete,omitempty"`
}

// Empty reports whether no case was measured.
func (r Report) Empty() bool {
	return r.Permissions == nil && r.Build == nil && r.Spool == nil && r.Engine == nil
}

// Machine is where it was measured.
type Machine struct {
	// Processor is the processor's name, "" where the system does not tell.
	Processor string `json:"processor,omitempty"`
	// CPUs is how many processors this process may use.
	CPUs int `json:"cpus"`
	// Kernel is the release of the kernel, such as "6.18.0".
	Kernel string `json:"kernel"`
	// FileSystem is the type of the file system that the tree was on, such as "ext4".
	FileSystem string `json:"file_system"`
}

// Bench runs the measurements.
type Bench struct {
	// Home is the folder of the IM2 checkout.
	Home string
	// Engine is what builds and runs; only the parts about builds and songs need it.
	Engine *engine.Engine
	// Environ is the environment of every command that is measured.
	Environ []string
	// Runner runs them.
	Runner run.Runner
	// UI is told what goes on.
	UI *term.UI

	contender, helper string
}

// own compiles a program for this machine, unless it is there, and returns its path.
func (b *Bench) own(ctx context.Context, o tools.Own) (string, error) {
	return tools.Kit{Home: b.Home, Runner: b.Runner, UI: b.UI}.BuildOwn(ctx, o, runtime.GOOS, runtime.GOARCH)
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
	if dir, err = filepath.Abs(dir); err == nil { // commands are run in it that have other working folders
		path, err = os.MkdirTemp(dir, "bench-")
	}
	if err != nil {
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

// machine describes this one.
func machine(folder string) Machine {
	m := Machine{CPUs: runtime.GOMAXPROCS(0), FileSystem: fileSystem(folder)}
	if text, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = strings.TrimSpace(string(text))
	}
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		m.Processor = processor(string(text))
	}
	return m
}

// processor is the first name in /proc/cpuinfo (proc_cpuinfo(5)).
func processor(text string) string {
	for line := range strings.Lines(text) {
		if key, value, _ := strings.Cut(line, ":"); strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
