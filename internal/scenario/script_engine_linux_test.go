package scenario_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// ownEngine is a Docker Engine that belongs to one script, so that it can be ended without harm to
// the others.
type ownEngine struct {
	folder   string
	programs string // the folder that has its programs; "" for those of the machine
	remapped bool   // it gives containers other IDs (userns-remap)
	cmd      *exec.Cmd
	ended    <-chan struct{} // closed when cmd has ended
}

// cmdEngine starts an engine for this script alone and points DOCKER_HOST to it, with the images
// that the machine's engine has of the script's project: the machine's dockerd, with "remapped" one to which
// the IDs of containers from 0 on are those from 300000 on of the machine, or with "current" a
// later one that is built from source and can build images, without a network. Or it ends the engine and
// starts it again: in order; in a crash of the daemon alone; or all that belongs to it at once, as
// when the power goes.
func cmdEngine(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, args, 1, "engine start|remapped|current|restart|crash|power-cut")
	switch args[0] {
	case "start":
		startOwnEngine(ts, new(ownEngine))
		return
	case "remapped":
		startOwnEngine(ts, &ownEngine{remapped: true})
		return
	case "current":
		programs, err := ts.Value(harnessKey{}).(*harness).moby()
		ts.Check(err)
		startOwnEngine(ts, &ownEngine{programs: programs})
		return
	}
	e := ts.Value(engineKey{}).(*scriptEngine).own
	if e == nil {
		ts.Fatalf("there is no engine of this script's: engine start")
	}
	switch args[0] {
	case "restart":
		ts.Check(e.end(syscall.SIGTERM))
	case "crash":
		ts.Check(e.end(syscall.SIGKILL))
		ts.Check(e.endContainerd())
	case "power-cut":
		pids := e.processes(ts)
		ts.Check(e.end(syscall.SIGKILL))
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGKILL) // some go with others
		}
		ts.Check(e.endContainerd())
	default:
		ts.Fatalf("usage: engine start|remapped|current|restart|crash|power-cut")
	}
	ts.Check(e.start())
}

func (e *ownEngine) end(signal syscall.Signal) error {
	if err := e.cmd.Process.Signal(signal); err != nil {
		return err
	}
	<-e.ended
	return nil
}

// processes are those that the engine started, and those in its containers.
func (e *ownEngine) processes(ts *testscript.TestScript) (pids []int) {
	ids, err := docker(ts, "ps", "--quiet")
	ts.Check(err)
	inits, err := docker(ts, append([]string{"inspect", "--format", "{{.State.Pid}}"}, strings.Fields(ids)...)...)
	ts.Check(err)
	for _, pid := range strings.Fields(inits) {
		pids = append(pids, number(ts, pid))
	}
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	ts.Check(err)
	for _, path := range lines {
		if text, err := os.ReadFile(path); err == nil && strings.Contains(string(text), filepath.Join(e.folder, "exec")) {
			pids = append(pids, number(ts, filepath.Base(filepath.Dir(path))))
		}
	}
	return pids
}

// endContainerd ends what an engine that was killed started: the next one would take one that is
// about to die for its own.
func (e *ownEngine) endContainerd() error {
	path := filepath.Join(e.folder, "exec", "containerd", "containerd.pid")
	text, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil // it took that along
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if syscall.Kill(pid, syscall.SIGKILL) != nil {
			return os.Remove(path)
		}
	}
	return fmt.Errorf("containerd, process %d, does not end", pid)
}

func startOwnEngine(ts *testscript.TestScript, e *ownEngine) {
	var err error
	e.folder, err = os.MkdirTemp("", "engine") // a socket's path is 107 bytes at most (unix(7))
	ts.Check(err)
	ts.Value(engineKey{}).(*scriptEngine).own = e
	ts.Defer(func() { e.stop(ts) })
	ts.Check(e.start())
	ts.Check(copyImages(ts, e.host()))
	ts.Setenv("DOCKER_HOST", e.host())
}

// copyImages gives another engine what the machine's has of the script's project.
func copyImages(ts *testscript.TestScript, host string) error {
	names := imagesOf(ts, "label=com.docker.compose.project="+ts.Getenv("COMPOSE_PROJECT_NAME"))
	for _, base := range []string{"im2/base", "debian:trixie-slim"} { // without it they would be stale
		names = append(names, imagesOf(ts, "reference="+base)...)
	}
	if len(names) == 0 {
		return nil
	}
	var err error
	save := exec.Command("docker", append([]string{"save"}, names...)...)
	load := exec.Command("docker", "--host="+host, "load")
	if load.Stdin, err = save.StdoutPipe(); err != nil {
		return err
	}
	if err := save.Start(); err != nil {
		return err
	}
	if out, err := load.CombinedOutput(); err != nil {
		return errors.Join(fmt.Errorf("loading %q: %w: %s", names, err, out), save.Process.Kill(), save.Wait())
	}
	return save.Wait()
}

