package helper

import (
	"errors"
	"io"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/helper/probe"
)

// verify inspects the container that it runs in, and says on standard output what it saw, as JSON.
func verify(args []string, _ io.Reader, stdout, _ io.Writer) error {
	if len(args) < 2 {
		return exit.Errorf(exit.Unusable, "usage: look NAME FOLDER... | leave UMASK PATH | take PATH | clear FOLDER... | hold DURATION")
	}
	switch args[0] {
	case "look":
		sight, err := probe.Look(args[1], args[2:])
		if err != nil {
			return err
		}
		return probe.Say(stdout, sight)
	case "leave":
		return leave(args[1:])
	case "take":
		return probe.Take(args[1])
	case "clear":
		var all error
		for _, folder := range args[1:] {
			all = errors.Join(all, probe.Clear(folder))
		}
		return all
	case "hold":
		return hold(args[1])
	}
	return exit.Errorf(exit.Unusable, "unknown: %q", args[0])
}

// leave makes a canary, with the umask of the service in whose name it does so.
func leave(args []string) error {
	if len(args) != 2 {
		return exit.Errorf(exit.Unusable, "usage: leave UMASK PATH")
	}
	if args[0] != "" {
		mask, err := strconv.ParseUint(args[0], 8, 9)
		if err != nil {
			return exit.Errorf(exit.Unusable, "reading the umask: %w", err)
		}
		syscall.Umask(int(mask))
	}
	return probe.Leave(args[1])
}

// hold waits, so that there is a process to be looked at.
func hold(text string) error {
	long, err := time.ParseDuration(text)
	if err != nil {
		return exit.Errorf(exit.Unusable, "reading how long: %w", err)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	select {
	case <-stop:
	case <-time.After(long):
	}
	return nil
}
