//go:build unix

// Command contender is what "mage bench" runs beside ours: walks as other programs do
// them, and the small process that measures a command. A process is charged with its
// parent's memory at the fork, so the parent must be smaller than the targets are.
//
//	contender measure COMMAND [ARG ...]    runs it; prints a bench.Figures as JSON
//	contender container COMMAND [ARG ...]  the same of all processes of the container that it runs in
//	contender podman FOLDER UID GID        lstat; lchown where the owner is another
//	contender kubernetes FOLDER UID GID    lstat, lchown, chmod, for every entry
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/im2-audio/im2/internal/run"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := do(ctx, os.Args[1:]); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		os.Exit(1) //nolint:forbidigo,gocritic // a main package may; the signals end with the process
	}
}

func do(ctx context.Context, args []string) error {
	if len(args) > 1 && args[0] == "measure" {
		return measure(ctx, args[1:])
	}
	if len(args) > 1 && args[0] == "container" {
		return container(args[1:])
	}
	if len(args) != 4 {
		return errors.New("wrong use: contender measure|container COMMAND, or contender podman|kubernetes FOLDER UID GID")
	}
	uid, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	gid, err := strconv.Atoi(args[3])
	if err != nil {
		return err
	}
	switch args[0] {
	case "podman":
		return filepath.Walk(args[1], podman(uid, gid)) //nolint:gosec // the caller's path is what it is for
	case "kubernetes":
		return filepath.Walk(args[1], kubernetes(uid, gid)) //nolint:gosec // the caller's path is what it is for
	}
	return fmt.Errorf("wrong use: no contender %q", args[0])
}

// figures has the shape of bench.Figures, which is not imported to stay small.
type figures struct {
	Seconds       float64 `json:"seconds"`
	CPUSeconds    float64 `json:"cpu_seconds"`
	PeakMemory    int64   `json:"peak_memory_bytes"`
	ContainerPeak int64   `json:"container_peak_bytes,omitempty"`
}

func measure(ctx context.Context, args []string) error {
	u, err := run.Measure(ctx, run.Cmd{Name: args[0], Args: args[1:], Stderr: os.Stderr})
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(figures{Seconds: u.Wall.Seconds(), CPUSeconds: u.CPU.Seconds(), PeakMemory: u.PeakMemory})
}

// podman is the shape of podman's ":U" (containers/common, pkg/chown): by name, the owner
// alone, and only where it is another.
func podman(uid, gid int) filepath.WalkFunc {
	return func(path string, info fs.FileInfo, err error) error {
		if err != nil {
			return err
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); ok && int(stat.Uid) == uid && int(stat.Gid) == gid {
			return nil
		}
		return os.Lchown(path, uid, gid)
	}
}

// kubernetes is the shape of the kubelet's fsGroup (pkg/volume, changePermissionsRecursively):
// by name, every entry written, with our modes in place of its mask.
func kubernetes(uid, gid int) filepath.WalkFunc {
	return func(path string, info fs.FileInfo, err error) error {
		if err != nil {
			return err
		}
		if err := os.Lchown(path, uid, gid); err != nil {
			return err
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			return nil
		}
		mode := fs.FileMode(0o644)
		if info.IsDir() {
			mode = 0o755
		}
		return os.Chmod(path, mode)
	}
}
