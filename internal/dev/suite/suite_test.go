package suite_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/im2-audio/im2/internal/dev/suite"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/run"
	"github.com/im2-audio/im2/internal/term"
)

// checkout is a small one: of the four statements of internal/sum, a test runs two and what a
// scenario runs one more.
const checkout = `
-- go.mod --
module github.com/im2-audio/im2

go 1.26
-- internal/sum/sum.go --
package sum

func Sign(n int) string {
	switch {
	case n < 0:
		return "minus"
	case n > 0:
		return "plus"
	}
	return "zero"
}
-- internal/sum/sum_test.go --
package sum

import "testing"

func TestSign(t *testing.T) {
	t.Log("heard of nobody")
	if Sign(-1) != "minus" {
		t.Error("no minus")
	}
}
-- internal/sum/sumtest/sumtest.go --
package sumtest

func NotCounted() int { return 1 }
-- pipeline/word/word.go --
package word

const Plus = "plus"
-- modules/say/main.go --
package main

import (
	"fmt"

	"github.com/im2-audio/im2/internal/sum"
)

func main() { fmt.Println(sum.Sign(1)) }
-- internal/alone/main.go --
package main

func main() {}
-- internal/scenario/script_test.go --
package scenario_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestScripts(t *testing.T) {
	t.Run("say-plus", func(t *testing.T) {
		say := filepath.Join(t.TempDir(), "say.exe")
		build := exec.Command("go", "build", "-o", say, "../../modules/say")
		if packages := os.Getenv("IM2_COVER_PACKAGES"); packages != "" {
			build.Args = append(build.Args[:2], append([]string{"-cover", "-covermode=atomic", "-coverpkg=" + packages}, build.Args[2:]...)...)
		}
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		cmd := exec.Command(say)
		cmd.Env = append(os.Environ(), "GOCOVERDIR="+os.Getenv("IM2_COVER_FOLDER"))
		if out, err := cmd.CombinedOutput(); err != nil || string(out) != "plus\n" {
			t.Fatalf("%v: %q", err, out)
		}
	})
	t.Run("say-nothing", func(t *testing.T) { t.Skip("not today") })
}
`

