package main

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/im2-audio/im2/internal/cli"
	"github.com/im2-audio/im2/internal/term/closest"
	"github.com/im2-audio/im2/internal/usage"
)

// group is a heading of the list of commands.
type group struct {
	title   string
	targets []target
}

// target is a command that calls a function of package targets with the context, the words that must follow
// the name in use, and a pointer for each flag.
type target struct {
	function         any
	use, short, more string
	// flags, examples and codes have a name, command or exit code each, and its text.
	flags, examples, codes [][2]string
}

func (t target) command() *cobra.Command {
	c := command(t.use, t.short, t.more)
	c.Example = lines(t.examples)
	if len(t.codes) > 0 {
		c.Long += "\n\nExit codes:\n" + lines(t.codes)
	}
	function := reflect.ValueOf(t.function)
	var flags []func() reflect.Value
	for i, f := range t.flags {
		flags = append(flags, flag(c, f[0], f[1], function.Type().In(function.Type().NumIn()-len(t.flags)+i)))
	}
	optional := optionalWord.FindStringSubmatch(t.use)
	if optional != nil {
		c.Args = cobra.ArbitraryArgs
		c.ValidArgsFunction = complete(strings.ToLower(optional[1]))
	}
	c.RunE = func(c *cobra.Command, words []string) error {
		if optional != nil && len(words) > 0 {
			name := strings.ToLower(optional[1])
			if c.Flags().Changed(name) {
				return fmt.Errorf("%q and --%s: give one of them", strings.Join(words, " "), name)
			}
			if err := c.Flags().Set(name, strings.Join(words, ",")); err != nil {
				return err
			}
			words = nil
		}
		in := []reflect.Value{reflect.ValueOf(c.Context())}
		for _, word := range words {
			in = append(in, reflect.ValueOf(word))
		}
		for _, value := range flags {
			in = append(in, value())
		}
		err, _ := function.Call(in)[0].Interface().(error)
		return err
	}
	return c
}

// optionalWord finds the words that may follow a command in place of the flag of that name.
var optionalWord = regexp.MustCompile(`\[([A-Z]+)\.\.\.\]$`)

// lines are names and texts in two columns.
func lines(pairs [][2]string) string {
	widest := 0
	for _, pair := range pairs {
		widest = max(widest, len(pair[0]))
	}
	var all []string
	for _, pair := range pairs {
		all = append(all, fmt.Sprintf("  %-*s  %s", widest, pair[0], strings.ReplaceAll(pair[1], "`", `"`)))
	}
	return strings.Join(all, "\n")
}

// command returns a command without flags. use is its name, and the words that must follow it.
func command(use, short, more string) *cobra.Command {
	short = strings.ToUpper(short[:1]) + short[1:]
	_, words, _ := strings.Cut(use, " ")
	return &cobra.Command{
		Use: use, Short: strings.TrimSuffix(short, "."), Long: strings.TrimSpace(short + "\n" + more),
		DisableFlagsInUseLine: true,
		Args: func(c *cobra.Command, given []string) error {
			needed := strings.Fields(words)
			switch {
			case len(given) < len(needed):
				return fmt.Errorf("%q needs its %s: %s", c.Name(), needed[len(given)], c.UseLine())
			case len(given) > len(needed):
				return fmt.Errorf("%q takes no argument %q; \"im2 help %s\" explains it", c.Name(), given[len(needed)], c.Name())
			}
			return nil
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
}

// flag adds a flag of a pointer's type to a command, and returns a function that returns the pointer once the
// line was read, nil where the flag was not given.
func flag(c *cobra.Command, name, text string, pointer reflect.Type) func() reflect.Value {
	c.DisableFlagsInUseLine = false
	value := reflect.New(pointer.Elem())
	switch v := value.Interface().(type) {
	case *bool:
		c.Flags().BoolVar(v, name, false, text)
	case *int:
		c.Flags().IntVar(v, name, 0, text)
	case *time.Duration:
		c.Flags().DurationVar(v, name, 0, text)
	case *string:
		c.Flags().StringVar(v, name, "", text)
		_ = c.RegisterFlagCompletionFunc(name, complete(name)) // the flag is there
	}
	return func() reflect.Value {
		if !c.Flags().Changed(name) {
			return reflect.Zero(pointer)
		}
		return value
	}
}

// complete returns what completes the value of a flag, after the last comma of a list.
func complete(flag string) cobra.CompletionFunc {
	return func(c *cobra.Command, _ []string, typed string) (all []string, _ cobra.ShellCompDirective) {
		before := typed[:strings.LastIndex(typed, ",")+1]
		for _, v := range cli.Values(c.Context(), c.Name(), flag) {
			switch v.Value {
			case usage.Files:
				return nil, cobra.ShellCompDirectiveDefault
			case usage.Folders:
				return nil, cobra.ShellCompDirectiveFilterDirs
			}
			if value := before + v.Value; strings.HasPrefix(value, typed) {
				all = append(all, cobra.CompletionWithDesc(value, v.Text))
			}
		}
		return all, cobra.ShellCompDirectiveNoFileComp
	}
}

var upperCase = regexp.MustCompile(`([a-z])([A-Z])`)

// normalize makes the flags of Mage's targets ours: dryRun is dry-run, and FORCE is force.
func normalize(_ *pflag.FlagSet, name string) pflag.NormalizedName {
	return pflag.NormalizedName(strings.ToLower(upperCase.ReplaceAllString(name, "$1-$2")))
}

// arguments returns the arguments of a command line as the library reads them: with two hyphens before long flags,
// and commands in our spelling where they are in Mage's, such as resetPermissions.
func arguments(root *cobra.Command, args []string) []string {
	var all []string
	completing := len(args) > 0 && strings.HasPrefix(args[0], cobra.ShellCompRequestCmd)
	named := false
	for i, arg := range args {
		switch {
		case arg == "--":
			return append(all, args[i:]...)
		case completing && (i == 0 || i == len(args)-1):
		case strings.HasPrefix(arg, "-"):
			if len(arg) > 2 && arg[1] != '-' {
				arg = "-" + arg
			}
		case !named:
			arg = spelled(root, arg)
			named = arg != "help"
			if arg == "compose" || arg == "exec" {
				return append(append(all, arg), args[i+1:]...) // another program's
			}
		}
		all = append(all, arg)
	}
	return all
}

// spelled is the name of a command that was typed in capital letters, or without hyphens.
func spelled(root *cobra.Command, typed string) string {
	plain := func(name string) string { return strings.ToLower(strings.ReplaceAll(name, "-", "")) }
	for _, c := range root.Commands() {
		if plain(c.Name()) == plain(typed) {
			return c.Name()
		}
	}
	return typed
}

// explainFlag says what is wrong with a flag, and which one may have been meant.
func explainFlag(c *cobra.Command, err error) error {
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) {
		wanted := map[string]string{"int": "a whole number", "bool": "true or false", "duration": "a time such as 30s or 10m"}[invalid.GetFlag().Value.Type()]
		return fmt.Errorf("--%s: %q is not %s", invalid.GetFlag().Name, invalid.GetValue(), wanted)
	}
	help := strings.Replace(c.CommandPath(), "im2", "im2 help", 1)
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return fmt.Errorf("%w; \"%s\" explains it", err, help)
	}
	var names []string
	c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	if meant := closest.To(unknown.GetSpecifiedName(), names); meant != "" {
		return fmt.Errorf("%w; did you mean \"--%s\"?", err, meant)
	}
	return fmt.Errorf("%w; \"%s\" lists the flags", err, help)
}
