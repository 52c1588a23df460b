package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// machine stands for a machine: a process with namespaces of its own for network, mounts and processes. All that runs
// in it ends with that process, and nothing of it is left.
type machine struct {
	name   string
	folder string // for the logs, and what its programs keep
	path   string // PATH
	first  *exec.Cmd
	ended  chan struct{} // closed when the machine has ended
}

// asMachine makes a mount namespace that of a machine: what it mounts is not seen outside, and the places that
// programs share are its own.
const asMachine = `set -e
mount --make-rprivate /
mount -t proc proc /proc
for place in /run /var/lib /var/log; do mount -t tmpfs -o mode=755 tmpfs $place; done
mount --make-rshared /
echo ready
exec sleep infinity
`

// newMachine starts one. It ends when this process does, whatever ends that.
func newMachine(name, folder, path string) (*machine, error) {
	m := &machine{name: name, folder: filepath.Join(folder, name), path: path, ended: make(chan struct{})}
	if err := os.MkdirAll(m.folder, 0o755); err != nil {
		return nil, err
	}
	m.first = exec.Command("sh", "-c", asMachine) //nolint:noctx // Stop ends it
	m.first.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL,
		Setpgid: true, // Ctrl-C is for this process alone
	}
	m.first.Stderr = os.Stderr
	out, err := m.first.StdoutPipe()
	if err != nil {
		return nil, err
	}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // Pdeathsig is sent when the thread ends, not the process
		err := m.first.Start()
		started <- err
		if err == nil {
			_ = m.first.Wait() // it is killed
		}
		close(m.ended)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting the machine %s: %w", name, err)
	}
	if text, err := io.ReadAll(io.LimitReader(out, int64(len("ready\n")))); string(text) != "ready\n" {
		return nil, errors.Join(fmt.Errorf("starting the machine %s: %w", name, err), m.stop())
	}
	return m, m.ip(context.Background(), "link", "set", "lo", "up")
}

func (m *machine) pid() int { return m.first.Process.Pid }

// stop ends all that runs in it.
func (m *machine) stop() error {
	if err := m.first.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-m.ended
	return nil
}

func (m *machine) command(ctx context.Context, args ...string) *exec.Cmd {
	enter := []string{"--target=" + strconv.Itoa(m.pid()), "--net", "--mount", "--pid", "--"}
	cmd := exec.CommandContext(ctx, "nsenter", append(enter, args...)...)
	cmd.Env = append(os.Environ(), "PATH="+m.path, "OTEL_TRACES_EXPORTER=none") // the registry sends traces otherwise
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// run runs a command in it.
func (m *machine) run(ctx context.Context, args ...string) error {
	if out, err := m.command(ctx, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s on %s: %w: %s", strings.Join(args, " "), m.name, err, out)
	}
	return nil
}

// ip changes its network. It sees the processes outside, which are how another machine's network is named.
func (m *machine) ip(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "nsenter", append([]string{"--target=" + strconv.Itoa(m.pid()), "--net", "--", "ip"}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s on %s: %w: %s", strings.Join(args, " "), m.name, err, out)
	}
	return nil
}

// start starts a program that runs until the machine ends. Its output is in a file of its name.
func (m *machine) start(program string, args ...string) error {
	log, err := os.OpenFile(filepath.Join(m.folder, program+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close() //nolint:errcheck // the program has its own
	cmd := m.command(context.Background(), append([]string{program}, args...)...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() { _ = cmd.Wait() }() // it ends with the machine, or its log says why
	return nil
}

// trouble adds the end of a program's log to an error.
func (m *machine) trouble(err error, program string) error {
	text, _ := os.ReadFile(filepath.Join(m.folder, program+".log")) // the error is there anyway
	return fmt.Errorf("%s on %s: %w: %s", program, m.name, err, text[max(0, len(text)-2000):])
}

// dial connects to an address in its network.
func (m *machine) dial(address string) (net.Conn, error) {
	var conn net.Conn
	err := m.inNetwork(func() (err error) {
		conn, err = (&net.Dialer{Timeout: 10 * time.Second}).Dial("tcp", address) //nolint:noctx // it has a limit
		return err
	})
	return conn, err
}

// inNetwork does something on a thread that is in the machine's network. A socket stays in the network in which it was
// made.
func (m *machine) inNetwork(do func() error) error {
	theirs, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", m.pid()))
	if err != nil {
		return err
	}
	defer theirs.Close() //nolint:errcheck // it was only read
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with this function
		if err := unix.Setns(int(theirs.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- err
			return
		}
		done <- do()
	}()
	return <-done
}

// relay lets programs outside reach an address in the machine's network: at the address that it returns, on loopback.
func (m *machine) relay(address string) (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it lasts as long as this process
	if err != nil {
		return "", err
	}
	go func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			go m.pass(from, address)
		}
	}()
	return listener.Addr().String(), nil
}

func (m *machine) pass(from net.Conn, address string) {
	defer from.Close() //nolint:errcheck // whatever went wrong, both sides see the end
	to, err := m.dial(address)
	if err != nil {
		return
	}
	defer to.Close() //nolint:errcheck // as above
	go func() {
		_, _ = io.Copy(to, from)
		_ = to.(*net.TCPConn).CloseWrite()
	}()
	_, _ = io.Copy(from, to)
}
