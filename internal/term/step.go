package term

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sync"
	"time"

	"github.com/im2-audio/im2/internal/safetext"
)

// Step is one step of a target. On a terminal it is a line that is redrawn while the step goes on and that stays,
// with the time which the step took. What the tools of the step write is kept, and shown only if it fails; with
// MAGEFILE_VERBOSE it is shown at once, as without a terminal, where a Step is a [Progress].
type Step struct {
	ui          *UI
	doing, done string
	began       time.Time
	progress    *Progress // nil where tools show theirs
	said        *said     // nil where it is shown at once
}

// Step starts a step, such as "building web", that leaves "built web". End or Drop must be called.
func (u *UI) Step(doing, done string) *Step {
	s := &Step{ui: u, doing: doing, done: done, began: time.Now()}
	if u.live && u.verbose {
		return s
	}
	s.progress = u.Progress(doing, 0, Seconds)
	if u.live {
		s.said = &said{tell: s.progress.say}
	}
	return s
}

// Output is where the tools of the step write.
func (s *Step) Output() io.Writer {
	if s.said == nil {
		return s.ui.Stderr()
	}
	return s.said
}

// Done changes what a successful step leaves.
func (s *Step) Done(format string, args ...any) { s.done = fmt.Sprintf(format, args...) }

// Drop ends a step in which there was nothing to do. It leaves nothing.
func (s *Step) Drop() {
	if s.progress != nil {
		s.progress.Done()
	}
}

// End ends the step; err is why it failed, nil if it did not. It returns err.
func (s *Step) End(err error) error {
	s.Drop()
	switch {
	case !s.ui.live || errors.Is(err, context.Canceled):
	case err == nil:
		s.ui.mark(green.of("✔", !s.ui.plain), s.done, s.began)
	default:
		if s.said != nil {
			s.ui.Note("%s", s.said.text())
		}
		s.ui.mark(red.of("✘", !s.ui.plain), s.doing, s.began)
	}
	return err
}

// Did is Note for what was done since a time: on a terminal, it is a line as a [Step] leaves it.
func (u *UI) Did(began time.Time, format string, args ...any) {
	if !u.live {
		u.Note(format, args...)
		return
	}
	u.mark(green.of("✔", !u.plain), fmt.Sprintf(format, args...), began)
}

// Trace is Note for what a [Step] says on a terminal, which gets it only with MAGEFILE_VERBOSE.
func (u *UI) Trace(format string, args ...any) {
	if !u.live || u.verbose {
		u.Note(format, args...)
	}
}

func (u *UI) mark(sign, text string, began time.Time) {
	text = safetext.Line(text)
	if took := Took(time.Since(began)); took != "" {
		text += "  " + faint.of(took, !u.plain)
	}
	u.note(sign + " " + text + "\n")
}

// Took is how long something took, for people; "" for next to nothing.
func Took(d time.Duration) string {
	switch {
	case d < 100*time.Millisecond:
		return ""
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return d.Round(time.Second).String()
}

// keptOutput is how many bytes of a tool's output are kept: more than BuildKit says of some large images.
const keptOutput = 1 << 20

// said keeps the last part of what tools write, and tells the line that they are at.
type said struct {
	mu   sync.Mutex
	kept []byte
	cut  bool
	tell func(line string)
}

var (
	// numbers are what BuildKit puts before each line: the step, and the time in it.
	numbers = regexp.MustCompile(`^#\d+ (?:\d+\.\d+ )?`)
	// over are lines of BuildKit about what does not go on.
	over = regexp.MustCompile(`^(?:DONE|CACHED|\.\.\.)`)
)

// Write implements io.Writer.
func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = append(s.kept, p...)
	if over := len(s.kept) - keptOutput; over > 0 {
		s.kept, s.cut = s.kept[over:], true
	}
	if end := bytes.LastIndexByte(s.kept, '\n'); end > 0 {
		line := bytes.TrimSpace(s.kept[bytes.LastIndexByte(s.kept[:end], '\n')+1 : end])
		if line = numbers.ReplaceAll(line, nil); len(line) > 0 && !over.Match(line) {
			s.tell(safetext.Line(string(line)))
		}
	}
	return len(p), nil
}

func (s *said) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := string(bytes.TrimRight(s.kept, "\n"))
	if s.cut {
		text = "(the first part is left out)\n" + text
	}
	return text
}
