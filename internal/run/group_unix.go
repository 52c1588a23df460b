//go:build unix

package run

import (
	"errors"
	"os/exec"
	"strconv"
	"syscall"
)

// ownGroup puts the command into a separate process group. A Ctrl-C on the terminal then reaches only this
// process, which passes exactly one signal on: Docker's tools take a second one as "give up at once".
func ownGroup(cmd *exec.Cmd, sudo []string) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return signalGroup(cmd, syscall.SIGTERM, sudo) }
}

func killGroup(cmd *exec.Cmd, sudo []string) {
	if cmd.Process != nil {
		_ = signalGroup(cmd, syscall.SIGKILL, sudo) // ESRCH: nobody is left, as it should be
	}
}

func signalGroup(cmd *exec.Cmd, signal syscall.Signal, sudo []string) error {
	err := syscall.Kill(-cmd.Process.Pid, signal)
	if !errors.Is(err, syscall.EPERM) || len(sudo) == 0 {
		return err
	}
	args := append(append([]string{}, sudo[1:]...), "kill", "-s", strconv.Itoa(int(signal)), "--", "-"+strconv.Itoa(cmd.Process.Pid))
	//nolint:noctx // ends at once, and must run after the context's end
	return exec.Command(sudo[0], args...).Run()
}

// ownSession detaches the command from this terminal (setsid(2)).
func ownSession(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
}
