//go:build unix

package term

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"
)

var (
	terminalOnly = map[string]string{"TERM": "xterm"}
	noColours    = map[string]string{"TERM": "xterm", "NO_COLOR": "1"}
	colours      = regexp.MustCompile(`\x1b\[[0-9;]*m`)
	times        = regexp.MustCompile(`  [\dm.]+s$`)
)

// leaves is what the screen shows in the end, without times.
func leaves(t *testing.T, s *terminal) []string {
	t.Helper()
	lines := strings.Split(screen(t, colours.ReplaceAllString(s.closed(), "")), "\n")
	for i := range lines {
		lines[i] = times.ReplaceAllString(lines[i], "")
	}
	return lines
}

func TestAStepLeavesOneLineAndItsTime(t *testing.T) {
	t.Parallel()
	s := openTerminal(t, 80)
	ui := New(s.tty, s.tty, environment(noColours))
	step := ui.Step("building web", "built web")
	_, _ = io.WriteString(step.Output(), "#1 [internal] load\n#12 3.4 added 20 packages\n")
	_, _ = io.WriteString(step.Output(), "#12 DONE 3.5s\n")
	s.waitFor(t, "s  added 20 packages")
	if err := step.End(nil); err != nil {
		t.Error(err)
	}
	again := ui.Step("nothing", "did nothing")
	again.Drop()
	if got := leaves(t, s); len(got) != 2 || got[0] != "✔ built web" || got[1] != "" {
		t.Errorf("the screen shows %q", got)
	}
	for _, want := range []string{`building web  [\dm]+s  added`, `✔ built web  [\dm.]+s\r\n`} {
		if !regexp.MustCompile(want).MatchString(s.seen()) {
			t.Errorf("%s is not in %q", want, s.seen())
		}
	}
}

func TestTheSpinnerIsBesideItsText(t *testing.T) {
	t.Parallel()
	for _, columns := range []uint16{30, 80, 120} {
		s := openTerminal(t, columns)
		step := New(s.tty, s.tty, environment(noColours)).Step("compiling", "compiled")
		s.waitFor(t, "compiling")
		if !regexp.MustCompile(`[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] compiling  \d`).MatchString(s.seen()) {
			t.Errorf("%d columns: %q", columns, s.seen())
		}
		step.Drop()
	}
}

