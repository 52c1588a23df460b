package scenario_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/otiai10/copy"
	"github.com/rogpeppe/go-internal/testscript"
)

// commands are what scripts can use beside testscript's own; CONTRIBUTING.md lists the most used.
func commands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"project":     cmdProject,
		"cleanup":     cmdCleanup,
		"expect":      cmdExpect,
		"json":        cmdJSON,
		"waitfor":     cmdWaitFor,
		"hostile":     cmdHostile,
		"music":       cmdMusic,
		"film":        cmdFilm,
		"mp3":         cmdMP3,
		"stems":       cmdStems,
		"owned":       cmdOwned,
		"as":          cmdAs,
		"checkout":    cmdCheckout,
		"tree":        cmdTree,
		"nonroot":     cmdNonRoot,
		"nolayer":     cmdNoLayer,
		"bundle":      cmdBundle,
		"registry":    cmdRegistry,
		"relay":       cmdRelay,
		"compose":     cmdCompose,
		"table":       cmdTable,
		"songs":       cmdSongs,
		"chaos":       cmdChaos,
		"finished":    cmdFinished,
		"engine":      cmdEngine,
		"cluster":     cmdCluster,
		"losses":      cmdLosses,
		"rootless":    cmdRootless,
		"volume":      cmdVolume,
		"ownerless":   cmdOwnerless,
		"fill":        cmdFill,
		"corpus":      cmdCorpus,
		"kinds":       cmdKinds,
		"full-ffmpeg": cmdFullFFmpeg,
		"tag":         cmdTag,
		"tagged":      cmdTagged,
		"near-peaks":  cmdNearPeaks,
		"bad-tags":    cmdBadTags,
		"state":       cmdState,
		"ails":        cmdAils,
		"steady":      cmdSteady,
		"workers":     cmdWorkers,
		"weights":     cmdWeights,
		"free-port":   cmdPort,
		"hold-port":   cmdHold,
		"page":        cmdPage,
		"upload":      cmdUpload,
		"browse":      cmdBrowse,
		"click":       cmdClick,
		"shows":       cmdShows,
	}
}

// checkUsage fails the script unless it has n arguments.
func checkUsage(ts *testscript.TestScript, neg bool, args []string, n int, text string) {
	if neg {
		ts.Fatalf("unsupported: ! %s", text)
	}
	if len(args) != n {
		ts.Fatalf("usage: %s", text)
	}
}

// cmdProject copies this project, without data, what was built, the pages and services that were added, into a folder, with
// $IDS in its .env.local, and removes its containers and images when the script ends. Services that are named stay in it.
func cmdProject(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: project DIR [SERVICE ...]")
	}
	home, to := ts.Getenv("CHECKOUT"), ts.MkAbs(args[0])
	for _, name := range []string{"go.mod", "go.sum", ".env", "docker-compose.yml", "modules", "pipeline"} {
		ts.Check(copy.Copy(filepath.Join(home, name), filepath.Join(to, name), copy.Options{
			Skip: func(info os.FileInfo, src, _ string) (bool, error) {
				return info.IsDir() && filepath.Base(src) == "bin", nil
			},
		}))
	}
	ts.Check(keepOurs(to, args[1:]...))
	uid, gid, _ := strings.Cut(ts.Getenv("IDS"), ":")
	ids := fmt.Sprintf("APP_USER_ID=%s\nAPP_GROUP_ID=%s\n", uid, gid)
	ts.Check(os.WriteFile(filepath.Join(to, ".env.local"), []byte(ids), 0o644))
	cmdCleanup(ts, false, nil)
}

// cmdWeights writes the published model to a file. It is downloaded unless this machine has it, so the script has no
// engine and no project of its own yet.
func cmdWeights(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, args, 1, "weights FILE")
	stores := []string{filepath.Join(ts.Getenv("CHECKOUT"), ".im2", "models")}
	if cache, err := os.UserCacheDir(); err == nil {
		stores = append(stores, filepath.Join(cache, "im2", "models"))
	}
	for downloaded := false; ; downloaded = true {
		for _, store := range stores {
			if err := copy.Copy(filepath.Join(store, "htdemucs.onnx"), ts.MkAbs(args[0])); err == nil {
				return
			} else if !errors.Is(err, fs.ErrNotExist) {
				ts.Fatalf("copying the model: %v", err)
			}
		}
		if downloaded {
			ts.Fatalf("the model is in none of %q", stores)
		}
		folder := ts.MkAbs("of-weights")
		cmdProject(ts, false, []string{folder})
		before := ts.MkAbs(".")
		ts.Check(ts.Chdir(folder))
		ts.Check(ts.Exec("mage", "demucs-cache"))
		ts.Check(ts.Chdir(before))
		ts.Check(os.RemoveAll(folder))
	}
}

