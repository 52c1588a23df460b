// Package kubernetes builds Kubernetes, etcd, a registry and plugins for the network of pods from Go modules: a test
// starts a cluster of them.
package kubernetes

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/im2-audio/im2/internal/dev/programs"
	"github.com/im2-audio/im2/internal/run"
)

// etcd is the package of etcd, whose name says nothing.
const etcd = "go.etcd.io/etcd/server/v3"

// Build returns a folder that has kube-apiserver, kube-controller-manager, kube-scheduler, kubelet, kubectl, etcd,
// registry, bridge, host-local and loopback in the versions of tools/kubernetes in this checkout. It is in the user's
// cache; if it is missing, it is built, which takes the network and 20 minutes of one processor.
func Build(ctx context.Context, r run.Runner, checkout string) (string, error) {
	compile := func(ctx context.Context, module, out string) error { return compile(ctx, r, module, out) }
	folder, err := programs.Module{Name: "kubernetes", Compile: compile}.Build(ctx, checkout)
	if err != nil {
		return "", fmt.Errorf("building Kubernetes: %w", err)
	}
	return folder, nil
}

func compile(ctx context.Context, r run.Runner, module, out string) error {
	version, err := programs.GoOutput(ctx, r, module, "list", "-m", "-f={{.Version}}", "k8s.io/kubernetes")
	if err != nil {
		return err
	}
	tools, err := programs.GoOutput(ctx, r, module, "list", "-f={{.ImportPath}}", "tool")
	if err != nil {
		return err
	}
	for _, pkg := range strings.Fields(string(tools)) {
		to := filepath.Join(out, filepath.Base(pkg))
		if pkg == etcd {
			to = filepath.Join(out, "etcd")
		}
		if err := programs.Go(ctx, r, module, "0", "build", "-trimpath", "-buildvcs=false", "-ldflags="+ldflags(strings.TrimSpace(string(version))), "-o", to, pkg); err != nil {
			return err
		}
	}
	return nil
}

// ldflags says which version the programs are, which they check in each other.
func ldflags(version string) string {
	const in = " -X k8s.io/component-base/version."
	major, rest, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	minor, _, _ := strings.Cut(rest, ".")
	return "-s -w" + in + "gitVersion=" + version + in + "gitMajor=" + major + in + "gitMinor=" + minor
}
