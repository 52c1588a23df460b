//go:build linux

package nfsrig_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The machines have two networks, each a bridge: one for NFS, which has partitions, and one for commands. Machine n has
// the addresses that end in n.
const (
	dataNet     = "10.77.0."
	commandNet  = "10.78.0."
	commandPort = "80"
	bridge      = 254 // this machine's
)

// A rig has machines and their networks. These are in a network namespace that has no name: it ends with the last
// process in it, and all machines end with this process.
type rig struct {
	t      *testing.T
	root   string // the root folder of all machines, read-only there
	folder string // /host in the machines
	http   http.Client
	// do runs functions in the namespace, one after the other.
	do chan func()
}

// newRig makes the networks, and builds what the machines run. It skips the test where nobody asked for it.
func newRig(t *testing.T) *rig {
	t.Helper()
	if os.Getenv("IM2_CLUSTER") != "1" {
		t.Skip(`it takes a long time: "mage test -cluster" runs it`)
	}
	if os.Geteuid() != 0 {
		t.Fatal("making networks and machines: it takes root; fix: run it with sudo")
	}
	root, err := system(t.Context())
	if err != nil {
		t.Fatalf("preparing User-Mode Linux: %v", err)
	}
	folder, remove, err := temporary("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(remove)
	r := &rig{t: t, root: root, folder: folder, do: make(chan func())}
	ready := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the rig, and the machines with their thread
		err := unix.Unshare(unix.CLONE_NEWNET)
		ready <- err
		for f := range r.do {
			f()
		}
	}()
	r.must(<-ready)
	t.Cleanup(func() { close(r.do) })
	r.http.Transport = &http.Transport{DialContext: r.dial, DisableKeepAlives: true}
	for name, address := range map[string]string{"br0": dataNet, "br1": commandNet} {
		r.ip("link", "add", name, "type", "bridge")
		r.ip("address", "add", address+strconv.Itoa(bridge)+"/24", "dev", name)
		r.ip("link", "set", name, "up")
	}
	r.build()
	return r
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// within runs a function in the network namespace.
func (r *rig) within(f func()) {
	done := make(chan struct{})
	r.do <- func() { f(); close(done) }
	<-done
}

func (r *rig) dial(ctx context.Context, network, address string) (conn net.Conn, err error) {
	r.within(func() {
		dialer := net.Dialer{Timeout: 2 * time.Second}
		conn, err = dialer.DialContext(ctx, network, address)
	})
	return conn, err
}

func (r *rig) ip(args ...string) {
	r.t.Helper()
	r.within(func() {
		if out, err := exec.CommandContext(context.Background(), "ip", args...).CombinedOutput(); err != nil {
			r.t.Errorf("ip %s: %v: %s", strings.Join(args, " "), err, out)
		}
	})
}

// build compiles the services and this program for the machines.
func (r *rig) build() {
	r.t.Helper()
	r.must(os.Chmod(r.folder, 0o755))
	module, err := output(r.t.Context(), nil, "go", "list", "-m", "-f", "{{.Dir}}")
	r.must(err)
	env := append(os.Environ(), "CGO_ENABLED=0")
	for _, args := range [][]string{
		{"test", "-c", "-o", filepath.Join(r.folder, "machine"), "."},
		{"build", "-C", module, "-o", r.folder, "./modules/watcher", "./modules/organizer", "./modules/demucs", "./pipeline/spool/spoolbench", "./cmd/im2"},
	} {
		_, err := output(r.t.Context(), env, "go", args...)
		r.must(err)
	}
	for _, name := range []string{"ffmpeg", "ffprobe", "engine"} {
		r.must(os.Symlink("machine", filepath.Join(r.folder, name)))
	}
}

// A machine is one that runs, or could.
type machine struct {
	rig    *rig
	n      int
	memory string
	disk   string // its image; none for ""

	mu      sync.Mutex
	process *exec.Cmd
	ended   chan struct{}
}

// newMachine makes a machine, and boots it.
func (r *rig) newMachine(n int, memory, disk string) *machine {
	r.t.Helper()
	m := &machine{rig: r, n: n, memory: memory, disk: disk}
	for i, bridge := range []string{"br0", "br1"} {
		r.ip("tuntap", "add", m.tap(i), "mode", "tap")
		r.ip("link", "set", m.tap(i), "master", bridge, "up")
	}
	r.t.Cleanup(m.cut)
	m.boot()
	return m
}

// tap is what the machine's network i is plugged into.
func (m *machine) tap(i int) string { return fmt.Sprintf("tap%d-%d", m.n, i) }

func (m *machine) name() string { return fmt.Sprintf("n%d", m.n) }

// connect ends and begins a partition.
func (m *machine) connect(on bool) {
	if on {
		m.rig.ip("link", "set", m.tap(0), "master", "br0")
	} else {
		m.rig.ip("link", "set", m.tap(0), "nomaster")
	}
}

// boot starts the machine, and waits until it takes commands.
func (m *machine) boot() {
	m.rig.t.Helper()
	log, err := os.OpenFile(m.console(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	m.rig.must(err)
	args := []string{
		"mem=" + m.memory, fmt.Sprintf("umid=m%d", m.n), "uml_dir=" + m.rig.folder + "/",
		"rootfstype=hostfs", "rootflags=" + m.rig.root, "ro", "init=/usr/sbin/rig", "rig=" + m.rig.folder, fmt.Sprintf("node=%d", m.n),
		"con=null", "con0=null,fd:1", "con1=null", "quiet",
	}
	for i := range 2 {
		args = append(args, fmt.Sprintf("vec%d:transport=tap,ifname=%s,depth=64,gro=1", i, m.tap(i)))
	}
	if m.disk != "" {
		args = append(args, "ubd0="+m.disk)
	}
	cmd := exec.CommandContext(interrupted, filepath.Join(m.rig.root, "usr/bin/linux.uml"), args...)
	cmd.Dir = m.rig.root // for its dynamic linker
	cmd.Env = []string{"LD_LIBRARY_PATH=" + filepath.Join(m.rig.root, "usr/lib/x86_64-linux-gnu"), "HOME=/"}
	cmd.Stdout, cmd.Stderr = log, log
	// In a PID namespace of its own, all of it ends with its first process.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Cloneflags: syscall.CLONE_NEWPID, Setpgid: true}
	m.rig.within(func() { err = cmd.Start() })
	m.rig.must(err)
	ended := make(chan struct{})
	running.Go(func() {
		_ = cmd.Wait() // it is always killed
		_ = log.Close()
		close(ended)
	})
	m.mu.Lock()
	m.process, m.ended = cmd, ended
	m.mu.Unlock()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		_, err := m.ask(ctx, "run", request{Argv: []string{"true"}})
		cancel()
		if err == nil {
			return
		}
		said, _ := os.ReadFile(m.console())
		select {
		case <-ended:
		default:
			if time.Now().Before(deadline) && !strings.Contains(string(said), "Kernel panic") {
				continue
			}
		}
		m.rig.t.Fatalf("machine %d does not boot: %v\n%s", m.n, err, said)
	}
}

func (m *machine) console() string {
	return filepath.Join(m.rig.folder, fmt.Sprintf("console-%d.log", m.n))
}

// cut is a power cut.
func (m *machine) cut() {
	m.mu.Lock()
	process, ended := m.process, m.ended
	m.process = nil
	m.mu.Unlock()
	if process != nil {
		_ = process.Process.Kill() // it may have ended
		<-ended
	}
}

func (m *machine) ask(ctx context.Context, what string, asked request) (a answer, err error) {
	body, err := json.Marshal(asked)
	if err != nil {
		return a, err
	}
	url := "http://" + commandNet + strconv.Itoa(m.n) + ":" + commandPort + "/" + what
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return a, err
	}
	response, err := m.rig.http.Do(req)
	if err != nil {
		return a, err
	}
	defer response.Body.Close() //nolint:errcheck // it was only read
	if response.StatusCode != http.StatusOK {
		said, _ := io.ReadAll(response.Body)
		return a, fmt.Errorf("machine %d: %s: %s", m.n, what, said)
	}
	return a, json.NewDecoder(response.Body).Decode(&a)
}

// try runs a command as root, and returns what it printed; the error has that, too.
func (m *machine) try(limit time.Duration, argv ...string) (string, error) {
	return m.tryAs(limit, 0, argv...)
}

func (m *machine) tryAs(limit time.Duration, uid int, argv ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	a, err := m.ask(ctx, "run", request{Argv: argv, UID: uid})
	if err == nil && a.Code != 0 {
		err = fmt.Errorf("machine %d: %s: exit code %d: %s", m.n, strings.Join(argv, " "), a.Code, a.Out)
	}
	return a.Out, err
}

// run runs a command as root that must succeed.
func (m *machine) run(argv ...string) string {
	m.rig.t.Helper()
	out, err := m.try(10*time.Minute, argv...)
	m.rig.must(err)
	return out
}

// tell passes on what is to be done with a service.
func (m *machine) tell(what string, r request) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err := m.ask(ctx, what, r)
	return err
}

func (m *machine) runAs(uid int, argv ...string) {
	m.rig.t.Helper()
	_, err := m.tryAs(10*time.Minute, uid, argv...)
	m.rig.must(err)
}

// signal stops the machine's clock, or lets it run on.
func (m *machine) signal(s syscall.Signal) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.process != nil {
		m.rig.must(m.process.Process.Signal(s))
	}
}
