package main

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/im2-audio/im2/internal/exit"
)

func TestArguments(t *testing.T) {
	t.Parallel()
	root := newRoot()
	for line, want := range map[string]string{
		"build -dryRun --json -h":           "build --dryRun --json -h",
		"resetPermissions -path=a -dry-run": "reset-permissions --path=a --dry-run",
		"RESET-PERMISSIONS":                 "reset-permissions",
		"help resetPermissions":             "help reset-permissions",
		"new Status -user=x":                "new Status --user=x",
		"logs --service status -- -x":       "logs --service status -- -x",
		"__complete build -dryRun -mod":     "__complete build --dryRun -mod",
		"exec web ls -l":                    "exec web ls -l",
		"Compose -f x up -d":                "compose -f x up -d",
		"biuld":                             "biuld",
		"":                                  "",
	} {
		if got := strings.Join(arguments(root, strings.Fields(line)), " "); got != want {
			t.Errorf("%s: got %s, want %s", line, got, want)
		}
	}
}

// TestLines runs lines that end before a target begins.
func TestLines(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"biuld":                  `unknown command "biuld" for "im2"\s+Did you mean this\?\s+build`,
		"help biuld":             `unknown command "biuld"`,
		"build --modul=x":        `unknown flag: --modul; did you mean "--module"\?`,
		"build -dryRu":           `did you mean "--dry-run"\?`,
		"build --frobnicate":     `unknown flag: --frobnicate; "im2 help build" lists the flags`,
		"--frobnicate":           `unknown flag: --frobnicate; "im2 help" lists the flags`,
		"build --jobs two":       `--jobs: "two" is not a whole number`,
		"build --force=maybe":    `--force: "maybe" is not true or false`,
		"build --module":         `flag needs an argument: --module; "im2 help build" explains it`,
		"down extra":             `"down" takes no argument "extra"; "im2 help down" explains it`,
		"new":                    `"new" needs its NAME: im2 new NAME \[flags\]`,
		"new a b":                `"new" takes no argument "b"`,
		"help reset-permissions": "",
		"version":                "",
	} {
		root := newRoot()
		root.SetOut(new(strings.Builder))
		root.SetArgs(arguments(root, strings.Fields(line)))
		err := root.ExecuteContext(t.Context())
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", line, err)
		case want != "" && (err == nil || !regexp.MustCompile(want).MatchString(err.Error())):
			t.Errorf("%s: got %v, want %s", line, err, want)
		}
	}
}

func TestFlagsKnowWhetherTheyWereGiven(t *testing.T) {
	t.Parallel()
	c := command("x", "does it", "")
	force, jobs, name := flag(c, "force", "", reflect.TypeFor[*bool]()), flag(c, "jobs", "", reflect.TypeFor[*int]()), flag(c, "some-name", "", reflect.TypeFor[*string]())
	c.SetGlobalNormalizationFunc(normalize)
	if err := c.ParseFlags([]string{"--force=false", "--someName", "a"}); err != nil {
		t.Fatal(err)
	}
	if force().IsNil() || force().Elem().Bool() || !jobs().IsNil() || name().Elem().String() != "a" {
		t.Errorf("read %v, %v, %v", force(), jobs(), name())
	}
}

// TestTextsNameTheCommands holds the list in package exit to the commands that there are.
func TestTextsNameTheCommands(t *testing.T) {
	t.Parallel()
	var all []*cobra.Command
	for _, g := range groups {
		for _, t := range g.targets {
			all = append(all, t.command())
		}
	}
	for _, c := range all {
		if got := exit.ForIM2("mage " + c.Name()); got != "im2 "+c.Name() {
			t.Errorf("texts keep %q", got)
		}
		if c.Short == "" || regexp.MustCompile(`\bmage | -[a-z]`).MatchString(c.Long) {
			t.Errorf("the help of %s is Mage's: %s", c.Name(), c.Long)
		}
	}
	if len(all) < 14 || !slices.ContainsFunc(all, func(c *cobra.Command) bool { return c.Name() == "reset-permissions" }) {
		t.Errorf("there are %d commands", len(all))
	}
}
