package helper

import (
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
		return exit.Errorf(exit.Unusable, "usage: look NAME FOLDER... | leave UMASK NAME MOUNT PART... | take NAME MOUNT PART... | clear MOUNT PART... | hold DURATION")
	}
	switch args[0] {
	case "look":
		sight, err := probe.Look(args[1], args[2:])
		if err != nil {
			return err
		}
		return probe.Say(stdout, sight)
	case "leave":
		return leave(args[1:], stdout)
	case "take":
		if len(args) < 4 {
			break
		}
		results, err := probe.Take(args[2], args[1], args[3:])
		if err != nil {
			return err
		}
		return probe.Say(stdout, results)
	case "clear":
		return probe.Clear(args[1], args[2:])
	case "hold":
		return hold(args[1])
	}
	return exit.Errorf(exit.Unusable, "wrong use: %q", args)
}

// leave makes canaries, with the umask of the service in whose name it does so.
func leave(args []string, stdout io.Writer) error {
	if len(args) < 4 {
		return exit.Errorf(exit.Unusable, "usage: leave UMASK NAME MOUNT PART...")
	}
	if args[0] != "" {
		mask, err := strconv.ParseUint(args[0], 8, 9)
		if err != nil {
			return exit.Errorf(exit.Unusable, "reading the umask: %w", err)
		}
		syscall.Umask(int(mask))
	}
	results, err := probe.Leave(args[2], args[1], args[3:])
	if err != nil {
		return err
	}
	return probe.Say(stdout, results)
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
