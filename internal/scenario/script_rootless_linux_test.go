package scenario_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/im2-audio/im2/internal/dev/moby"
	"github.com/im2-audio/im2/internal/run"
)

// rootlessTools are what a rootless engine needs beside the engine, and the packages of Debian that have them.
var rootlessTools = map[string]string{"rootlesskit": "rootlesskit", "slirp4netns": "slirp4netns", "newuidmap": "uidmap"}

// rootlessScripts are where dockerd-rootless.sh is.
var rootlessScripts = []string{"/usr/bin/dockerd-rootless.sh", "/usr/share/docker.io/contrib/dockerd-rootless.sh", "/usr/share/moby-engine/contrib/dockerd-rootless.sh"}

// askRootless reports whether a rootless engine can be started for another user. Where nothing may be left out, what
// Debian has of it is installed.
func askRootless() error {
	if os.Geteuid() != 0 {
		return errors.New("starting a rootless engine as another user needs root")
	}
	if _, err := rootlessScript(); err != nil {
		return err
	}
	return needPrograms("a rootless engine", rootlessTools)
}

// needPrograms returns an error unless all programs are there, by the packages of Debian that have them, and where
// nothing may be left out installs what is missing. what is what they are needed for.
func needPrograms(what string, programs map[string]string) error {
	var missing []string
	for program, pkg := range programs {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, pkg)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if os.Getenv("IM2_REQUIRE_DOCKER") != "1" {
		return fmt.Errorf("%s needs %s", what, strings.Join(missing, ", "))
	}
	if err := moby.Packages(context.Background(), run.Local{}, missing...); err != nil {
		return fmt.Errorf("installing %q for %s: %w", missing, what, err)
	}
	return nil
}

func rootlessScript() (string, error) {
	for _, path := range rootlessScripts {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", errors.New("a rootless engine needs dockerd-rootless.sh")
}

// rootlessEngine is an engine that an ordinary user runs.
type rootlessEngine struct {
	folder   string
	programs string // the folder that has its programs; "" for those of the machine
	cmd      *exec.Cmd
	ended    <-chan struct{} // closed when cmd has ended
}

// cmdRootless starts a rootless engine for this script alone as an ordinary user, with the images that the machine's
// engine has of the script's project, and points DOCKER_HOST to it: the machine's dockerd, or with "current" a later one
// that is built from source. In containers, that user is root, and the IDs from 1 on
// are those from 100 times UID on of the machine.
func cmdRootless(ts *testscript.TestScript, neg bool, args []string) {
	var err error
	e := new(rootlessEngine)
	if len(args) == 2 && args[1] == "current" {
		args = args[:1]
		e.programs, err = ts.Value(harnessKey{}).(*harness).moby()
		ts.Check(err)
	}
	checkUsage(ts, neg, args, 1, "rootless UID [current]")
	uid := number(ts, args[0])
	e.folder, err = os.MkdirTemp("", "rootless") // a socket's path is 107 bytes at most (unix(7))
	ts.Check(err)
	ts.Defer(func() { e.stop(ts) })
	for _, name := range []string{"", "run", "data", "home", "bin"} {
		path := filepath.Join(e.folder, name)
		ts.Check(os.MkdirAll(path, 0o700))
		ts.Check(os.Chown(path, uid, uid))
	}
	ts.Check(e.start(uid))
	ts.Check(copyImages(ts, e.host()))
	ts.Setenv("DOCKER_HOST", e.host())
}

func (e *rootlessEngine) host() string {
	return "unix://" + filepath.Join(e.folder, "run", "docker.sock")
}

// asRootless becomes the user, in a mount namespace in which that user exists, has subordinate IDs and may use
// /dev/net/tun, as on a machine that is set up for it. The machine itself stays as it is.
const asRootless = `set -e
cd "$1"
{ cat /etc/passwd; echo "rootless:x:$2:$2::$1/home:/bin/sh"; } > passwd
echo "rootless:$3:65536" > subids
mknod tun c 10 200
chmod 666 tun
mount --bind passwd /etc/passwd
mount --bind subids /etc/subuid
mount --bind subids /etc/subgid
mount --bind tun /dev/net/tun
test -z "$5" || mount --bind "$5" bin
cd /
exec setpriv --reuid="$2" --regid="$2" --clear-groups --pdeathsig=TERM \
  env -i PATH="$1/bin:$PATH:/usr/sbin:/sbin" HOME="$1/home" TMPDIR="$1/home" XDG_RUNTIME_DIR="$1/run" "$4" --data-root="$1/data"
`

// start starts it and waits until it answers. It ends when this process is killed.
func (e *rootlessEngine) start(uid int) error {
	script, err := rootlessScript()
	if err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(e.folder, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close() //nolint:errcheck // the process has its own
	e.cmd = exec.Command("unshare", "--mount", "--propagation=slave", "sh", "-c", asRootless, "sh",
		e.folder, strconv.Itoa(uid), strconv.Itoa(100*uid), script, e.programs)
	e.cmd.Stdout, e.cmd.Stderr = log, log
	if e.ended, err = startTied(e.cmd); err != nil {
		return err
	}
	return answers(e.host(), log.Name())
}

// answers waits until an engine answers.
func answers(host, log string) error {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if exec.Command("docker", "--host="+host, "version").Run() == nil {
			return nil
		}
	}
	text, _ := os.ReadFile(log)
	return fmt.Errorf("the script's own engine does not answer: %s", text)
}

// stop ends the engine with its containers and removes all that it kept.
func (e *rootlessEngine) stop(ts *testscript.TestScript) {
	if ids, err := exec.Command("docker", "--host="+e.host(), "ps", "--all", "--quiet").Output(); err == nil && len(ids) > 0 {
		_ = exec.Command("docker", append([]string{"--host=" + e.host(), "rm", "--force", "--volumes"}, strings.Fields(string(ids))...)...).Run()
	}
	if e.ended != nil && e.cmd.Process != nil {
		_ = e.cmd.Process.Signal(syscall.SIGTERM)
		<-e.ended
	}
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline") // only a bad pattern fails
	for _, path := range lines {                      // such as a container's, where the engine did not end in order
		if text, err := os.ReadFile(path); err == nil && strings.Contains(string(text), e.folder+"/") {
			_ = syscall.Kill(number(ts, filepath.Base(filepath.Dir(path))), syscall.SIGKILL)
		}
	}
	if err := os.RemoveAll(e.folder); err != nil {
		ts.Logf("removing the script's own engine: %v", err)
	}
}
