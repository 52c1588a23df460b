package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/dustin/go-humanize/english"
	"golang.org/x/term"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/machine/doctor"
	"github.com/im2-audio/im2/internal/machine/setup"
	"github.com/im2-audio/im2/internal/usage"
)

// Doctor are the flags of Doctor.
type Doctor struct {
	// Check names the only checks to do, with commas between them; "" for all.
	Check string
	// List names the checks and does none.
	List bool
	// JSON prints the report as JSON.
	JSON bool
	// Bundle writes it, with more, to an archive for a bug report.
	Bundle bool
}

// Doctor checks whether this machine can do what the project needs.
func (t Target) Doctor(ctx context.Context, o Doctor) error {
	if o.List && o.Bundle {
		return exit.Errorf(exit.Unusable, "-list runs no checks, and -bundle does: use one of them")
	}
	if o.List {
		return t.listChecks(o.JSON)
	}
	names := strings.FieldsFunc(o.Check, func(r rune) bool { return r == ',' || r == ' ' })
	if o.Bundle {
		return t.bundle(ctx, names, o.JSON)
	}
	d := doctor.Doctor{Root: t.Root, Home: t.Home, Environ: t.Environ, Runner: t.Runner, UI: t.UI}
	r, err := d.Run(ctx, names)
	if err != nil {
		return err
	}
	if o.JSON {
		err = t.UI.JSON(r)
	} else {
		t.printDoctor(r)
	}
	if err == nil && r.Failures > 0 {
		err = exit.Errorf(exit.Failed, "%s failed", english.Plural(r.Failures, "check", ""))
	}
	return err
}

// stray is the error for a check after the target, as in "mage doctor engine", which Mage
// takes for another target; nil where there is none. No check has the name of a target.
func stray(args []string) error {
	for i, arg := range args {
		if !strings.EqualFold(arg, "doctor") {
			continue
		}
		for _, next := range args[i+1:] {
			if strings.HasPrefix(next, "-") {
				continue
			}
			if name := strings.ToLower(next); slices.Contains(doctor.Names(), name) {
				return exit.Errorf(exit.Unusable, "%s is a check, not a target: run \"mage doctor -check=%[1]s\"", name)
			}
			break
		}
	}
	return nil
}

// checkCandidates are the checks, for who types "-check=".
func checkCandidates() []usage.Candidate {
	var all []usage.Candidate
	for _, c := range doctor.List() {
		all = append(all, usage.Candidate{Value: c.Check, Text: c.About})
	}
	return all
}

func (t Target) listChecks(asJSON bool) error {
	list := doctor.List()
	if asJSON {
		return t.UI.JSON(list)
	}
	var rows [][]string
	for _, c := range list {
		rows = append(rows, []string{c.Group, c.Check, c.About})
	}
	t.UI.Table([]string{"GROUP", "CHECK", "WHAT IS TRIED"}, rows)
	return nil
}

// printDoctor shows the findings by group, and under each its fix.
func (t Target) printDoctor(r doctor.Report) {
	group := ""
	for _, f := range r.Checks {
		if f.Group != group {
			group = f.Group
			t.UI.Result("%s", group)
		}
		t.UI.Item(fmt.Sprintf("  %-6s %-13s ", "["+string(f.Result)+"]", f.Check), f.Detail)
		for _, line := range f.More {
			t.UI.Item(fmt.Sprintf("         %13s   ", ""), line)
		}
		if f.Fix != "" {
			t.UI.Item(fmt.Sprintf("         %13s fix: ", ""), f.Fix)
		}
	}
	t.UI.Result("\n%s: %s, %s, %d skipped, in %.1f s", english.Plural(len(r.Checks), "check", ""), english.Plural(r.Failures, "failure", ""),
		english.Plural(r.Warnings, "warning", ""), r.Skipped, r.Seconds)
}

// Setup brings the machine to where the project builds and runs. ids decides whether
// the user's own IDs go into .env.local; nil asks.
func (t Target) Setup(ctx context.Context, ids *bool) error {
	var stdin io.Reader
	if term.IsTerminal(int(os.Stdin.Fd())) {
		stdin = os.Stdin
	}
	s := setup.Setup{
		Root: t.Root, Home: t.Home, Environ: t.Environ, Runner: t.Runner, UI: t.UI,
		Stdin: stdin, IDs: ids, Host: setup.ThisHost(os.Getenv),
	}
	return s.Run(ctx)
}
