package im2_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// ownEngine is a Docker Engine that belongs to one script, so that it can be ended without harm to
// the others.
type ownEngine struct {
	folder string
	cmd    *exec.Cmd
}

// cmdEngine starts an engine for this script alone and points DOCKER_HOST to it, with the images
// that the machine's engine has of the script's project; or ends it and starts it again.
func cmdEngine(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, args, 1, "engine start|TERM|KILL")
	if args[0] == "start" {
		startOwnEngine(ts)
		return
	}
	e := ts.Value(engineKey{}).(*scriptEngine).own
	signal := map[string]syscall.Signal{"TERM": syscall.SIGTERM, "KILL": syscall.SIGKILL}[args[0]]
	if e == nil || signal == 0 {
		ts.Fatalf("usage: engine start, then engine TERM|KILL")
	}
	ts.Check(e.cmd.Process.Signal(signal))
	_ = e.cmd.Wait() // it was ended
	ts.Check(e.start())
}

// engineKey finds a script's own engine among its values.
type engineKey struct{}

// scriptEngine holds it, since values cannot be set later.
type scriptEngine struct{ own *ownEngine }

func startOwnEngine(ts *testscript.TestScript) {
	names := imagesOf(ts, "label=com.docker.compose.project="+ts.Getenv("COMPOSE_PROJECT_NAME"))
	names = append(names, imagesOf(ts, "reference=im2/base")...) // without it they would be stale
	folder, err := os.MkdirTemp("", "engine")                    // a socket's path is 107 bytes at most (unix(7))
	ts.Check(err)
	e := &ownEngine{folder: folder}
	ts.Value(engineKey{}).(*scriptEngine).own = e
	ts.Defer(func() { e.stop(ts) })
	ts.Check(e.start())
	if len(names) > 0 {
		save := exec.Command("docker", append([]string{"save"}, names...)...)
		load := exec.Command("docker", "--host="+e.host(), "load")
		load.Stdin, err = save.StdoutPipe()
		ts.Check(err)
		ts.Check(save.Start())
		if out, err := load.CombinedOutput(); err != nil {
			ts.Fatalf("loading %q: %v: %s", names, err, out)
		}
		ts.Check(save.Wait())
	}
	ts.Setenv("DOCKER_HOST", e.host())
}

// imagesOf are the names of the images that the machine's engine has of a kind.
func imagesOf(ts *testscript.TestScript, filter string) []string {
	out, err := exec.Command("docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}", "--filter", filter).Output()
	ts.Check(err)
	return strings.Fields(string(out))
}

func (e *ownEngine) host() string { return "unix://" + filepath.Join(e.folder, "docker.sock") }

// start starts it and waits until it answers. It makes no network of its own: that of the
// machine's engine would be lost.
func (e *ownEngine) start() error {
	log, err := os.OpenFile(filepath.Join(e.folder, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close() //nolint:errcheck // the process has its own
	e.cmd = exec.Command("dockerd", "--host="+e.host(), "--bridge=none", "--iptables=false",
		"--data-root="+filepath.Join(e.folder, "data"), "--exec-root="+filepath.Join(e.folder, "exec"),
		"--pidfile="+filepath.Join(e.folder, "pid"))
	e.cmd.Stdout, e.cmd.Stderr = log, log
	if err := e.cmd.Start(); err != nil {
		return err
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if exec.Command("docker", "--host="+e.host(), "version").Run() == nil {
			return nil
		}
	}
	text, _ := os.ReadFile(log.Name())
	return fmt.Errorf("the script's own engine does not answer: %s", text)
}

// stop ends the engine with its containers and removes all that it kept.
func (e *ownEngine) stop(ts *testscript.TestScript) {
	if ids, err := exec.Command("docker", "--host="+e.host(), "ps", "--all", "--quiet").Output(); err == nil && len(ids) > 0 {
		args := append([]string{"--host=" + e.host(), "rm", "--force", "--volumes"}, strings.Fields(string(ids))...)
		_ = exec.Command("docker", args...).Run()
	}
	_ = e.cmd.Process.Signal(syscall.SIGTERM)
	_ = e.cmd.Wait()
	if err := os.RemoveAll(e.folder); err != nil {
		ts.Logf("removing the script's own engine: %v", err)
	}
}

// memoryOfEngine is what one separation engine needs, as docker-compose.yml has it.
const memoryOfEngine = 6 << 30

// harnessKey finds what all scripts share among a script's values.
type harnessKey struct{}

// cmdWorkers waits until the machine has memory for so many workers that separate at the same time,
// beside those of other scripts, and keeps it until the script ends.
func cmdWorkers(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, args, 1, "workers N")
	n, free := int64(number(ts, args[0])), ts.Value(harnessKey{}).(*harness).engines()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	defer cancel()
	if err := free.Acquire(ctx, n); err != nil {
		ts.Fatalf("waiting for memory for %d workers: %v; the machine has too little, or another script holds it", n, err)
	}
	ts.Defer(func() { free.Release(n) })
}

// askMemory is how much the engine's machine has; enough for one worker where it does not say.
func askMemory() int64 {
	out, err := exec.Command("docker", "info", "--format", "{{.MemTotal}}").Output()
	if err != nil {
		return memoryOfEngine
	}
	memory, err := strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
	if err != nil {
		return memoryOfEngine
	}
	return memory
}
