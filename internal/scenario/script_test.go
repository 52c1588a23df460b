// Package scenario_test runs the scenarios in testdata/script: each is a script of what
// people type, run against the compiled targets. Those that need a Docker engine begin
// with "[!docker] skip" and run against the real one; see CONTRIBUTING.md for the
// commands that scripts have beside testscript's own.
package scenario_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/flock"
	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sync/semaphore"

	"github.com/im2-audio/im2/internal/dev/browser"
	"github.com/im2-audio/im2/internal/dev/moby"
	"github.com/im2-audio/im2/internal/dev/suite"
	"github.com/im2-audio/im2/internal/dev/thorough"
	"github.com/im2-audio/im2/internal/run"
)

// harness is what all scripts share.
type harness struct {
	home string // this checkout
	bin  string // a folder for PATH that has the compiled targets as "mage"

	docker   func() error               // nil when an engine answers; asked once
	rootless func() error               // nil when a rootless engine can be started; asked once
	engines  func() *semaphore.Weighted // how many separation engines the machine can hold
	moby     func() (string, error)     // the folder of a current Docker Engine; built once
	chromium func() (string, error)     // a browser; installed once

	mu      sync.Mutex
	leftOut map[string]int // why, and how many scripts
}

func newHarness(t *testing.T) *harness {
	t.Helper()
	home, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	h := &harness{home: home, bin: t.TempDir(), leftOut: make(map[string]int)}
	h.docker = sync.OnceValue(h.askDocker)
	h.rootless = sync.OnceValue(askRootless)
	h.engines = sync.OnceValue(func() *semaphore.Weighted { return semaphore.NewWeighted(askMemory() / memoryOfEngine) })
	h.moby = sync.OnceValues(func() (string, error) {
		return moby.Build(context.Background(), run.Local{}, home, os.Getenv("IM2_REQUIRE_DOCKER") == "1")
	})
	h.chromium = sync.OnceValues(func() (string, error) {
		return browser.Chromium(context.Background(), run.Local{}, os.Getenv("IM2_REQUIRE_DOCKER") == "1")
	})
	out := filepath.Join(h.bin, "mage")
	if runtime.GOOS == "windows" {
		out += ".exe"
	}
	cmd := exec.CommandContext(t.Context(), "go", "run", "magefile.go", "-compile", out)
	if packages := os.Getenv(suite.PackagesVar); packages != "" { // "mage test -coverage": what targets run counts, too
		// The cover tool knows no overlay, so Mage itself compiles. It keeps a file beside the targets meanwhile: one at a time.
		if err := os.MkdirAll(filepath.Join(home, ".im2"), 0o755); err != nil {
			t.Fatal(err)
		}
		lock := flock.New(filepath.Join(home, ".im2", "compile.lock"))
		if err := lock.Lock(); err != nil {
			t.Fatal(err)
		}
		defer lock.Close() //nolint:errcheck // the process ends, and with it the lock
		cmd = exec.CommandContext(t.Context(), "go", "tool", "mage", "-compile", out)
		cmd.Env = append(os.Environ(), "GOFLAGS="+os.Getenv("GOFLAGS")+" -cover -covermode=atomic -coverpkg="+packages+",command-line-arguments") // what Mage calls the targets: without its main package, a program keeps no count
	}
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("compiling the targets: %v\n%s", err, text)
	}
	return h
}

func TestScripts(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	t.Cleanup(func() {
		for why, n := range h.leftOut {
			t.Logf("left out %d scenarios: %s", n, why)
		}
	})
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		Setup:               h.setup,
		Cmds:                commands(),
		Condition:           h.condition,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       os.Getenv("IM2_UPDATE_SCRIPTS") != "",
	})
}

// passed are the variables of this process that scripts see: how to reach Go's caches,
// the network and the engine. Not the project's settings: those are the script's.
func passed() []string {
	return []string{
		"HOME", "USERPROFILE", "GOPATH", "GOCACHE", "GOMODCACHE", "GOPROXY", "GOSUMDB", "GOFLAGS", "GOTOOLCHAIN",
		"DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_CONTEXT", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY",
		"SSL_CERT_FILE", "SSL_CERT_DIR", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
		"BASE_IMAGE", "IM2_REQUIRE_DOCKER",
	}
}

