//go:build linux

// Package nfsrig_test runs the services on three hosts: User-Mode Linux machines of which one is a file server (the
// kernel's nfsd on ext4) and two mount its share with NFSv4.2. They have power cuts, and partitions, and their
// services are killed. "mage test -cluster" runs it, as root on Debian; what it makes is gone when it ends, also when
// it is killed, but for Debian's packages in the user's cache.
//
// This program is also what runs in the machines: process 1, which the test sends commands to, and the stand-ins for
// ffmpeg and the separation engine.
package nfsrig_test

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
)

func TestMain(m *testing.M) {
	switch name := filepath.Base(os.Args[0]); {
	case os.Getpid() == 1:
		_, _ = fmt.Fprintln(os.Stderr, initMachine())
		os.Exit(1)
	case name == "serve":
		os.Exit(serveMachine())
	case name == "as":
		os.Exit(runAs(os.Args[1:]))
	case name == "ffmpeg" || name == "ffprobe" || name == "engine":
		os.Exit(standIn(name, os.Args[1:]))
	}
	go func() {
		<-interrupted.Done()
		running.Wait()
		folders.Range(func(path, _ any) bool { _ = os.RemoveAll(path.(string)); return true }) // nothing more can be done
		os.Exit(1)
	}()
	m.Run()
}

var (
	// interrupted ends all machines.
	interrupted, _ = signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// running are the processes of machines.
	running sync.WaitGroup
)

// folders are the paths of what has to be removed, also when the tests are interrupted.
var folders sync.Map

// temporary makes a folder. It is gone after remove, or when the tests are interrupted.
func temporary(in string) (path string, remove func(), err error) {
	path, err = os.MkdirTemp(in, "uml-unfinished-")
	folders.Store(path, nil)
	return path, func() { _ = os.RemoveAll(path); folders.Delete(path) }, err // what is not there cannot be removed
}
