// Package term is how targets speak: results to standard output, progress and notes to
// standard error. On a terminal long steps show a live bar; elsewhere, and with CI or
// TERM=dumb set, a plain line every few seconds. Nothing is told by colour alone.
package term

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"golang.org/x/term"
)

// plainEvery is the time between two progress lines where there is no terminal.
const plainEvery = 5 * time.Second

// UI is where a target writes. It is safe for concurrent use.
type UI struct {
	mu    sync.Mutex
	out   io.Writer
	err   io.Writer
	live  bool
	every time.Duration
}

// New returns the UI of this process. getenv is asked for CI and TERM.
func New(stdout, stderr *os.File, getenv func(string) string) *UI {
	live := term.IsTerminal(int(stderr.Fd())) && getenv("CI") == "" && getenv("TERM") != "dumb"
	return &UI{out: stdout, err: stderr, live: live, every: plainEvery}
}

// Test returns a UI without a terminal whose outputs are kept in the buffers.
func Test() (ui *UI, out, err *bytes.Buffer) {
	out, err = new(bytes.Buffer), new(bytes.Buffer)
	return &UI{out: out, err: err, every: plainEvery}, out, err
}

// Live reports whether standard error is a terminal that can redraw lines.
func (u *UI) Live() bool { return u.live }

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
	_, _ = fmt.Fprintf(u.out, format+"\n", args...) // a closed pipe has no reader to tell
}

// Note writes one line about what is going on to standard error.
func (u *UI) Note(format string, args ...any) {
	u.mu.Lock()
	defer u.mu.Unlock()
	_, _ = fmt.Fprintf(u.err, format+"\n", args...)
}

// JSON writes v as indented JSON to standard output.
func (u *UI) JSON(v any) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	enc := json.NewEncoder(u.out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("writing the answer as JSON: %w", err)
	}
	return nil
}

// Table writes rows below a header to standard output, columns aligned.
func (u *UI) Table(header []string, rows [][]string) {
	u.Rows(append([][]string{header}, rows...))
}

// Rows writes rows without a header to standard output, columns aligned.
func (u *UI) Rows(rows [][]string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	w := tabwriter.NewWriter(u.out, 0, 4, 2, ' ', 0)
	for _, row := range rows {
		_, _ = fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	_ = w.Flush()
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
