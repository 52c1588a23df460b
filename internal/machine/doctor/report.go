package doctor

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/im2-audio/im2/internal/exit"
)

// Result is the result of a check.
type Result string

// The results, the best one first.
const (
	// OK: it was tried and works.
	OK Result = "ok"
	// Warn: it works, or might, and is not as it should be.
	Warn Result = "warn"
	// Fail: it does not work.
	Fail Result = "fail"
	// Skip: it was not tried, since it needs something that failed.
	Skip Result = "skip"
)

// Finding is the result of one check.
type Finding struct {
	// Group is what the check is about, Check its name.
	Group string `json:"group"`
	Check string `json:"check"`
	// Result is what it came to.
	Result Result `json:"result"`
	// Detail is what was seen, in one line; More are further lines.
	Detail string   `json:"detail"`
	More   []string `json:"more,omitempty"`
	// Fix is a command, or what to do if there is none; "" if there is nothing to fix.
	Fix string `json:"fix,omitempty"`
	// Because is the check that failed, where this one was skipped for that.
	Because string `json:"because,omitempty"`
	// Seconds is how long it took.
	Seconds float64 `json:"seconds"`
}

// Report is the answer of "mage doctor".
type Report struct {
	// Root is the project's folder.
	Root string `json:"root"`
	// Result is Fail where any check failed, else Warn where any warned, else OK.
	Result Result `json:"result"`
	// Failures, Warnings and Skipped count checks.
	Failures int `json:"failures"`
	Warnings int `json:"warnings"`
	Skipped  int `json:"skipped"`
	// Seconds is how long all took.
	Seconds float64 `json:"seconds"`
	// Checks are the findings, in the order in which they are shown.
	Checks []Finding `json:"checks"`
}

func (r *Report) count() {
	r.Failures, r.Warnings, r.Skipped, r.Result = 0, 0, 0, OK
	for _, f := range r.Checks {
		switch f.Result {
		case Fail:
			r.Failures++
		case Warn:
			r.Warnings++
		case Skip:
			r.Skipped++
		case OK:
		}
	}
	switch {
	case r.Failures > 0:
		r.Result = Fail
	case r.Warnings > 0:
		r.Result = Warn
	}
}

func seconds(d time.Duration) float64 { return math.Round(d.Seconds()*1000) / 1000 }

// answer is what a check says.
type answer struct {
	level  Result
	detail string
	more   []string
	fix    string
	// learn adds what was found to what later checks may know.
	learn func(*facts)
}

func ok(format string, args ...any) answer {
	return answer{level: OK, detail: fmt.Sprintf(format, args...)}
}

// warned and failed take the fix first, so that none is forgotten.
func warned(fix, format string, args ...any) answer {
	return answer{level: Warn, fix: fix, detail: fmt.Sprintf(format, args...)}
}

func failed(fix, format string, args ...any) answer {
	return answer{level: Fail, fix: fix, detail: fmt.Sprintf(format, args...)}
}

func (a answer) learning(learn func(*facts)) answer {
	a.learn = learn
	return a
}

// cause returns an error's text in one line, without its fix: a check names its own.
func cause(err error) string {
	text, _ := exit.Split(err)
	return oneLine(text)
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
