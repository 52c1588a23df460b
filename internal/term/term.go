// Package term is where targets print: results to standard output, progress and notes to
// standard error. On a terminal long steps show a live bar; elsewhere, and with CI or
// TERM=dumb set, a plain line every few seconds. Nothing is told by colour alone; with NO_COLOR there is
// none, nor from the tools that are started. What is too wide for the terminal is wrapped, or laid out as
// blocks of lines. Whatever text of others is in it, a terminal finds nothing there to obey.
package term

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/safetext"
)

// plainEvery is the time between two progress lines where there is no terminal.
const plainEvery = 5 * time.Second

// UI is where a target writes. It is safe for concurrent use.
type UI struct {
	mu    sync.Mutex
	out   io.Writer
	err   io.Writer
	live  bool
	plain bool // no colour, neither here nor from tools that are started
	// colours says that results have colours, too; verbose that the output of tools is shown as it comes.
	colours, verbose bool
	im2              bool // this is the im2 command: texts name commands as it spells them
	every            time.Duration
	// How wide out and err are; 0 where they are no terminal and nothing is too wide.
	outColumns, errColumns int
	// bar takes lines that are to stand above the bar that is drawn; nil where there is none.
	bar io.Writer
	// turn is held by the step whose bar is drawn: two would overwrite each other.
	turn chan struct{}
}

// New returns the UI of this process. getenv is asked for CI, TERM, NO_COLOR and MAGEFILE_VERBOSE ("mage -v").
func New(stdout, stderr *os.File, getenv func(string) string) *UI {
	able := !inCI(getenv("CI")) && getenv("TERM") != "dumb"
	live, colour := able && term.IsTerminal(int(stderr.Fd())), able && getenv("NO_COLOR") == "" // https://no-color.org: any value counts
	verbose, _ := strconv.ParseBool(getenv("MAGEFILE_VERBOSE"))                                 // as Mage reads it
	return &UI{
		out: stdout, err: stderr, live: live, verbose: verbose, every: plainEvery,
		plain:      !live || !colour,
		colours:    colour && term.IsTerminal(int(stdout.Fd())),
		im2:        exit.IsIM2(),
		outColumns: Columns(stdout), errColumns: Columns(stderr),
		turn: make(chan struct{}, 1),
	}
}

// inCI reads the variable that build hosts set; some people set it to "false".
func inCI(value string) bool { return value != "" && value != "false" && value != "0" }

// Columns is how wide a terminal is, or 0 where f is none or does not say.
func Columns(f *os.File) int {
	columns, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return columns
}

// Test returns a UI without a terminal whose outputs are kept in the buffers.
func Test() (ui *UI, out, err *bytes.Buffer) {
	out, err = new(bytes.Buffer), new(bytes.Buffer)
	return &UI{out: out, err: err, plain: true, every: plainEvery}, out, err
}

// Verbose reports whether everything is to be told.
func (u *UI) Verbose() bool { return u.verbose }

// Live reports whether standard error is a terminal that can redraw lines.
func (u *UI) Live() bool { return u.live }

// Plain reports whether what is started is to write without colours.
func (u *UI) Plain() bool { return u.plain }

// Stdout returns the writer of results, for a command whose output is the result.
func (u *UI) Stdout() io.Writer { return lockedWriter{u, u.out} }

// Stderr returns the writer of progress, for a command that shows its own.
func (u *UI) Stderr() io.Writer {
	if u.live {
		return u.err // as it is: the command itself asks whether it is a terminal
	}
	return lockedWriter{u, u.err}
}

// Result writes one line of result to standard output.
func (u *UI) Result(format string, args ...any) {
	u.mu.Lock()
	defer u.mu.Unlock()
	_, _ = io.WriteString(u.out, paintedLines(u.line(format, args), u.colours)) // a closed pipe has no reader to tell
}

func (u *UI) line(format string, args []any) string {
	line := safetext.Lines(fmt.Sprintf(format+"\n", args...))
	if u.im2 {
		return exit.ForIM2(line)
	}
	return line
}

// Text writes lines of result to standard output as they are.
func (u *UI) Text(lines string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	_, _ = io.WriteString(u.out, lines)
}

// Note writes one line about what is going on to standard error. It writes none about an error that only an interrupt
// led to: that is what the command ends with.
func (u *UI) Note(format string, args ...any) {
	if slices.ContainsFunc(args, interrupted) {
		return
	}
	u.note(u.line(format, args))
}

func (u *UI) note(line string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.bar != nil {
		if _, err := io.WriteString(u.bar, line); err == nil {
			return
		}
	}
	_, _ = io.WriteString(u.err, line)
}

// Error writes what a command ends with to standard error.
func (u *UI) Error(text string) {
	u.note(red.of("Error:", !u.plain) + " " + u.line("%s", []any{strings.TrimSpace(text)}))
}

func interrupted(arg any) bool {
	err, ok := arg.(error)
	return ok && errors.Is(err, context.Canceled)
}

func (u *UI) above(bar io.Writer) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.bar = bar
}

// lockedWriter keeps a command's output from falling into the middle of a line.
type lockedWriter struct {
	ui *UI
	w  io.Writer
}

func (l lockedWriter) Write(p []byte) (int, error) {
	l.ui.mu.Lock()
	defer l.ui.mu.Unlock()
	return l.w.Write(p)
}
