// Package moby builds a current Docker Engine from Go modules: tests run it beside the machine's, which
// is as old as its distribution.
package moby

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/im2-audio/im2/internal/dev/programs"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/run"
)

// static are the packages of dockerd, containerd, containerd-shim-runc-v2 and docker-proxy, and of rootlesskit,
// which starts an engine without root.
var static = []string{
	"github.com/moby/moby/v2/cmd/dockerd",
	"github.com/moby/moby/v2/cmd/docker-proxy",
	"github.com/containerd/containerd/v2/cmd/containerd",
	"github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2",
	"github.com/rootless-containers/rootlesskit/v3/cmd/rootlesskit",
}

// runc is the package of runc, which is partly C. That of Debian 12 is too old for dockerd.
const runc = "github.com/opencontainers/runc"

// cPackages are what Debian's packages with a C compiler and with libseccomp are called.
var cPackages = []string{"gcc", "libc6-dev", "libseccomp-dev", "pkg-config"}

// Build returns a folder that has the programs of static and runc in the versions of tools/engine in this checkout.
// Put it first in PATH: dockerd looks for the others there. It is in the user's cache; if it is missing, it is
// built, which takes the network and 4 minutes of one processor. Where C packages are missing, install says that
// root may install them on Debian; otherwise the error names them.
func Build(ctx context.Context, r run.Runner, checkout string, install bool) (string, error) {
	compile := func(ctx context.Context, module, out string) error {
		if err := needC(ctx, r, install); err != nil {
			return err
		}
		build := []string{"build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", out + string(filepath.Separator)}
		if err := programs.Go(ctx, r, module, "0", slices.Concat(build, static)...); err != nil {
			return err
		}
		return programs.Go(ctx, r, module, "1", slices.Concat(build, []string{"-tags=seccomp", runc})...)
	}
	folder, err := programs.Module{Name: "engine", Compile: compile}.Build(ctx, checkout)
	if err != nil {
		return "", fmt.Errorf("building Docker Engine: %w", err)
	}
	return folder, nil
}

// needC makes sure that runc can be built.
func needC(ctx context.Context, r run.Runner, install bool) error {
	_, noCompiler := run.Find("gcc")
	if noCompiler == nil && r.Run(ctx, run.Cmd{Name: "pkg-config", Args: []string{"--exists", "libseccomp"}}) == nil {
		return nil
	}
	if _, err := run.Find("apt-get"); err != nil || !install || os.Geteuid() != 0 {
		return exit.Fixable(exit.Missing, exit.Fix{Type: "sudo apt-get install " + strings.Join(cPackages, " "), Note: "installs them on Debian"},
			"runc needs a C compiler and libseccomp on %s", runtime.GOOS)
	}
	return Packages(ctx, r, cPackages...)
}

// Packages installs packages of Debian, as root. Only one process of this machine does at a time: "apt-get update" does
// not wait for another one.
func Packages(ctx context.Context, r run.Runner, packages ...string) error {
	const patience, often = 5 * time.Minute, 200 * time.Millisecond
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	lock := flock.New("/run/im2-packages.lock") // root's alone
	if _, err := lock.TryLockContext(ctx, often); err != nil {
		return fmt.Errorf("waiting for another installation: %w", err)
	}
	defer lock.Close() //nolint:errcheck // the file stays, the lock goes with the process
	apt := func(args ...string) error {
		args = append([]string{"DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-o", "DPkg::Lock::Timeout=120"}, args...)
		return r.Run(ctx, run.Cmd{Name: "env", Args: args})
	}
	if err := apt("update"); err != nil {
		return err
	}
	return apt(append([]string{"install", "-y", "--no-install-recommends"}, packages...)...)
}