func TestAFailedStepShowsWhatItsToolsSaid(t *testing.T) {
	t.Parallel()
	s := openTerminal(t, 80)
	ui := New(s.tty, s.tty, environment(noColours))
	step, broken := ui.Step("building web", "built web"), errors.New("exit status 1")
	for i := range 3 {
		_, _ = fmt.Fprintf(step.Output(), "line %d\x1b[2J\n", i)
	}
	if err := step.End(broken); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if got, want := strings.Join(leaves(t, s), "|"), "line 0 [2J|line 1 [2J|line 2 [2J|✘ building web|"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAnInterruptedStepLeavesNothing(t *testing.T) {
	t.Parallel()
	s := openTerminal(t, 80)
	step := New(s.tty, s.tty, environment(terminalOnly)).Step("building web", "built web")
	_, _ = io.WriteString(step.Output(), "line\n")
	_ = step.End(fmt.Errorf("building: %w", context.Canceled))
	if got := leaves(t, s); len(got) != 1 || got[0] != "" {
		t.Errorf("the screen shows %q", got)
	}
}

func TestToolsAreSeenAtOnceWithoutATerminalOrWhenVerbose(t *testing.T) {
	t.Parallel()
	ui, _, plain := Test()
	step := ui.Step("building web", "built web")
	_, _ = io.WriteString(step.Output(), "line\n")
	if plain.String() != "line\n" {
		t.Errorf("without a terminal: %q", plain)
	}
	_ = step.End(nil)
	ui.Trace("compiling %s", "web")
	ui.Did(time.Now(), "model: %s", "there")
	if plain.String() != "line\ncompiling web\nmodel: there\n" {
		t.Errorf("without a terminal: %q", plain)
	}
	s := openTerminal(t, 80)
	live := New(s.tty, s.tty, environment(map[string]string{"TERM": "xterm", "NO_COLOR": "1", "MAGEFILE_VERBOSE": "1"}))
	step = live.Step("building web", "built web")
	if step.Output() != io.Writer(s.tty) {
		t.Error("tools do not get the terminal itself")
	}
	live.Trace("compiling web")
	_ = step.End(nil)
	if got := strings.Join(leaves(t, s), "|"); got != "compiling web|✔ built web|" {
		t.Errorf("got %q", got)
	}
}

func TestOnlyTheLastPartOfMuchOutputIsKept(t *testing.T) {
	t.Parallel()
	var lines []string
	s := &said{tell: func(line string) { lines = append(lines, line) }}
	for i := range keptOutput / 10 {
		_, _ = fmt.Fprintf(s, "#7 0.%07d\n", i)
	}
	text := s.text()
	if !strings.HasPrefix(text, "(the first part is left out)\n") || len(text) > keptOutput+100 || !strings.HasSuffix(text, fmt.Sprintf("0.%07d", keptOutput/10-1)) {
		t.Errorf("kept %d bytes: %.60q ... %q", len(text), text, text[len(text)-20:])
	}
	if len(lines) != keptOutput/10 {
		t.Errorf("told %d lines", len(lines))
	}
}

func TestColoursAreForTerminalsThatWantThem(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		environ map[string]string
		want    bool
	}{
		{terminalOnly, true},
		{noColours, false},
		{map[string]string{"TERM": "dumb"}, false},
		{map[string]string{"TERM": "xterm", "CI": "true"}, false},
	} {
		s := openTerminal(t, 80)
		ui := New(s.tty, s.tty, environment(c.environ))
		ui.Table([]string{"SERVICE", "STATE"}, [][]string{{"web", "running"}, {"db", "exited (1)"}, {"job", "exited (0)"}})
		ui.Result("  [fail] data  gone\nfile.yml:3: error C01: bad")
		_ = ui.Step("building", "built").End(nil)
		ui.Error("building web: bad\n")
		got := s.closed()
		if strings.Contains(got, "\x1b") != c.want {
			t.Errorf("%v: %q", c.environ, got)
		}
		if !c.want {
			continue
		}
		for _, want := range []string{
			"\x1b[1mSERVICE\x1b[0m  \x1b[1mSTATE\x1b[0m\n", "web      \x1b[32mrunning\x1b[0m\n", "\x1b[31mexited (1)\x1b[0m\n", "job      exited (0)\n",
			"\x1b[31m[fail]\x1b[0m data", "file.yml:3: \x1b[31merror\x1b[0m C01: bad", "\x1b[32m✔\x1b[0m built", "\x1b[31mError:\x1b[0m building web: bad\n",
		} {
			if !strings.Contains(got, want) {
				t.Errorf("%q is not in %q", want, got)
			}
		}
	}
}

func TestALongLastColumnIsWrapped(t *testing.T) {
	t.Parallel()
	s := openTerminal(t, 40)
	New(s.tty, s.tty, environment(noColours)).Table([]string{"CHECK", "DETAIL"}, [][]string{
		{"canary", "files and folders belong to 1000:1000, 644 and 755"},
		{"mounts", "see /a/path/that/is/longer/than/the/column/is/wide first"},
	})
	New(s.tty, s.tty, environment(noColours)).Item("  [ok]  data  ", "everything below it belongs to 1000:1000")
	const want = `CHECK   DETAIL
canary  files and folders belong to
        1000:1000, 644 and 755
mounts  see
        /a/path/that/is/longer/than/the/column/is/wide
        first
  [ok]  data  everything below it
              belongs to 1000:1000
`
	if got := s.closed(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
