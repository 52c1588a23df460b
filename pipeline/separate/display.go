package separate

import (
	"time"

	"github.com/im2-audio/im2/internal/term"
)

// state is what a person who waits for a job wants to know.
type state struct {
	// label says what happens.
	label string
	// percent of it is finished, where that is known.
	percent int
	known   bool
	// idle says that the job waits for a service, not for another job.
	idle bool
}

// display shows the states of one job, one after the other.
type display struct {
	ui       *term.UI
	name     string
	patience time.Duration

	bar   *term.Progress
	now   state
	since time.Time
	// told says that the user was told that nothing happens.
	told bool
}

func (d *display) show(s state) {
	if d.bar == nil || s.label != d.now.label || s.known != d.now.known {
		d.change(s)
	}
	d.now = s
	d.bar.Set(int64(s.percent))
	if s.idle && !d.told && time.Since(d.since) >= d.patience {
		d.told = true
		d.close() // A note must not fall into the bar's line.
		d.ui.Note(`%s: still %s: the pipeline seems not to be running; "mage up" starts it, "mage status" shows it`, d.name, s.label)
		d.open(s)
	}
}

// change begins a new state. Without a terminal each one is printed at once, since a short
// one would otherwise never be.
func (d *display) change(s state) {
	d.close()
	if s.label != d.now.label {
		d.since, d.told = time.Now(), false
		if !d.ui.Live() {
			d.ui.Note("%s: %s", d.name, s.label)
		}
	}
	d.open(s)
}

func (d *display) open(s state) {
	unit := term.Seconds
	if s.known {
		unit = term.Percent
	}
	d.bar = d.ui.Progress(d.name+": "+s.label, 100, unit)
	d.bar.Set(int64(s.percent))
}

func (d *display) close() {
	if d.bar != nil {
		d.bar.Done()
		d.bar = nil
	}
}
