package term

import (
	"fmt"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/dustin/go-humanize"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// Unit is what a Progress counts.
type Unit int

const (
	// Bytes are shown as kB, MB, GB (powers of 1000) with a rate.
	Bytes Unit = iota
	// Percent is a share of a hundred.
	Percent
	// Seconds shows the time since the start; for steps whose end is unknown.
	Seconds
	// Count is a number of entries, shown with how many there were a second; for steps
	// whose end is unknown.
	Count
)

// besideLabel is how many columns a bar with its numbers needs beside its label.
const besideLabel = 45

// showAfter is how long a step takes before it has a bar: one that comes and goes at once is only
// a flicker.
const showAfter = 300 * time.Millisecond

// Progress is one long step: a bar on a terminal, a line every few seconds elsewhere.
// Its methods are safe for concurrent use.
type Progress struct {
	ui    *UI
	label string
	unit  Unit
	start time.Time

	// mu is never held while the bar is told something: the bar asks for what it guards.
	mu          sync.Mutex
	done, total int64
	now         string // what is told beside the label
	container   *mpb.Progress
	bar         *mpb.Bar // nil until it is shown

	stop    chan struct{}
	stopped sync.WaitGroup
	end     sync.Once
}

// Progress starts the display of a step. total is in unit (0 when unknown, ignored for
// Seconds and Count). Done must be called.
func (u *UI) Progress(label string, total int64, unit Unit) *Progress {
	p := &Progress{ui: u, label: label, unit: unit, total: total, start: time.Now(), stop: make(chan struct{})}
	p.stopped.Add(1)
	if u.live {
		go p.later()
	} else {
		go p.plain()
	}
	return p
}

func (p *Progress) later() {
	defer p.stopped.Done()
	select {
	case <-p.stop:
		return
	case <-time.After(showAfter):
	}
	select {
	case <-p.stop:
		return
	case p.ui.turn <- struct{}{}:
	}
	container, bar := p.startBar()
	p.mu.Lock()
	p.container, p.bar = container, bar
	done, total := p.done, p.total
	p.mu.Unlock()
	p.ui.above(container)
	if p.bounded() {
		bar.SetTotal(total, false)
		bar.SetCurrent(done)
	}
}

// Set says how much is done.
func (p *Progress) Set(done int64) {
	p.mu.Lock()
	p.done = done
	bar := p.bar
	p.mu.Unlock()
	if bar != nil && p.bounded() {
		bar.SetCurrent(done)
	}
}

// SetTotal says how much there is, when that becomes known.
func (p *Progress) SetTotal(total int64) {
	p.mu.Lock()
	p.total = total
	bar := p.bar
	p.mu.Unlock()
	if bar != nil && p.bounded() {
		bar.SetTotal(total, false)
	}
}

func (p *Progress) bounded() bool { return p.unit == Bytes || p.unit == Percent }

// Done ends the display, whatever was reached. Calling it again does nothing.
func (p *Progress) Done() {
	p.end.Do(func() {
		close(p.stop)
		p.stopped.Wait()
		if p.bar != nil {
			p.ui.above(nil)
			p.bar.Abort(true) // the line goes; what is said about the end is the caller's
			p.container.Wait()
			<-p.ui.turn
		}
	})
}

// frames are those of the spinner.
var frames = []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")

// startBar starts a bar, or a line with a spinner if the end is unknown or the terminal has no room for a bar.
func (p *Progress) startBar() (*mpb.Progress, *mpb.Bar) {
	container := mpb.New(mpb.WithOutput(p.ui.err), mpb.WithAutoRefresh())
	columns := p.ui.errColumns
	if !p.bounded() || columns > 0 && columns < utf8.RuneCountInString(p.label)+besideLabel {
		spinner := decor.Any(func(decor.Statistics) string {
			return string(frames[int(time.Since(p.start)/showAfter*2)%len(frames)])
		})
		return container, container.New(0, mpb.NopStyle(), mpb.BarFillerTrim(), mpb.PrependDecorators(
			decor.Meta(spinner, func(text string) string { return cyan.of(text, !p.ui.plain) }),
			decor.Any(func(decor.Statistics) string { return " " + p.brief(columns-2) })))
	}
	name := decor.Name(p.label, decor.WC{W: utf8.RuneCountInString(p.label) + 1, C: decor.DindentRight})
	if p.unit == Percent {
		return container, container.AddBar(0, mpb.PrependDecorators(name),
			mpb.AppendDecorators(decor.Percentage(), decor.Name("  "), decor.Elapsed(decor.ET_STYLE_GO)))
	}
	return container, container.AddBar(0, mpb.PrependDecorators(name),
		mpb.AppendDecorators(decor.Counters(decor.SizeB1000(0), "% .1f / % .1f"), decor.Name("  "),
			decor.AverageSpeed(decor.SizeB1000(0), "% .1f")))
}

func (p *Progress) plain() {
	defer p.stopped.Done()
	tick := time.NewTicker(p.ui.every)
	defer tick.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-tick.C:
			p.ui.Note("%s", p.line())
		}
	}
}

func (p *Progress) line() string {
	p.mu.Lock()
	done, total := p.done, p.total
	p.mu.Unlock()
	elapsed := time.Since(p.start).Round(time.Second)
	switch {
	case p.unit == Seconds:
		return fmt.Sprintf("%s: %s so far", p.label, elapsed)
	case p.unit == Count:
		return p.label + ": " + p.counted()
	case p.unit == Bytes && total > 0:
		return fmt.Sprintf("%s: %s of %s (%d %%)", p.label, size(done), size(total), done*100/total)
	case p.unit == Bytes:
		return fmt.Sprintf("%s: %s", p.label, size(done))
	default:
		return fmt.Sprintf("%s: %d %% after %s", p.label, done*100/max(total, 1), elapsed)
	}
}

// say tells what goes on just now.
func (p *Progress) say(now string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = now
}

// brief is one line: label, numbers, and what goes on just now. If there is no room for all of them the numbers come
// first, since what is too long is cut off.
func (p *Progress) brief(columns int) string {
	p.mu.Lock()
	done, total, now := p.done, p.total, p.now
	p.mu.Unlock()
	var numbers string
	switch {
	case p.unit == Seconds:
		numbers = time.Since(p.start).Round(time.Second).String()
	case p.unit == Count:
		numbers = p.counted()
	case p.unit == Bytes && total == 0:
		numbers = size(done)
	default:
		numbers = fmt.Sprintf("%d %%", done*100/max(total, 1))
	}
	text := p.label + "  " + numbers
	if columns > 0 && utf8.RuneCountInString(text) > columns {
		text = numbers + " " + p.label
	} else if now != "" {
		text += "  " + now
	}
	if letters := []rune(text); columns > 0 && len(letters) > columns {
		text = string(letters[:max(columns-1, 0)]) + "…"
	}
	return text
}

func (p *Progress) counted() string {
	p.mu.Lock()
	done := p.done
	p.mu.Unlock()
	rate := float64(done) / max(time.Since(p.start).Seconds(), 0.001)
	return fmt.Sprintf("%s entries, %s/s", humanize.Comma(done), humanize.Comma(int64(rate)))
}

func size(n int64) string { return humanize.Bytes(uint64(max(n, 0))) }
