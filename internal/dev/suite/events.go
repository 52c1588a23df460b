package suite

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"time"

	"github.com/im2-audio/im2/internal/term"
)

// scenarios is the test whose parts are the scenarios, and scenarioPackage the package that it is in:
// what that takes is their sum.
const (
	scenarios       = "TestScripts/"
	scenarioFolder  = "internal/scenario"
	scenarioPackage = module + scenarioFolder
)

// event is one line of "go test -json"; "go doc test2json" and "go help buildjson" explain it.
type event struct {
	Action, Package, Test, Output string
	Elapsed                       float64 // seconds
}

// test identifies a test, or a package if the name is empty.
type test struct{ pkg, name string }

// events reads the lines of "go test -json" and writes what "go test" would have written: a line
// for each package, and all that failing tests said.
type events struct {
	out   io.Writer
	ui    *term.UI
	spent *term.Spent

	rest []byte // of a line that is not complete yet
	said map[test]string
}

// Write takes a piece of the output.
func (e *events) Write(p []byte) (int, error) {
	e.rest = append(e.rest, p...)
	for {
		line, rest, whole := bytes.Cut(e.rest, []byte("\n"))
		if !whole {
			return len(p), nil
		}
		e.rest = rest
		var one event
		if json.Unmarshal(line, &one) != nil || one.Action == "" {
			e.write(string(line) + "\n") // not an event: the Go command itself speaks
			continue
		}
		e.take(one)
	}
}

// write drops the error: nobody is there to read it.
func (e *events) write(text string) { _, _ = io.WriteString(e.out, text) }

func (e *events) take(one event) {
	who := test{one.Package, one.Test}
	switch one.Action {
	case "build-output":
		e.write(one.Output)
	case "output":
		e.said[who] += one.Output
	case "pass", "skip":
		if one.Test == "" && one.Action == "pass" {
			e.write(verdict(e.said[who]))
		}
		e.ended(one)
		delete(e.said, who)
	case "fail":
		e.write(worthReading(e.said[who]))
		delete(e.said, who)
		if one.Test == "" { // tests that never ended, because the package did
			for other, text := range e.said {
				if other.pkg == one.Package {
					e.write(worthReading(text))
					delete(e.said, other)
				}
			}
		}
		e.ended(one)
	}
}

// verdict is a passed package's last line without its coverage: what one package's tests cover of all packages
// says nothing.
func verdict(said string) string {
	for line := range strings.Lines(said) {
		if strings.HasPrefix(line, "ok ") {
			ok, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\tcoverage: ")
			return ok + "\n"
		}
	}
	return ""
}

func worthReading(said string) string {
	var kept strings.Builder
	for line := range strings.Lines(said) {
		if !strings.HasPrefix(line, "=== ") && !strings.HasPrefix(line, "coverage: ") {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

func (e *events) ended(one event) {
	took := time.Duration(one.Elapsed * float64(time.Second))
	name, scenario := strings.CutPrefix(one.Test, scenarios)
	switch {
	case scenario && !strings.Contains(name, "/"):
		e.spent.Add("scenario "+name, took)
		if one.Action != "skip" {
			e.ui.Note("scenario %s: %s after %s", name, one.Action, took.Round(time.Second/10))
		}
	case one.Test == "" && one.Package != scenarioPackage && strings.HasPrefix(one.Package, module):
		e.spent.Add("tests of "+strings.TrimPrefix(one.Package, module), took)
	}
}
