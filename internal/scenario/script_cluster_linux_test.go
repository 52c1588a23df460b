package scenario_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// askCluster reports whether a cluster can be started, and whether that is wanted.
func askCluster() error {
	if os.Geteuid() != 0 {
		return errors.New("starting a cluster needs root")
	}
	return nil
}

// cmdCluster starts a Kubernetes cluster of N nodes for this script alone. It sets KUBECONFIG, OUTSIDER (the kubeconfig of
// a user without rights), REGISTRY, LOGS and CLUSTER_BIN, a folder with kubectl that it puts in front of PATH. "cut N" takes
// a node off the network, "heal N" puts it back.
func cmdCluster(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, args, 2, "cluster start|cut|heal N")
	c := ts.Value(clusterKey{}).(*scriptCluster)
	if args[0] != "start" {
		_, err := fmt.Fprintln(c.input, args[0], args[1])
		ts.Check(err)
		if !c.lines.Scan() || c.lines.Text() != "ok" {
			ts.Fatalf("cluster %s %s: %s", args[0], args[1], c.lines.Text())
		}
		return
	}
	program := ts.MkAbs(".cluster/clustertest")
	build := exec.Command("go", "build", "-o", program, "./internal/scenario/clustertest")
	build.Dir = ts.Getenv("CHECKOUT")
	if out, err := build.CombinedOutput(); err != nil {
		ts.Fatalf("building the cluster: %v: %s", err, out)
	}
	cmd := exec.Command(program, "-checkout="+ts.Getenv("CHECKOUT"), "-nodes="+args[1])
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var said strings.Builder
	cmd.Stderr = &said
	var err error
	c.input, err = cmd.StdinPipe()
	ts.Check(err)
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ts.Defer(func() {
		_ = c.input.Close() // it ends with its input, also when this process is killed
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		select {
		case err := <-ended:
			if err != nil {
				ts.Logf("ending the cluster: %v: %s", err, said.String())
			}
		case <-time.After(time.Minute):
			ts.Logf("the cluster does not end: %v", cmd.Process.Kill())
		}
	})
	c.lines = bufio.NewScanner(out)
	for c.lines.Scan() {
		name, value, _ := strings.Cut(c.lines.Text(), "=")
		if name == "KUBECTL" {
			ts.Check(os.Symlink(value, filepath.Join(filepath.Dir(program), "kubectl")))
			ts.Setenv("CLUSTER_BIN", filepath.Dir(program))
			ts.Setenv("PATH", filepath.Dir(program)+string(os.PathListSeparator)+ts.Getenv("PATH"))
		} else {
			ts.Setenv(name, value)
		}
		if name == "LOGS" {
			return
		}
	}
	ts.Fatalf("starting a cluster: %s", said.String())
}
