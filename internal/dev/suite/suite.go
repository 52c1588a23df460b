// Package suite runs the tests of a checkout with one "go test", and says where the time went and
// how much of the code ran.
package suite

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/im2-audio/im2/internal/dev/thorough"
	"github.com/im2-audio/im2/internal/docker/tools"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/run"
	"github.com/im2-audio/im2/internal/term"
)

// module is in front of every package of the checkout.
const module = "github.com/im2-audio/im2/"

// Suite is one run of the tests.
type Suite struct {
	// Home is the folder of the checkout.
	Home string
	// Environ is the environment of the Go command.
	Environ []string
	// Runner starts the Go command.
	Runner run.Runner
	// UI is told which scenarios are done; Out gets what the tests say, as go test words it.
	UI  *term.UI
	Out io.Writer
	// Filter is go test's -run; empty runs every test.
	Filter string
	// Packages are patterns of packages, with commas between them, such as "./pipeline/..."; empty is all.
	Packages string
	// Race has the race detector in all tests. It needs a C compiler.
	Race bool
	// Vetted says that "go vet" has seen all code: go test leaves it out then.
	Vetted bool
	// Coverage counts which statements run: in tests, and in the targets that scenarios run.
	Coverage bool
	// Cluster also runs the tests that start machines and a cluster: for these ClusterVar is 1.
	Cluster bool
}

// ClusterVar is 1 for tests of many machines, which are left out otherwise: they take root, an hour, and programs that
// are built for half an hour the first time.
const ClusterVar = "IM2_CLUSTER"

// Run runs the tests and adds what each part took to spent. The coverage is nil unless it was
// asked for; it is there also when tests failed. The error says that tests failed, or could not be
// run.
func (s Suite) Run(ctx context.Context, spent *term.Spent) (Coverage, error) {
	limit, environ := "80m", append(slices.Clone(s.Environ), thorough.Var+"=1")
	if s.Cluster {
		limit, environ = "5h", append(environ, ClusterVar+"=1")
	}
	args := []string{"test", "-json", "-shuffle=on", "-timeout=" + limit}
	if s.Race {
		args = append(args, "-race")
		// The detector's own second at the end of each program is for races in threads that go on: a tenth is enough
		// for these, and there are hundreds of programs. What the user asks for wins, as the last.
		environ = append(environ, "GORACE="+strings.TrimSpace("atexit_sleep_ms=100 "+run.Getenv(s.Environ, "GORACE")))
	}
	if s.Vetted {
		args = append(args, "-vet=off")
	}
	if s.Filter != "" {
		args = append(args, "-run", s.Filter)
	}
	packages := strings.Split(cmp.Or(s.Packages, "./"+scenarioFolder+",./..."), ",")
	if s.Packages == "" { // the scenarios take the longest by far, and wait most of that time: the others run beside them
		args = append(args, "-p="+strconv.Itoa(runtime.GOMAXPROCS(0)+1))
	}
	var data string
	if s.Coverage {
		var err error
		if data, err = dataFolder(); err != nil {
			return nil, exit.Errorf(exit.Failed, "measuring coverage: %w", err)
		}
		defer os.RemoveAll(data) //nolint:errcheck // a temporary folder
		args = append(append(args, "-covermode=atomic", "-coverpkg="+strings.Join(counted(), ",")), packages...)
		args = append(args, "-args", "-test.gocoverdir="+data)
		environ = append(environ, FolderVar+"="+data, PackagesVar+"="+strings.Join(counted(), ","))
	} else {
		args = append(args, packages...)
	}
	events := &events{out: s.Out, ui: s.UI, spent: spent, said: make(map[test]string)}
	err := s.Runner.Run(ctx, run.Cmd{Name: "go", Args: args, Dir: s.Home, Env: environ, Stdout: events, Stderr: s.UI.Stderr()})
	if err != nil {
		err = fmt.Errorf("testing: %w", tools.ExplainGo(err))
	}
	if !s.Coverage || ctx.Err() != nil {
		return nil, err
	}
	covered, unreadable := s.covered(ctx, data)
	if err == nil {
		err = unreadable
	}
	return covered, err
}

// CanRace says why the race detector cannot be used here, nil when it can.
func (s Suite) CanRace(ctx context.Context) error {
	out, err := run.Output(ctx, s.Runner, run.Cmd{Name: "go", Args: []string{"env", "CGO_ENABLED"}, Dir: s.Home, Env: s.Environ})
	if err != nil {
		return fmt.Errorf("asking for a C compiler: %w", err)
	}
	if strings.TrimSpace(string(out)) != "1" { // the Go command looks for one in PATH
		return exit.Errorf(exit.Missing, "the race detector needs a C compiler, such as the package gcc")
	}
	return nil
}