// cmdCleanup removes the containers, networks and images of the script's Compose project when the
// script ends.
func cmdCleanup(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, args, 0, "cleanup")
	label := "label=com.docker.compose.project=" + ts.Getenv("COMPOSE_PROJECT_NAME")
	ts.Defer(func() {
		remove(ts, []string{"rm", "--force", "--volumes"}, "ps", "--all", "--quiet", "--filter", label)
		remove(ts, []string{"network", "rm"}, "network", "ls", "--quiet", "--filter", label)
		remove(ts, []string{"image", "rm", "--force"}, "image", "ls", "--quiet", "--filter", label)
	})
}

// remove runs docker with what another docker command lists.
func remove(ts *testscript.TestScript, with []string, list ...string) {
	out, err := exec.Command("docker", list...).Output()
	ids := strings.Fields(string(out))
	if err != nil || len(ids) == 0 {
		return // no engine, or nothing was made
	}
	if text, err := exec.Command("docker", append(with, ids...)...).CombinedOutput(); err != nil {
		ts.Logf("cleaning up: %v: %s", err, text)
	}
}

// cmdExpect runs a command that must exit with the given code.
func cmdExpect(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: expect CODE COMMAND [ARG ...]")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if err != nil {
		var exited *exec.ExitError
		if !errors.As(err, &exited) {
			ts.Fatalf("running %q: %v", args[1], err)
		}
		code = exited.ExitCode()
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("%q exited with %d, want %s", args[1:], code, args[0])
	}
}

// cmdJSON parses a file, or "stdout", and compares one value in it: a dotted path whose
// numbers are indices.
func cmdJSON(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, args, 3, "json FILE PATH WANT")
	var value any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &value))
	for _, step := range strings.Split(args[1], ".") {
		switch v := value.(type) {
		case map[string]any:
			value = v[step]
		case []any:
			var i int
			if _, err := fmt.Sscan(step, &i); err != nil || i >= len(v) {
				ts.Fatalf("no %q in a list of %d", step, len(v))
			}
			value = v[i]
		default:
			ts.Fatalf("no %q in %v", step, value)
		}
	}
	if got := fmt.Sprint(value); !regexp.MustCompile("^(?:" + args[2] + ")$").MatchString(got) {
		ts.Fatalf("%s is %q, want %q", args[1], got, args[2])
	}
}

// cmdWaitFor waits until a file that matches a glob pattern is there; with !, until none
// is.
func cmdWaitFor(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: [!] waitfor PATTERN TIMEOUT")
	}
	limit, err := time.ParseDuration(args[1])
	ts.Check(err)
	for deadline := time.Now().Add(limit); ; time.Sleep(50 * time.Millisecond) {
		found, err := filepath.Glob(ts.MkAbs(args[0]))
		ts.Check(err)
		if (len(found) == 0) == neg {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("after %s: %q matches %q", limit, args[0], found)
		}
	}
}

// cmdHostile puts files into a folder whose names no archive format can hold: each is
// text that pretends to be audio.
func cmdHostile(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, args, 1, "hostile DIR")
	for _, name := range hostileNames() {
		ts.Check(os.WriteFile(filepath.Join(ts.MkAbs(args[0]), name), []byte("no music here\n"), 0o644))
	}
}

func hostileNames() []string {
	return []string{
		"with space.mp3", "new\nline.mp3", `quo"te's.mp3`, "-rf.mp3", "bad\xff\xfeutf8.mp3", "$(id).mp3", "up%2f..%2f.mp3",
		strings.Repeat("x", 251) + ".mp3",
	}
}

// cmdNonRoot fails when any process of the script's containers is root's, as the
// engine's host sees it, or when there is no container at all.
func cmdNonRoot(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, args, 1, "nonroot UID:GID")
	label := "label=com.docker.compose.project=" + ts.Getenv("COMPOSE_PROJECT_NAME")
	out, err := exec.Command("docker", "ps", "--quiet", "--filter", label).Output()
	ts.Check(err)
	ids := strings.Fields(string(out))
	if len(ids) == 0 {
		ts.Fatalf("no container runs")
	}
	for _, id := range ids {
		top, err := exec.Command("docker", "top", id, "-eo", "pid,uid,gid,args").Output()
		ts.Check(err)
		lines := bytes.Split(bytes.TrimSpace(top), []byte("\n"))
		if len(lines) < 2 {
			ts.Fatalf("container %s has no process: %s", id, top)
		}
		for _, line := range lines[1:] {
			f := strings.Fields(string(line))
			if len(f) < 4 || f[1]+":"+f[2] != args[0] {
				ts.Fatalf("a process of container %s is not %s's: %s", id, args[0], line)
			}
		}
	}
}
