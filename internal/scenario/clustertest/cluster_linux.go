package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/im2-audio/im2/internal/dev/kubernetes"
	"github.com/im2-audio/im2/internal/dev/moby"
	"github.com/im2-audio/im2/internal/run"
)

// cluster is one that runs on this machine, in namespaces of its own.
type cluster struct {
	checkout, folder string
	programs         string // the folder of kubernetes.Build
	path             string // PATH on its machines
	authority        *authority
	control          *machine
	nodes            []*machine
	registry         string // its address outside, on loopback
	pause            string // the image in which pods begin
}

// groups is where the control groups of clusters are.
const groups = "im2-clustertest"

// start starts a cluster of so many nodes and waits until all are ready. Stop it also after an error.
func (c *cluster) start(ctx context.Context, nodes int) error {
	removeGroups() // of clusters that were killed
	var err error
	if c.programs, err = kubernetes.Build(ctx, run.Local{}, c.checkout); err != nil {
		return err
	}
	engine, err := moby.Build(ctx, run.Local{}, c.checkout, true) // who starts a cluster is root, and asked for it
	if err != nil {
		return err
	}
	c.path = strings.Join([]string{c.programs, engine, os.Getenv("PATH"), "/usr/sbin", "/sbin"}, string(os.PathListSeparator))
	if c.authority, err = newAuthority(); err != nil {
		return err
	}
	if c.control, err = newMachine("control", c.folder, c.path); err != nil {
		return err
	}
	if err := c.configs(); err != nil {
		return err
	}
	if err := c.startControl(ctx); err != nil {
		return err
	}
	if c.pause, err = c.pushPause(ctx); err != nil {
		return err
	}
	for range nodes {
		if err := c.addNode(ctx); err != nil {
			return err
		}
	}
	for _, m := range c.nodes {
		ready := func() error { return c.kubectl(ctx, "wait", "--for=condition=Ready", "--timeout=2s", "node/"+m.name) }
		if err := c.until(ctx, ready); err != nil {
			return m.trouble(err, "kubelet")
		}
	}
	return nil
}

// configs opens the ways in from outside, and writes the kubeconfigs: of an administrator, inside and outside, and of
// somebody without any right.
func (c *cluster) configs() error {
	var err error
	if c.registry, err = c.control.relay(registryAddress); err != nil {
		return err
	}
	server, err := c.control.relay(serverAddress)
	if err != nil {
		return err
	}
	return errors.Join(
		c.authority.writeConfig(c.inside(), serverAddress, "admin", "system:masters"),
		c.authority.writeConfig(c.config("admin"), server, "admin", "system:masters"),
		c.authority.writeConfig(c.config("outsider"), server, "outsider"),
	)
}

// inside is the kubeconfig of the programs on its machines.
func (c *cluster) inside() string { return c.config("inside") }

func (c *cluster) config(name string) string { return filepath.Join(c.folder, name+".kubeconfig") }

func (c *cluster) kubectl(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, filepath.Join(c.programs, "kubectl"), append([]string{"--kubeconfig=" + c.config("admin")}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

// stop ends all its processes, and removes its folder and its control groups.
func (c *cluster) stop() error {
	var errs []error
	for _, m := range append(c.nodes, c.control) {
		if m != nil {
			errs = append(errs, m.stop())
		}
	}
	removeGroups()
	return errors.Join(append(errs, os.RemoveAll(c.folder))...)
}

// group is the control group of a machine's pods. Its name begins with this process, which tells whether it is still used.
func (c *cluster) group(m *machine) string {
	return fmt.Sprintf("/%s/%d-%s", groups, os.Getpid(), m.name)
}

// makeGroups makes a control group below that of each controller.
func makeGroups(group string) error {
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil { // one tree for all
		return os.MkdirAll("/sys/fs/cgroup"+group, 0o755)
	}
	roots, err := filepath.Glob("/sys/fs/cgroup/*/cgroup.procs")
	for _, root := range roots {
		err = errors.Join(err, os.MkdirAll(filepath.Dir(root)+group, 0o755))
	}
	return err
}

// removeGroups removes the control groups of this cluster, and of those that were killed. The kernel refuses those in which a
// process is left.
func removeGroups() {
	for _, pattern := range []string{"/sys/fs/cgroup/" + groups + "/*-*", "/sys/fs/cgroup/*/" + groups + "/*-*"} {
		all, _ := filepath.Glob(pattern) // only a bad pattern fails
		for _, group := range all {
			pid, _, _ := strings.Cut(filepath.Base(group), "-")
			if _, err := os.Stat("/proc/" + pid); err == nil && pid != strconv.Itoa(os.Getpid()) {
				continue // another cluster's
			}
			var folders []string
			_ = filepath.WalkDir(group, func(path string, d fs.DirEntry, err error) error {
				if err == nil && d.IsDir() {
					folders = append(folders, path)
				}
				return nil
			})
			for i := len(folders) - 1; i >= 0; i-- {
				_ = os.Remove(folders[i]) // see above
			}
			_ = os.Remove(filepath.Dir(group)) // unless another cluster has some there
		}
	}
}
