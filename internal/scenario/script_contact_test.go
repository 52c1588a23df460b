package scenario_test

import (
	"errors"
	"os/exec"
	"regexp"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdTable runs the targets with the arguments in a file's lines, "CODE | ARGUMENTS | PATTERN", and
// fails unless each exits with its code and says what its pattern matches. "-" for the code
// leaves a target out; the pattern then says why. "$TROUBLE" in a pattern is that variable. Every target of "mage -l" must be in the table.
func cmdTable(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, args, 1, "table FILE")
	mage := ts.Getenv("MAGE")
	seen := make(map[string]bool)
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		cells := strings.SplitN(strings.TrimSpace(line), " | ", 3)
		if len(cells) != 3 {
			ts.Fatalf("%s: not CODE | ARGUMENTS | PATTERN: %q", args[0], line)
		}
		words := strings.Fields(cells[1])
		seen[strings.ReplaceAll(words[0], "-", "")] = true
		if cells[0] == "-" {
			continue
		}
		code, err := 0, ts.Exec(mage, words...)
		if exited := (*exec.ExitError)(nil); errors.As(err, &exited) {
			code = exited.ExitCode()
		} else if err != nil {
			ts.Fatalf("running mage %s: %v", cells[1], err)
		}
		pattern := strings.ReplaceAll(cells[2], "$TROUBLE", ts.Getenv("TROUBLE"))
		said := ts.ReadFile("stdout") + ts.ReadFile("stderr")
		if strconv.Itoa(code) != cells[0] || !regexp.MustCompile("(?m)"+pattern).MatchString(said) {
			ts.Fatalf("mage %s exited with %d and said\n%s\nwant %s and a match of %s", cells[1], code, said, cells[0], pattern)
		}
	}
	ts.Check(ts.Exec(mage, "-l"))
	for _, target := range regexp.MustCompile(`(?m)^  (\w+)`).FindAllStringSubmatch(ts.ReadFile("stdout"), -1) {
		if !seen[strings.ToLower(target[1])] {
			ts.Fatalf("%s has no line for the target %s", args[0], target[1])
		}
	}
}
