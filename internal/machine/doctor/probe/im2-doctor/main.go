//go:build linux

// Command probe is what "mage doctor" runs inside of containers and builds: a static program
// that needs nothing of the image. It exits with 0; with 1 when what was asked could not be
// done, or is not as it should be; with 2 when it was used wrongly. The codes from 125 up are
// the engine's.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/machine/doctor/probe"
)

func main() {
	err := exit.Outermost(run(os.Args[1:], os.Stdin, os.Stdout))
	var coded *exit.Error
	if !errors.As(err, &coded) {
		return
	}
	// BuildKit shows this among lines of its own: the name tells it from them.
	_, _ = fmt.Fprintln(os.Stderr, probe.Name+": "+err.Error())
	os.Exit(int(coded.Code)) //nolint:forbidigo // a main package may
}

func run(args []string, stdin io.Reader, stdout io.Writer) error {
	if len(args) == 1 && args[0] == "look" {
		return look("", stdin, stdout)
	}
	if len(args) != 2 {
		return exit.Errorf(exit.Unusable, "usage: look [FOLDER] | keep PATH | tell PATH | same PATH")
	}
	path := args[1]
	switch args[0] {
	case "look":
		return look(path, stdin, stdout)
	case "keep": // in a build: what the build argument is, for whoever runs the image
		return os.WriteFile(path, []byte(os.Getenv(probe.Variable)), 0o644) //nolint:gosec // everybody may read it
	case "tell":
		text, err := os.ReadFile(path) //nolint:gosec // what keep wrote
		if err == nil {
			_, err = stdout.Write(text)
		}
		return err
	case "same":
		return same(path, os.Getenv(probe.Variable))
	}
	return exit.Errorf(exit.Unusable, "unknown: %q", args[0])
}

// look says what there is to be seen. A file that it makes stays until standard input ends:
// until then the machine looks at it.
func look(folder string, stdin io.Reader, stdout io.Writer) error {
	sight, err := probe.Look(folder)
	if err != nil {
		return err
	}
	if sight.Made != nil {
		defer os.Remove(filepath.Join(folder, probe.FromContainer)) //nolint:errcheck // the machine removes the folder
	}
	if err := sight.Say(stdout); err != nil || folder == "" {
		return err
	}
	_, err = io.Copy(io.Discard, stdin)
	return err
}

// same fails unless the file has the digest that was told.
func same(path, want string) error {
	got, err := probe.Digest(path)
	if err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("%s has the digest %s, not %s", path, got, want)
	}
	return nil
}
