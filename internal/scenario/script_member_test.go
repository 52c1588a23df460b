//go:build unix

package scenario_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/otiai10/copy"
	"github.com/rogpeppe/go-internal/testscript"
)

// cmdAs runs a command as an ordinary user with a home of its own, $WORK/home-UID, and
// expects its exit code. The user is in the group that may talk to the engine.
func cmdAs(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: as UID CODE COMMAND [ARG ...]")
	}
	uid, err := strconv.Atoi(args[0])
	ts.Check(err)
	home := filepath.Join(ts.Getenv("WORK"), "home-"+args[0])
	ts.Check(os.MkdirAll(home, 0o700))
	ts.Check(os.Chown(home, uid, uid))
	// The test's folders are closed for others, and so is where "mage" is.
	for _, path := range []string{ts.Getenv("WORK"), filepath.Dir(ts.Getenv("WORK")), filepath.Dir(ts.Getenv("MAGE")), filepath.Dir(filepath.Dir(ts.Getenv("MAGE")))} {
		info, err := os.Stat(path)
		ts.Check(err)
		if info.Mode().Perm()&0o001 == 0 {
			ts.Check(os.Chmod(path, info.Mode().Perm()|0o011))
		}
	}
	groups := args[0]
	if gid, ok := engineGroup(ts); ok {
		groups += "," + gid
	}
	cmdExpect(ts, false, append([]string{
		args[1], "setpriv", "--reuid=" + args[0], "--regid=" + args[0], "--groups=" + groups,
		"env", "--unset=DOCKER_CONFIG", "--unset=XDG_CACHE_HOME", "HOME=" + home, "TMPDIR=" + home,
	}, args[2:]...))
}

// engineGroup is the group of the engine's socket.
func engineGroup(ts *testscript.TestScript) (string, bool) {
	socket := "/var/run/docker.sock"
	if path, ok := strings.CutPrefix(ts.Getenv("DOCKER_HOST"), "unix://"); ok {
		socket = path
	}
	var stat syscall.Stat_t
	if err := syscall.Stat(socket, &stat); err != nil {
		return "", false
	}
	return strconv.Itoa(int(stat.Gid)), true
}

// cmdCheckout copies this checkout into a folder that every user can read, and compiles
// the targets there, as bin/mage.
func cmdCheckout(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, args, 1, "checkout DIR")
	home, to := ts.Getenv("CHECKOUT"), ts.MkAbs(args[0])
	for _, name := range []string{"go.mod", "go.sum", "magefile.go", "internal", "nonroot", "ownership", "pipeline", "magefiles", "targets", "tools"} {
		ts.Check(copy.Copy(filepath.Join(home, name), filepath.Join(to, name)))
	}
	cmd := exec.Command("go", "tool", "mage", "-compile", filepath.Join(to, "bin", "mage"))
	cmd.Dir = to
	if text, err := cmd.CombinedOutput(); err != nil {
		ts.Fatalf("compiling the targets in %s: %v\n%s", to, err, text)
	}
	ts.Check(filepath.WalkDir(to, func(path string, d fs.DirEntry, err error) error {
		mode := fs.FileMode(0o644)
		if err == nil && (d.IsDir() || d.Name() == "mage") {
			mode = 0o755
		}
		return errors.Join(err, os.Chmod(path, mode))
	}))
}

// cmdTree makes a folder with N empty files in folders of a thousand each.
func cmdTree(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, args, 2, "tree DIR FILES")
	files, err := strconv.Atoi(args[1])
	ts.Check(err)
	for i := range files {
		folder := filepath.Join(ts.MkAbs(args[0]), strconv.Itoa(i/1000))
		if i%1000 == 0 {
			ts.Check(os.MkdirAll(folder, 0o700))
		}
		ts.Check(os.WriteFile(filepath.Join(folder, strconv.Itoa(i)+".wav"), nil, 0o600))
	}
}
