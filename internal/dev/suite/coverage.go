package suite

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/tools/cover"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/run"
	"github.com/im2-audio/im2/internal/term"
)

// For tests that build programs of this checkout and run them: PackagesVar names the packages
// whose statements are counted, as -coverpkg takes them, and FolderVar the folder that these
// programs need as GOCOVERDIR. That one itself cannot be used: go test sets it to a folder that it
// forgets.
const (
	PackagesVar = "IM2_COVER_PACKAGES"
	FolderVar   = "IM2_COVER_FOLDER"
)

func counted() []string {
	var patterns []string
	for _, folder := range []string{"internal", "modules", "nonroot", "ownership", "pipeline"} {
		patterns = append(patterns, module+folder+"/...")
	}
	return patterns
}

// Least is how many of a hundred statements must have run.
const Least = 85

// Coverage is how much of each package ran.
type Coverage []Covered

// Covered is how much of one package ran.
type Covered struct {
	// Package is its folder in the checkout.
	Package string
	// Statements is how many it has, Ran how many of them ran at least once. Both are 0 for a
	// program that no test runs in a way that counts.
	Statements, Ran int
}

// dataFolder creates the folder that programs write their counts into when they end, also those that a scenario
// runs as another user.
func dataFolder() (string, error) {
	folder, err := os.MkdirTemp("", "im2-coverage-")
	if err != nil {
		return "", err
	}
	return folder, os.Chmod(folder, 0o777|os.ModeSticky)
}

func (s Suite) covered(ctx context.Context, data string) (Coverage, error) {
	profile := filepath.Join(data, "profile.txt")
	err := s.Runner.Run(ctx, run.Cmd{
		Name: "go", Args: []string{"tool", "covdata", "textfmt", "-i=" + data, "-o=" + profile}, Dir: s.Home, Env: s.Environ,
	})
	if err != nil {
		return nil, exit.Errorf(exit.Failed, "reading the coverage: %w", err)
	}
	files, err := cover.ParseProfiles(profile) // one block once, whoever ran it
	if err != nil {
		return nil, exit.Errorf(exit.Failed, "reading the coverage: %w", err)
	}
	out, err := run.Output(ctx, s.Runner, run.Cmd{Name: "go", Args: append([]string{"list", "-f={{if .GoFiles}}{{.ImportPath}}{{end}}"}, counted()...), Dir: s.Home, Env: s.Environ})
	if err != nil {
		return nil, exit.Errorf(exit.Failed, "listing the packages that are counted: %w", err)
	}
	return sum(files, strings.Fields(string(out))), nil
}

// sum adds the files of each package, the least covered first. Packages whose name ends in "test" belong to
// tests.
func sum(files []*cover.Profile, packages []string) Coverage {
	var all Coverage
	for _, pkg := range packages {
		c := Covered{Package: strings.TrimPrefix(pkg, module)}
		for _, file := range files {
			if path.Dir(file.FileName) != pkg {
				continue
			}
			for _, block := range file.Blocks {
				c.Statements += block.NumStmt
				if block.Count > 0 {
					c.Ran += block.NumStmt
				}
			}
		}
		if !strings.HasSuffix(pkg, "test") {
			all = append(all, c)
		}
	}
	slices.SortStableFunc(all, func(a, b Covered) int { return cmp.Compare(a.Percent(), b.Percent()) })
	return all
}

// Percent is how many of a hundred statements ran.
func (c Covered) Percent() float64 { return 100 * float64(c.Ran) / float64(max(c.Statements, 1)) }

// Total adds all packages.
func (c Coverage) Total() Covered {
	total := Covered{Package: "all"}
	for _, one := range c {
		total.Statements += one.Statements
		total.Ran += one.Ran
	}
	return total
}

// Print prints a table of the packages and of all together.
func (c Coverage) Print(ui *term.UI) {
	var rows [][]string
	for _, one := range append(slices.Clone(c), c.Total()) {
		if one.Statements == 0 {
			rows = append(rows, []string{"?", "not counted", one.Package})
			continue
		}
		rows = append(rows, []string{fmt.Sprintf("%.1f %%", one.Percent()), fmt.Sprintf("%d of %d", one.Ran, one.Statements), one.Package})
	}
	ui.Table([]string{"COVERED", "STATEMENTS", "PACKAGE"}, rows)
}

// Check returns an error when less than Least of a hundred statements ran.
func (c Coverage) Check() error {
	if total := c.Total(); total.Percent() < Least {
		return exit.Errorf(exit.Failed, "tests and scenarios ran %.1f %% of the statements, less than %d %%: the table begins with the least covered packages", total.Percent(), Least)
	}
	return nil
}
