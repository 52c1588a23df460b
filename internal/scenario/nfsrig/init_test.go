//go:build linux

package nfsrig_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A request is a command for a machine: one that runs once, or a service, which is started again whenever it ends.
type request struct {
	Argv []string
	// UID is who runs it, with the same GID.
	UID int
	Env []string
	// Name is the name of a service: its log's, and the host's name that it sees.
	Name string
	// Dead is for how long a service that is killed stays dead.
	Dead time.Duration
}

type answer struct {
	Out  string
	Code int
}

const machinePath = "/usr/sbin:/usr/bin"

// initMachine is process 1 of a machine. It returns why it ends.
func initMachine() error {
	node := os.Getenv("node")
	if err := os.Setenv("PATH", machinePath); err != nil {
		return err
	}
	for _, argv := range [][]string{
		{"mount", "-t", "proc", "proc", "/proc"},
		{"mount", "-t", "sysfs", "sys", "/sys"},
		{"mount", "-t", "tmpfs", "run", "/run"},
		{"mount", "-t", "tmpfs", "-o", "mode=1777", "tmp", "/tmp"},
		{"ip", "link", "set", "lo", "up"},
		{"ip", "address", "add", dataNet + node + "/24", "dev", "vec0"},
		{"ip", "link", "set", "vec0", "up"},
		{"ip", "address", "add", commandNet + node + "/24", "dev", "vec1"},
		{"ip", "link", "set", "vec1", "up"},
	} {
		if out, err := exec.CommandContext(context.Background(), argv[0], argv[1:]...).CombinedOutput(); err != nil { //nolint:gosec // the table above
			return fmt.Errorf("%q: %w: %s", argv, err, out)
		}
	}
	if err := unix.Sethostname([]byte("node" + node)); err != nil {
		return err
	}
	server := exec.CommandContext(context.Background(), "/proc/self/exe")
	server.Args = []string{"serve"}
	server.Stdout, server.Stderr = os.Stdout, os.Stderr
	if err := server.Start(); err != nil {
		return err
	}
	for { // whose parents are killed are this process's, in the end
		var status syscall.WaitStatus
		if pid, err := syscall.Wait4(-1, &status, 0, nil); err == nil && pid == server.Process.Pid {
			return fmt.Errorf("the server ended: %v", status)
		}
	}
}

// supervisor has the services of a machine.
type supervisor struct {
	mu       sync.Mutex
	services map[string]*supervised
}

type supervised struct {
	process *os.Process
	// dead is how long it stays dead when it ends next; stopped says that it stays so.
	dead    time.Duration
	stopped bool
}

// restartDelay is that of an engine's restart policy, roughly.
const restartDelay = time.Second

// serveMachine does what the test asks.
func serveMachine() int {
	s := &supervisor{services: make(map[string]*supervised)}
	mux := http.NewServeMux()
	handle := func(path string, do func(context.Context, request) (answer, error)) {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			var asked request
			err := json.NewDecoder(r.Body).Decode(&asked)
			var a answer
			if err == nil {
				a, err = do(r.Context(), asked)
			}
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			_ = json.NewEncoder(w).Encode(a) // who does not get it knows
		})
	}
	handle("/run", runOnce)
	handle("/start", func(_ context.Context, r request) (answer, error) { return answer{}, s.start(r) })
	handle("/kill", func(_ context.Context, r request) (answer, error) { return answer{}, s.kill(r.Name, r.Dead, false) })
	handle("/stop", func(_ context.Context, r request) (answer, error) { return answer{}, s.kill(r.Name, 0, true) })
	server := http.Server{Addr: commandNet + os.Getenv("node") + ":" + commandPort, Handler: mux, ReadHeaderTimeout: time.Minute}
	_, _ = fmt.Fprintf(os.Stderr, "rig: %v\n", server.ListenAndServe())
	return 1
}

func runOnce(ctx context.Context, r request) (answer, error) {
	cmd := command(ctx, r)
	cmd.WaitDelay = time.Second // daemons keep the pipe
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		return answer{}, err
	}
	return answer{Out: string(out), Code: cmd.ProcessState.ExitCode()}, nil
}

// command runs this program as "as", which changes the host's name and the user.
func command(ctx context.Context, r request) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "/proc/self/exe") //nolint:gosec // the test may do everything here
	cmd.Args = append([]string{"as", r.Name, strconv.Itoa(r.UID)}, r.Argv...)
	cmd.Env = append([]string{"PATH=" + machinePath, "HOME=/tmp", "TMPDIR=/tmp"}, r.Env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Cloneflags: syscall.CLONE_NEWUTS}
	return cmd
}

// runAs runs a program: HOST UID PROGRAM ARG...
func runAs(args []string) int {
	runtime.LockOSThread() // the rights are a thread's, and the thread that is replaced is the one that calls
	uid, err := strconv.Atoi(args[1])
	if err == nil && args[0] != "" {
		err = unix.Sethostname([]byte(args[0]))
	}
	if err == nil && uid != 0 {
		for capability := uintptr(0); unix.Prctl(unix.PR_CAPBSET_DROP, capability, 0, 0, 0) == nil; {
			capability++
		}
		if err = unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err == nil {
			err = syscall.Setgroups([]int{uid})
		}
		if err == nil {
			err = syscall.Setgid(uid)
		}
		if err == nil {
			err = syscall.Setuid(uid)
		}
	}
	path := args[2]
	if err == nil {
		path, err = exec.LookPath(path)
	}
	if err == nil {
		err = syscall.Exec(path, args[2:], os.Environ()) //nolint:forbidigo,gosec // the service is to have this process's ID, and the test may do everything here
	}
	_, _ = fmt.Fprintf(os.Stderr, "%s: %v\n", strings.Join(args, " "), err)
	return 127
}

// start starts a service, and again whenever it ends.
func (s *supervisor) start(r request) error {
	log, err := os.OpenFile("/host/"+r.Name+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	one := &supervised{}
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.services[r.Name]; old != nil && !old.stopped {
		return fmt.Errorf("%s runs already", r.Name)
	}
	s.services[r.Name] = one
	go func() {
		defer log.Close() //nolint:errcheck // nobody reads it before the end
		for {
			cmd := command(context.Background(), r)
			cmd.Stdout, cmd.Stderr = log, log
			s.mu.Lock()
			if one.stopped {
				s.mu.Unlock()
				return
			}
			one.dead = restartDelay
			err := cmd.Start()
			one.process = cmd.Process
			s.mu.Unlock()
			if err == nil {
				err = cmd.Wait()
			}
			_, _ = fmt.Fprintf(log, "rig: %s ended: %v\n", r.Name, err)
			s.mu.Lock()
			dead := one.dead
			one.process = nil
			s.mu.Unlock()
			time.Sleep(dead)
		}
	}()
	return nil
}

// kill kills a service, which then stays dead for a while, or for good.
func (s *supervisor) kill(name string, dead time.Duration, stop bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.services[name]
	if one == nil {
		return fmt.Errorf("there is no service %s", name)
	}
	one.dead, one.stopped = max(dead, restartDelay), stop
	if one.process == nil {
		return nil
	}
	err := syscall.Kill(-one.process.Pid, syscall.SIGKILL) // what it started itself dies with it
	if errors.Is(err, syscall.ESRCH) {
		err = nil
	}
	return err
}
