//go:build unix

package term

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/creack/pty"
)

// terminal is the screen of a real pseudo-terminal.
type terminal struct {
	tty  *os.File
	mu   sync.Mutex
	text strings.Builder
	done chan struct{}
	ctrl *os.File
}

func openTerminal(t *testing.T, columns uint16) *terminal {
	t.Helper()
	ctrl, tty, err := pty.Open()
	if err != nil {
		t.Skipf("skipped: no pseudo-terminals here: %v", err)
	}
	if err := pty.Setsize(tty, &pty.Winsize{Rows: 24, Cols: columns}); err != nil {
		t.Fatal(err)
	}
	s := &terminal{tty: tty, ctrl: ctrl, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		_, _ = io.Copy(s, ctrl)
	}()
	t.Cleanup(func() { _ = s.closed() })
	return s
}

func (s *terminal) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *terminal) seen() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// closed ends the terminal and returns all that was written to it.
func (s *terminal) closed() string {
	_ = s.tty.Close()
	select {
	case <-s.done:
	case <-time.After(5 * time.Second):
	}
	_ = s.ctrl.Close()
	return strings.ReplaceAll(s.seen(), "\r\n", "\n")
}

// waitFor fails unless the text is on the screen within seconds.
func (s *terminal) waitFor(t *testing.T, text string) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !strings.Contains(s.seen(), text) {
		if time.Now().After(deadline) {
			t.Fatalf("%q is not on the screen: %q", text, s.seen())
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func environment(entries map[string]string) func(string) string {
	return func(name string) string { return entries[name] }
}

func TestOnlyATerminalThatCanRedrawIsLive(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		environ     map[string]string
		live, plain bool
	}{
		{map[string]string{"TERM": "xterm"}, true, false},
		{map[string]string{"TERM": "xterm", "CI": "false"}, true, false},
		{map[string]string{"TERM": "xterm", "CI": "true"}, false, true},
		{map[string]string{"TERM": "dumb"}, false, true},
		{map[string]string{"TERM": "xterm", "NO_COLOR": "1"}, true, true},
		{map[string]string{"TERM": "xterm", "NO_COLOR": ""}, true, false},
	} {
		s := openTerminal(t, 80)
		ui := New(s.tty, s.tty, environment(c.environ))
		if ui.Live() != c.live || ui.Plain() != c.plain {
			t.Errorf("%v: live %v, plain %v; want %v, %v", c.environ, ui.Live(), ui.Plain(), c.live, c.plain)
		}
	}
	file, err := os.Create(t.TempDir() + "/out")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // nothing was written
	if ui := New(file, file, environment(nil)); ui.Live() || !ui.Plain() {
		t.Error("a file counts as a terminal")
	}
}

func TestABarNeverLosesItsNumbers(t *testing.T) {
	t.Parallel()
	for _, columns := range []uint16{20, 40, 80, 200} {
		s := openTerminal(t, columns)
		ui := New(s.tty, s.tty, environment(map[string]string{"TERM": "xterm"}))
		p := ui.Progress("separating a song with quite a long name.mp3", 100, Percent)
		p.Set(37)
		s.waitFor(t, "37 %")
		p.Done()
		for line := range strings.FieldsFuncSeq(s.closed(), func(r rune) bool { return r == '\n' || r == '\r' || r == '\x1b' }) {
			if n := utf8.RuneCountInString(line); n > int(columns)+4 { // "[2K" and the like
				t.Errorf("%d columns: a line of %d: %q", columns, n, line)
			}
		}
	}
}

func TestNoProgressIsDrawnWhereNothingCanRedraw(t *testing.T) {
	t.Parallel()
	s := openTerminal(t, 40)
	ui := New(s.tty, s.tty, environment(map[string]string{"TERM": "dumb", "NO_COLOR": "1"}))
	ui.every = time.Millisecond
	p := ui.Progress("fetching the model", 200, Percent)
	p.Set(50)
	s.waitFor(t, "fetching the model: 25 % after 0s\r\n")
	p.Done()
	if text := s.closed(); strings.ContainsAny(text, "\x1b\b") {
		t.Errorf("a dumb terminal got escapes: %q", text)
	}
}

func TestATableThatIsTooWideIsBlocks(t *testing.T) {
	t.Parallel()
	header := []string{"SERVICE", "STATE", "HEALTH", "UID:GID"}
	rows := [][]string{{"demucs", "running", "healthy", "1000:1000"}, {"organizer", "exited (1)", "-", "-"}}
	for _, c := range []struct {
		columns uint16
		want    string
	}{
		{60, "SERVICE    STATE       HEALTH   UID:GID\ndemucs     running     healthy  1000:1000\norganizer  exited (1)  -        -\n"},
		{40, "demucs\n  state: running\n  health: healthy\n  uid:gid: 1000:1000\norganizer\n  state: exited (1)\n  health: -\n  uid:gid: -\n"},
	} {
		s := openTerminal(t, c.columns)
		New(s.tty, s.tty, environment(map[string]string{"NO_COLOR": "1"})).Table(header, rows)
		if got := s.closed(); got != c.want {
			t.Errorf("%d columns: got\n%s\nwant\n%s", c.columns, got, c.want)
		}
	}
	long := openTerminal(t, 34)
	err := New(long.tty, long.tty, environment(map[string]string{"NO_COLOR": "1"})).LongTable(header, func(yield func([]string, error) bool) {
		for i := range atOnce + 1 {
			if !yield([]string{rows[i/atOnce][0], strings.Repeat("x", i/atOnce*60)}, nil) {
				return
			}
		}
	})
	got := long.closed()
	if want := "\norganizer\n  state: " + strings.Repeat("x", 60) + "\n"; err != nil || !strings.HasPrefix(got, "SERVICE  STATE  HEALTH") || !strings.HasSuffix(got, want) {
		t.Errorf("%v: got %d bytes: %.200s ... %q", err, len(got), got, got[max(0, len(got)-100):])
	}
	s := openTerminal(t, 12)
	New(s.tty, s.tty, environment(map[string]string{"NO_COLOR": "1"})).Rows([][]string{{"demucs", "stale: Dockerfile changed"}})
	if got := s.closed(); got != "demucs\n  stale: Dockerfile changed\n" {
		t.Errorf("got %q", got)
	}
}

func TestNotesStandAboveTheBar(t *testing.T) {
	t.Parallel()
	s := openTerminal(t, 80)
	ui := New(s.tty, s.tty, environment(map[string]string{"TERM": "xterm"}))
	p := ui.Progress("working", 100, Percent)
	ui.Note("before the bar is shown")
	p.Set(37)
	s.waitFor(t, "37 %")
	for i := range 20 {
		ui.Note("note %d", i)
		p.Set(int64(38 + i))
	}
	p.Done()
	ui.Note("after")
	want := []string{"before the bar is shown"}
	for i := range 20 {
		want = append(want, fmt.Sprintf("note %d", i))
	}
	want = append(want, "after", "")
	if got := screen(t, s.closed()); got != strings.Join(want, "\n") {
		t.Errorf("in the end the screen shows\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

// screen is what a terminal shows after all that was written to it.
func screen(t *testing.T, text string) string {
	t.Helper()
	lines, at := []string{""}, 0
	for text = strings.ReplaceAll(text, "\r\n", "\n"); len(text) > 0; {
		if m := regexp.MustCompile(`^\x1b\[(\d*)([A-Z])`).FindStringSubmatch(text); m != nil {
			text = text[len(m[0]):]
			n, _ := strconv.Atoi(m[1])
			switch m[2] {
			case "A", "F":
				at -= max(n, 1)
			case "J":
				lines = append(lines[:at:at], "")
			case "K":
				lines[at] = ""
			default:
				t.Fatalf("an escape that this screen does not know: %q", m[0])
			}
			continue
		}
		c, size := utf8.DecodeRuneInString(text)
		switch c {
		case '\n':
			if at++; at == len(lines) {
				lines = append(lines, "")
			}
		case '\r':
		default:
			lines[at] += string(c) // of a line that is written over, what was there stays to be seen
		}
		text = text[size:]
	}
	return strings.Join(lines, "\n")
}

func TestTwoBarsTakeTurns(t *testing.T) {
	t.Parallel()
	s := openTerminal(t, 80)
	ui := New(s.tty, s.tty, environment(map[string]string{"TERM": "xterm"}))
	first := ui.Progress("first", 0, Seconds)
	s.waitFor(t, "first")
	second, third := ui.Progress("second", 0, Seconds), ui.Progress("third", 0, Seconds)
	time.Sleep(2 * showAfter)
	third.Done() // it never had its turn
	if text := s.seen(); strings.Contains(text, "second") || strings.Contains(text, "third") {
		t.Errorf("two bars at once: %q", text)
	}
	first.Done()
	s.waitFor(t, "second")
	second.Done()
	if got := screen(t, s.closed()); got != "" {
		t.Errorf("something stays on the screen: %q", got)
	}
}

func TestAStepThatIsSoonDoneHasNoBar(t *testing.T) {
	t.Parallel()
	s := openTerminal(t, 80)
	p := New(s.tty, s.tty, environment(map[string]string{"TERM": "xterm"})).Progress("working", 100, Percent)
	p.Set(99)
	time.Sleep(showAfter - 100*time.Millisecond) // the library draws every 150 ms
	p.Done()
	if text := s.closed(); text != "" {
		t.Errorf("drew %q", text)
	}
}