// imagesOf are the names of the images that the machine's engine has of a kind.
func imagesOf(ts *testscript.TestScript, filter string) []string {
	out, err := exec.Command("docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}", "--filter", filter).Output()
	ts.Check(err)
	return strings.Fields(string(out))
}

func (e *ownEngine) host() string { return "unix://" + filepath.Join(e.folder, "docker.sock") }

// asRemapped becomes an engine that remaps IDs, in a mount namespace in which its user exists and has subordinate IDs.
const asRemapped = `set -e
chmod a+x "$1"
cd "$1"
shift
for file in passwd group; do cp /etc/$file $file; done
echo 'remapped:x:300000:300000::/nonexistent:/bin/false' >> passwd
echo 'remapped:x:300000:' >> group
echo 'remapped:300000:65536' > subuid
cp subuid subgid
for file in passwd group subuid subgid; do mount --bind $file /etc/$file; done
cd /
exec dockerd --userns-remap=remapped "$@"
`

// start starts it and waits until it answers. It is in a network namespace of its own: an engine
// without a bridge removes the bridge that it finds, which is that of the machine's engine. It ends
// in order, with its containers, when this process is killed.
func (e *ownEngine) start() error {
	log, err := os.OpenFile(filepath.Join(e.folder, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close() //nolint:errcheck // the process has its own
	e.cmd = exec.Command("dockerd", "--bridge=none")
	if e.programs != "" { // builds want a bridge
		e.cmd = exec.Command(filepath.Join(e.programs, "dockerd"), "--bip=172.31.255.1/24", "--ip-masq=false", "--ip6tables=false")
		e.cmd.Env = append(os.Environ(), "PATH="+e.programs+":"+os.Getenv("PATH"))
	}
	if e.remapped {
		e.cmd = exec.Command("unshare", "--mount", "--propagation=slave", "sh", "-c", asRemapped, "sh", e.folder, "--bip=172.31.255.1/24", "--ip-masq=false", "--ip6tables=false")
	}
	e.cmd.Args = append(e.cmd.Args, "--host="+e.host(), "--iptables=false",
		"--data-root="+filepath.Join(e.folder, "data"), "--exec-root="+filepath.Join(e.folder, "exec"),
		"--pidfile="+filepath.Join(e.folder, "pid"))
	e.cmd.Stdout, e.cmd.Stderr = log, log
	e.cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGTERM}
	if e.ended, err = startTied(e.cmd); err != nil {
		return err
	}
	return answers(e.host(), log.Name())
}

// startTied starts a process that gets a signal when its parent dies, and closes ended when it has ended. Linux sends that
// signal when the thread ends that started it, which is therefore kept.
func startTied(cmd *exec.Cmd) (ended <-chan struct{}, err error) {
	started, gone := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // it is ended
		}
		close(gone)
	}()
	return gone, <-started
}

// listenForEngine listens where the script's own engine can connect to; nil if it has none.
func listenForEngine(ts *testscript.TestScript) (net.Listener, error) {
	e := ts.Value(engineKey{}).(*scriptEngine).own
	if e == nil {
		return nil, nil //nolint:nilnil // the machine's engine reaches what listens on the machine
	}
	type result struct {
		net.Listener
		error
	}
	done := make(chan result)
	go func() {
		runtime.LockOSThread() // and never unlocked, so that the thread ends with this function
		l, err := listenIn(e.cmd.Process.Pid)
		done <- result{l, err}
	}()
	r := <-done
	return r.Listener, r.error
}

// listenIn moves this thread to the network of a process, where it listens on the loopback interface.
func listenIn(pid int) (net.Listener, error) {
	ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", pid))
	if err != nil {
		return nil, err
	}
	defer ns.Close() //nolint:errcheck // only read
	if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
		return nil, err
	}
	loopback, err := unix.NewIfreq("lo")
	if err != nil {
		return nil, err
	}
	loopback.SetUint16(unix.IFF_UP)
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(socket) //nolint:errcheck // nothing was written
	if err := unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, loopback); err != nil {
		return nil, err
	}
	return net.Listen("tcp4", "127.0.0.1:0")
}

// stop ends the engine with its containers and removes all that it kept.
func (e *ownEngine) stop(ts *testscript.TestScript) {
	if ids, err := exec.Command("docker", "--host="+e.host(), "ps", "--all", "--quiet").Output(); err == nil && len(ids) > 0 {
		args := append([]string{"--host=" + e.host(), "rm", "--force", "--volumes"}, strings.Fields(string(ids))...)
		_ = exec.Command("docker", args...).Run()
	}
	if e.ended != nil {
		if e.cmd.Process != nil {
			_ = e.cmd.Process.Signal(syscall.SIGTERM)
		}
		<-e.ended
	}
	mounts, _ := filepath.Glob(filepath.Join(e.folder, "exec", "netns", "*"))
	for _, mount := range append(mounts, filepath.Join(e.folder, "data")) {
		_ = unix.Unmount(mount, unix.MNT_DETACH) // left by one that was killed
	}
	if err := os.RemoveAll(e.folder); err != nil {
		ts.Logf("removing the script's own engine: %v", err)
	}
}