// runSuite makes the checkout, with more files, and runs its tests.
func runSuite(t *testing.T, s suite.Suite, more string) (coverage suite.Coverage, table, out, notes string, err error) {
	t.Helper()
	s.Home = t.TempDir()
	for _, f := range append(txtar.Parse([]byte(checkout)).Files, txtar.Parse([]byte(more)).Files...) {
		path := filepath.Join(s.Home, filepath.FromSlash(f.Name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, f.Data, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	var said bytes.Buffer
	ui, results, progress := term.Test()
	s.Runner, s.UI, s.Out = run.Local{}, ui, &said
	s.Environ = append(os.Environ(), "GOMAXPROCS=2", suite.ClusterVar+"=") // two tests at once, on any machine
	var spent term.Spent
	coverage, err = s.Run(t.Context(), &spent)
	spent.Print(ui)
	return coverage, results.String(), said.String(), progress.String(), err
}

func TestWhatRanIsCountedAlsoInScenarios(t *testing.T) {
	t.Parallel()
	covered, table, out, notes, err := runSuite(t, suite.Suite{Coverage: true}, "")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := suite.Coverage{
		{Package: "internal/alone"}, // nobody runs it
		{Package: "pipeline/word"},  // and here is nothing to run
		{Package: "internal/sum", Statements: 4, Ran: 3},
		{Package: "modules/say", Statements: 1, Ran: 1},
	}
	if !slices.Equal(covered, want) {
		t.Errorf("coverage %+v, want %+v", covered, want)
	}
	if total := covered.Total(); total.Percent() != 80 {
		t.Errorf("total %+v", total)
	}
	if err := covered.Check(); err == nil || !strings.Contains(err.Error(), "80.0 %") {
		t.Errorf("of 80 %%: %v", err)
	}
	if !strings.Contains(table, "scenario say-plus\n") { // tests that took no time are not in it
		t.Errorf("no scenario in the table:\n%s", table)
	}
	if !strings.Contains(notes, "scenario say-plus: pass after ") || strings.Contains(notes, "say-nothing") {
		t.Errorf("notes: %s", notes)
	}
	if !strings.Contains(out, "ok  \tgithub.com/im2-audio/im2/internal/sum") || strings.Contains(out, "heard of nobody") || strings.Contains(out, "coverage:") {
		t.Errorf("output: %s", out)
	}
}

func TestWhatFailingTestsSayIsShown(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ file, want, not string }{
		"a failure": {
			"-- internal/bad/bad_test.go --\npackage bad\nimport \"testing\"\nfunc TestBad(t *testing.T) { t.Fatal(\"out of tune\") }\nfunc TestGood(t *testing.T) { t.Log(\"in tune\") }",
			"out of tune", "in tune\n",
		},
		"the process ends": {
			"-- internal/bad/bad_test.go --\npackage bad\nimport (\"os\"; \"testing\")\nfunc TestBad(t *testing.T) { t.Log(\"the last word\"); os.Exit(3) }",
			"FAIL\tgithub.com/im2-audio/im2/internal/bad", "heard of nobody",
		},
		"another test waits when the process ends": {
			`-- internal/bad/bad_test.go --
package bad
import ("os"; "testing")
var ready = make(chan bool)
func TestWaits(t *testing.T) { t.Parallel(); t.Log("waiting for ever"); close(ready); select {} }
func TestEnds(t *testing.T) { t.Parallel(); <-ready; os.Exit(3) }`,
			"waiting for ever", "heard of nobody",
		},
		"no program": {
			"-- internal/bad/bad_test.go --\npackage bad\nvar x int = \"one\"",
			"cannot use \"one\"", "heard of nobody",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			covered, _, out, _, err := runSuite(t, suite.Suite{}, c.file)
			if err == nil || exit.Outermost(err).(*exit.Error).Code != exit.Failed || covered != nil { //nolint:errorlint // Outermost returns no other type
				t.Errorf("error %v, coverage %v", err, covered)
			}
			if !strings.Contains(out, c.want) || strings.Contains(strings.ReplaceAll(out, c.want, ""), c.not) {
				t.Errorf("output without %q, or with %q:\n%s", c.want, c.not, out)
			}
		})
	}
}

func TestOnlyWhatTheFilterNames(t *testing.T) {
	t.Parallel()
	_, table, _, notes, err := runSuite(t, suite.Suite{Filter: "^TestSign$"}, "")
	if err != nil || strings.Contains(table+notes, "scenario") {
		t.Errorf("%v: %s%s", err, table, notes)
	}
}

// asked keeps what is run, and runs nothing.
type asked struct{ cmd run.Cmd }

func (a *asked) Run(_ context.Context, c run.Cmd) error {
	a.cmd = c
	return nil
}

func TestScenariosAreTheFirst(t *testing.T) {
	t.Parallel()
	for packages, want := range map[string]string{"": "./internal/scenario ./...", "./a,./b": "./a ./b"} {
		for _, on := range []bool{false, true} {
			var a asked
			ui, _, _ := term.Test()
			s := suite.Suite{Runner: &a, UI: ui, Out: io.Discard, Packages: packages, Race: on, Vetted: on, Environ: []string{"GORACE=halt_on_error=1"}}
			if _, err := s.Run(t.Context(), new(term.Spent)); err != nil {
				t.Fatal(err)
			}
			said := strings.Join(a.cmd.Args, " ")
			if !strings.HasSuffix(said, " "+want) || strings.Contains(said, " -race ") != on || strings.Contains(said, " -vet=off ") != on || strings.Contains(said, " -p=") != (packages == "") {
				t.Errorf("%q, %t: %s", packages, on, said)
			}
			if got := run.Getenv(a.cmd.Env, "GORACE"); !strings.HasSuffix(got, "halt_on_error=1") || strings.HasPrefix(got, "atexit_sleep_ms=100 ") != on {
				t.Errorf("%t: GORACE is %q", on, got)
			}
		}
	}
}

func TestManyMachinesAreLeftOutUnlessAskedFor(t *testing.T) {
	t.Parallel()
	const many = `-- internal/many/many_test.go --
package many
import ("os"; "testing")
func TestMany(t *testing.T) { if os.Getenv("IM2_CLUSTER") == "1" { t.Fatal("many machines") } }`
	for _, asked := range []bool{false, true} {
		_, _, out, _, err := runSuite(t, suite.Suite{Cluster: asked, Filter: "^TestMany$"}, many)
		if (err != nil) != asked || strings.Contains(out, "many machines") != asked {
			t.Errorf("asked for: %t, error %v, output:\n%s", asked, err, out)
		}
	}
}

func TestFewerThanTheLeastAreAnError(t *testing.T) {
	t.Parallel()
	for ran, enough := range map[int]bool{849: false, 850: true, 1000: true, 0: false} {
		err := suite.Coverage{{Package: "internal/sum", Statements: 1000, Ran: ran}}.Check()
		if (err == nil) != enough {
			t.Errorf("%d of 1000: %v", ran, err)
		}
	}
	if (suite.Coverage{}).Check() == nil {
		t.Error("nothing at all is enough")
	}
}
