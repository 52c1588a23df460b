package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/im2-audio/im2/internal/dev/suite"
)

// TestNothingIsLeft starts a cluster and ends it by an interrupt, by the end of its input, and by force.
func TestNothingIsLeft(t *testing.T) {
	if os.Getenv(suite.ClusterVar) != "1" || os.Geteuid() != 0 {
		t.Skip("the tests of many machines run as root with: mage test -cluster")
	}
	program := filepath.Join(t.TempDir(), "clustertest")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, end := range []string{"interrupt", "input", "kill"} {
		t.Run(end, func(t *testing.T) {
			folder := t.TempDir()
			cmd := exec.CommandContext(t.Context(), program, "-checkout=../../..", "-nodes=1")
			cmd.Env, cmd.Stderr = append(os.Environ(), "TMPDIR="+folder), os.Stderr
			input, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err = cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ready := false
			for lines := bufio.NewScanner(out); !ready && lines.Scan(); {
				ready = strings.HasPrefix(lines.Text(), "LOGS=")
			}
			if running := processesOf(t, folder); !ready || len(running) < 6 { // etcd, API server, controllers, scheduler, containerd, kubelet
				t.Fatalf("not ready, or too little runs: %q", running)
			}
			switch end {
			case "interrupt":
				err = cmd.Process.Signal(os.Interrupt)
			case "input":
				err = input.Close()
			case "kill":
				err = cmd.Process.Signal(syscall.SIGKILL)
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); (err != nil) != (end == "kill") {
				t.Errorf("it ended with %v", err)
			}
			for deadline := time.Now().Add(time.Minute); len(processesOf(t, folder)) > 0; time.Sleep(100 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("still running: %q", processesOf(t, folder))
				}
			}
			if left, _ := filepath.Glob(filepath.Join(folder, "*")); len(left) > 0 && end != "kill" {
				t.Errorf("left: %q", left)
			}
			removeGroups() // what the next one does
			for _, pattern := range []string{"/sys/fs/cgroup/*/", "/sys/fs/cgroup/"} {
				if left, _ := filepath.Glob(pattern + groups + "/" + strconv.Itoa(cmd.Process.Pid) + "-*"); len(left) > 0 {
					t.Errorf("control groups are left: %q", left)
				}
			}
		})
	}
}

// processesOf are the command lines that name a folder.
func processesOf(t *testing.T, folder string) (all []string) {
	t.Helper()
	paths, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if text, err := os.ReadFile(path); err == nil && strings.Contains(string(text), folder+"/") {
			all = append(all, strings.ReplaceAll(string(text), "\x00", " "))
		}
	}
	return all
}
