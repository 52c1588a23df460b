package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/run"
	"github.com/im2-audio/im2/internal/term"
)

// mostDisturbed is how much of one processor others may take before the figures are
// doubted: more than the kernel's own threads need to write out what is changed.
const mostDisturbed = 0.25

// inTurn measures every way of a case that often, the ways in turn so that all of them
// see the same moments of the machine. once measures one of them, by its place in ways;
// n is how many rounds were before.
func (b *Bench) inTurn(c Case, ways []string, runs int, once func(way, n int) (Figures, error)) (Case, error) {
	c.Results = make([]Result, len(ways))
	progress := b.UI.Progress(c.Name, int64(runs*len(ways)), term.Percent)
	defer progress.Done()
	for n := range runs {
		for i := range ways {
			at := (i + n) % len(ways) // nobody is always first
			figures, err := once(at, n)
			if err != nil {
				return c, err
			}
			c.Results[at].Way = ways[at]
			c.Results[at].Runs = append(c.Results[at].Runs, figures)
			progress.Set(int64(n*len(ways) + i + 1))
		}
	}
	c.summarize()
	return c, nil
}

// warnDisturbed says when others kept the processors busy while a case was measured.
func (b *Bench) warnDisturbed(c Case) {
	if d := c.disturbed(); d > mostDisturbed {
		b.UI.Note("%s: others kept %.1f processors busy meanwhile, so the figures say little; measure again on a quiet machine", c.Name, d)
	}
}

// measure runs one command from its start to its end. doing says what for.
func (b *Bench) measure(ctx context.Context, c run.Cmd, doing string) (Figures, error) {
	c.Args = append([]string{"measure", c.Name}, c.Args...)
	c.Name = b.contender
	before := busy()
	out, err := run.Output(ctx, b.Runner, c)
	if err != nil {
		return Figures{}, exit.Errorf(exit.Failed, "measuring %s: %w", doing, err)
	}
	after := busy()
	f := Figures{Usage: new(Usage)}
	if err := json.Unmarshal(bytes.TrimSpace(out), &f); err != nil {
		return Figures{}, fmt.Errorf("reading the figures of %s: %w", doing, err)
	}
	f.OthersCPUSeconds = max(0, math.Round((after-before-f.CPUSeconds)*100)/100)
	return f, nil
}
