// Package bench measures builds, resets, the queue and separations beside what a user would
// otherwise take, in turn and in one run: figures of another day or machine say nothing.
package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
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
	Permissions *Permissions `json:"permissions,omitempty"`
	Build       *Build       `json:"build,omitempty"`
	Spool       *Spool       `json:"spool,omitempty"`
	Engine      *Separation  `json:"engine,omitempty"`
	// Incomplete is why it ended before every case was measured; "" when it did not.
	Incomplete string `json:"incomplete,omitempty"`
}

// Machine is where it was measured.
type Machine struct {
	// Processor is the processor's name, "" where the system does not tell.
	Processor string `json:"processor,omitempty"`
	// CPUs is how many processors this process may use.
	CPUs int `json:"cpus"`
	// Kernel is the release of the kernel, such as "6.18.0".
	Kernel string `json:"kernel,omitempty"`
}

// Bench runs the measurements.
type Bench struct {
	// Home is the folder of the IM2 checkout, Root that of the user's project.
	Home, Root string
	// Dir is where trees and projects are made; "" for .im2 in Root.
	Dir string
	// Runs is how often each way runs in each case.
	Runs int
	// Engine builds and runs; only the parts about builds and songs need it.
	Engine *engine.Engine
	// Environ is the environment of every command that is measured.
	Environ []string
	Runner  run.Runner
	UI      *term.UI
}

func (b *Bench) own(ctx context.Context, o tools.Own) (string, error) {
	return tools.Kit{Home: b.Home, Runner: b.Runner, UI: b.UI}.BuildOwn(ctx, o, runtime.GOOS, runtime.GOARCH)
}

// folder makes an empty folder to work in. The returned function removes it with all that is
// in it; when ctx ended it does not wait for that: a tree takes longer than an interrupt may.
func (b *Bench) folder() (path string, remove func(context.Context), err error) {
	dir := b.Dir
	if dir == "" {
		dir = filepath.Join(b.Root, ".im2")
		err = os.MkdirAll(dir, 0o755)
	}
	if err == nil {
		dir, err = filepath.Abs(dir) // some commands run in other folders
	}
	if err == nil {
		path, err = os.MkdirTemp(dir, "bench-")
	}
	if err != nil {
		return "", nil, exit.Fixable(exit.Unusable, exit.Fix{Type: "mage bench -dir=FOLDER", Note: "uses another folder"}, "making a folder to work in: %w", err)
	}
	return path, func(ctx context.Context) {
		if ctx.Err() == nil {
			defer b.UI.Progress("removing "+path, 0, term.Seconds).Done()
			if err := os.RemoveAll(path); err != nil {
				b.UI.Note("removing %s: %v", path, err)
			}
			if b.Dir == "" {
				_ = os.Remove(dir) // only where nothing else is in it
			}
			return
		}
		b.UI.Note("removing %s in the background", path)
		if err := run.Detach(run.Cmd{Name: "rm", Args: []string{"-rf", "--", path}}, os.DevNull); err != nil {
			b.UI.Note("removing it: %v; fix: rm -rf %s", err, exit.Word(path))
		}
	}, nil
}

func machine() Machine {
	m := Machine{CPUs: runtime.GOMAXPROCS(0)}
	if text, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = strings.TrimSpace(string(text))
	}
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		m.Processor = processor(string(text))
	}
	return m
}

func processor(text string) string {
	for line := range strings.Lines(text) {
		if key, value, _ := strings.Cut(line, ":"); strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// inTurn measures every way of a case Runs times, the ways in turn so that all of them see the
// same moments of the machine. once measures one of them, by its place in ways; n is how many
// rounds were before.
func (b *Bench) inTurn(c Case, ways []string, once func(way, n int) (Figures, error)) (Case, error) {
	c.Results = make([]Result, len(ways))
	progress := b.UI.Progress(c.Name, int64(b.Runs*len(ways)), term.Percent)
	defer progress.Done()
	for n := range b.Runs {
		for i := range ways {
			at := (i + n) % len(ways) // none is always first
			figures, err := once(at, n)
			if err != nil {
				return c, exit.Errorf(exit.Failed, "measuring %q, %s: %w", ways[at], c.Name, err)
			}
			c.Results[at].Way = ways[at]
			c.Results[at].Runs = append(c.Results[at].Runs, figures)
			progress.Set(int64(n*len(ways) + i + 1))
		}
	}
	c.summarize()
	return c, nil
}

func (b *Bench) measure(ctx context.Context, c run.Cmd) (f Figures, err error) {
	measure, err := b.own(ctx, tools.Measure)
	if err != nil {
		return f, err
	}
	// What the preparation wrote must not be written at the expense of the run.
	if err := b.Runner.Run(ctx, run.Cmd{Name: "sync"}); err != nil {
		return f, err
	}
	c.Name, c.Args = measure, append([]string{c.Name}, c.Args...)
	out, err := run.Output(ctx, b.Runner, c)
	if err == nil {
		err = json.Unmarshal(bytes.TrimSpace(out), &f)
	}
	return f, err
}

func (b *Bench) docker(ctx context.Context, args ...string) ([]string, error) {
	out, err := b.Engine.Output(ctx, b.Engine.Command(args...))
	return strings.Fields(string(out)), err
}