func (h *harness) setup(env *testscript.Env) error {
	for _, name := range passed() {
		if value, ok := os.LookupEnv(name); ok {
			env.Setenv(name, value)
		}
	}
	env.Setenv("PATH", h.bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	env.Setenv("CHECKOUT", h.home)
	if folder := os.Getenv("IM2_COVER_FOLDER"); folder != "" {
		env.Setenv("GOCOVERDIR", folder) // where the targets write what of them ran
	}
	// Whom services run as in scripts that do not care: only root can give files away.
	env.Setenv("IDS", "1000:1000")
	if uid := os.Getuid(); uid > 0 {
		env.Setenv("IDS", fmt.Sprintf("%d:%d", uid, os.Getgid()))
	}
	env.Values[engineKey{}] = new(scriptEngine)
	env.Values[clusterKey{}] = new(scriptCluster)
	env.Values[tabKey{}] = new(scriptTab)
	env.Values[harnessKey{}] = h
	env.Setenv("MAGE", filepath.Join(h.bin, "mage"))
	// Compose finds its containers by this name, so two scripts must not share one.
	name := regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(filepath.Base(env.WorkDir), "-")
	env.Setenv("COMPOSE_PROJECT_NAME", fmt.Sprintf("im2-test-%s-%d", strings.Trim(strings.TrimPrefix(name, "script"), "-"), os.Getpid()))
	return nil
}

// askDocker asks the compiled targets' own engine, with its own plugins.
func (h *harness) askDocker() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(h.bin, "mage"), "status")
	cmd.Dir = h.home
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, text)
	}
	return nil
}

// condition is what scripts can ask for in [brackets]. One that is not met because
// something is missing here is an error when nothing may be left out.
func (h *harness) condition(name string) (bool, error) {
	var err error
	switch name {
	case "docker":
		err = h.docker()
	case "thorough":
		if thorough.Of(1, 0) == 0 {
			err = errors.New("what compiles for long runs with: mage test")
		}
	case "moby":
		_, err = h.moby()
	case "cluster":
		if !wantsCluster() { // also where nothing may be left out
			h.leaveOut("the tests of many machines run with: mage test -cluster")
			return false, nil
		}
		err = askCluster()
	case "rootless":
		err = h.rootless()
	case "chromium":
		_, err = h.chromium()
	case "ownerless":
		err = askOwnerless()
	case "root":
		if os.Geteuid() != 0 {
			err = errors.New("giving files to another user needs root")
		}
	case "linter":
		if found, _ := filepath.Glob(filepath.Join(h.home, ".im2", "tools", "golangci-lint-*")); len(found) == 0 {
			err = errors.New("the linter is not built yet (mage lint)")
		}
	default:
		return false, fmt.Errorf("unknown condition %q", name)
	}
	if err == nil {
		return true, nil
	}
	if os.Getenv("IM2_REQUIRE_DOCKER") == "1" {
		return false, fmt.Errorf("IM2_REQUIRE_DOCKER=1 and [%s] is not met: %w", name, err)
	}
	h.leaveOut(err.Error())
	return false, nil
}

func (h *harness) leaveOut(why string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.leftOut[why]++
}

// TestEveryTargetHasAScenario fails for a target that no script runs.
func TestEveryTargetHasAScenario(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), filepath.Join(h.bin, "mage"), "-l")
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("mage -l: %v, standard error: %q", err, stderr.String())
	}
	run := ranTargets(t)
	targets := regexp.MustCompile(`(?m)^  (\w+)`).FindAllStringSubmatch(string(out), -1)
	if len(targets) < 10 {
		t.Fatalf("read only %d targets from: %s", len(targets), out)
	}
	for _, target := range targets {
		if !slices.Contains(run, strings.ToLower(target[1])) {
			t.Errorf("no scenario in testdata/script runs \"mage %s\"", target[1])
		}
	}
}

// ranTargets returns what scripts pass to mage, without hyphens, in lower case.
func ranTargets(t *testing.T) []string {
	t.Helper()
	scripts, err := filepath.Glob(filepath.Join("testdata", "script", "*.txtar"))
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	var run []string
	for _, script := range scripts {
		text, err := os.ReadFile(script)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^(?:exec|expect \d+) (?:mage|\$MAGE) ([a-z-]+)`).FindAllStringSubmatch(string(text), -1) {
			run = append(run, strings.ToLower(strings.ReplaceAll(m[1], "-", "")))
		}
	}
	return run
}
