// Command im2 has the targets for any Compose project, without Mage: build it, start it, prove that
// nothing in it runs as root, and keep the owners of its data folder right.
//
//	go install github.com/im2-audio/im2/cmd/im2@latest
//
// "im2 help" lists the commands, and docs/im2.md tells more. In containers it is also the helper that
// resets owners and inspects from inside, see package helper.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/helper"
	"github.com/im2-audio/im2/internal/term"
)

func main() {
	code, known := helper.Main(os.Args)
	if !known {
		code = run(os.Args[1:])
	}
	os.Exit(code) //nolint:forbidigo // a main package may
}

// run runs a command line and returns its exit code. The first interrupt gives the command time to clean
// up; the second one ends the process.
func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	context.AfterFunc(ctx, stop)
	root := newRoot()
	root.SetArgs(arguments(root, args))
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	var others ended
	if errors.As(err, &others) {
		return int(others)
	}
	term.New(os.Stdout, os.Stderr, os.Getenv).Error(err.Error())
	var coded *exit.Error
	if errors.As(err, &coded) {
		return int(coded.Code)
	}
	return int(exit.Unusable) // all else comes from reading the command line
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "im2",
		Short: "build, start and check a Compose project in which nothing runs as root",
		Long: `Build and start a Compose project, prove that nothing in it runs as root, and keep the owners of its
data folder right. The project is that of the working folder, or of a folder above it.

Exit codes: 0; 1 the work failed or a check found something; 2 wrong use or settings that cannot be used;
3 something outside is missing, such as Docker; 130 interrupted.`,
		Version:       version(),
		SilenceErrors: true, // run prints them
		SilenceUsage:  true,
	}
	root.SetVersionTemplate("{{.Version}}\n")
	var verbose bool
	root.PersistentFlags().BoolVarP(&verbose, "verbose", "v", false, "show all that tools such as BuildKit write, and every check")
	root.PersistentPreRun = func(*cobra.Command, []string) {
		if verbose {
			_ = os.Setenv("MAGEFILE_VERBOSE", "1") // as "mage -v"; fails for names that are none
		}
	}
	root.SetFlagErrorFunc(explainFlag)
	root.SetGlobalNormalizationFunc(normalize)
	for _, g := range groups {
		root.AddGroup(&cobra.Group{ID: g.title, Title: g.title + ":"})
		for _, t := range g.targets {
			c := t.command()
			c.GroupID = g.title
			root.AddCommand(c)
		}
	}
	root.AddCommand(throughCommands()...)
	root.AddCommand(versionCommand())
	root.SetHelpCommand(helpCommand())
	return root
}

func versionCommand() *cobra.Command {
	c := command("version", "prints the version of im2", "")
	c.Run = func(c *cobra.Command, _ []string) { c.Println(c.Root().Version) }
	c.SetOut(os.Stdout)
	return c
}

// version is the version of the module that im2 was built from.
func version() string {
	text := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		text = info.Main.Version
	}
	return fmt.Sprintf("im2 %s (%s, %s/%s)", text, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// helpCommand is the library's, but an unknown command is an error.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Explains a command",
		ValidArgsFunction: func(c *cobra.Command, _ []string, _ string) (names []string, _ cobra.ShellCompDirective) {
			for _, other := range c.Root().Commands() {
				names = append(names, other.Name()+"\t"+other.Short)
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, words []string) error {
			found, _, err := c.Root().Find(words)
			if err != nil {
				return err
			}
			found.InitDefaultHelpFlag()
			return found.Help()
		},
	}
}
