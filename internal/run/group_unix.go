//go:build unix

package run

import (
	"os/exec"
	"syscall"
)

// ownGroup puts the command into a process group of its own. A Ctrl-C on the terminal
// then reaches only this process, which passes exactly one signal on: Docker's tools
// take a second one as "give up at once".
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
}

// killGroup kills what is left of the command's group.
func killGroup(cmd *exec.Cmd) {
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // ESRCH: nobody is left, as it should be
	}
}

// ownSession detaches the command from this terminal (setsid(2)).
func ownSession(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
}
