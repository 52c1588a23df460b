package helper

import (
	"fmt"
	"io"
	"os"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/machine/doctor/probe"
)

// doctor tries out what "mage doctor" asks for, inside of containers and builds.
func doctor(args []string, stdin io.Reader, stdout, _ io.Writer) error {
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
		return os.WriteFile(path, []byte(os.Getenv(probe.Variable)), 0o644)
	case "tell":
		text, err := os.ReadFile(path)
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
	sight, made, err := probe.Look(folder)
	if err != nil {
		return err
	}
	if made != nil {
		defer probe.Remove(made)
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
