package scenario_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// action is what of action.yml a runner reads.
type action struct {
	Inputs map[string]struct{ Default string }
	Runs   struct {
		Steps []struct {
			Run string
			Env map[string]string
		}
	}
}

// TestAction runs the step of action.yml in projects as a runner of GitHub's does.
func TestAction(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("action.yml")
	if err != nil {
		t.Fatal(err)
	}
	var a action
	if err := yaml.Unmarshal(text, &a); err != nil {
		t.Fatal(err)
	}
	temp := t.TempDir()
	const asRoot = "services:\n  web:\n    image: a\n    user: \"0\"\n"
	for name, c := range map[string]struct {
		compose, threshold, sarif string
		code, errors              int
	}{
		"root":                      {asRoot, "", "", 1, 1},
		"not root":                  {strings.Replace(asRoot, `"0"`, `"1000"`, 1), "error", "", 0, 0},
		"no threshold":              {asRoot, "loud", "", 2, 0},
		"a command for a threshold": {asRoot, `"; touch found; "$(touch found)`, "", 2, 0},
		"an output for a path":      {asRoot, "", "report\nother=output", 2, 0},
		"a path like a flag":        {asRoot, "", "--help", 1, 1},
		"a link for a path":         {asRoot, "", "link", 1, 1},
		"a command in an error":     {"services:\n  web:\n    volumes: [\"/a\\n::set-output name=sarif::/x:/b\"]\n", "", "", 2, 0},
	} {
		t.Run(name, func(t *testing.T) { // not parallel: the program of the one before is used again
			project := t.TempDir()
			if err := os.WriteFile(filepath.Join(project, "compose.yaml"), []byte(c.compose), 0o600); err != nil {
				t.Fatal(err)
			}
			kept := filepath.Join(t.TempDir(), "kept")
			if err := errors.Join(os.WriteFile(kept, nil, 0o600), os.Symlink(kept, filepath.Join(project, "link"))); err != nil {
				t.Fatal(err)
			}
			code, printed, output := a.run(t, temp, project, map[string]string{"threshold": c.threshold, "sarif": c.sarif})
			if code != c.code {
				t.Errorf("exit code %d, want %d:\n%s", code, c.code, printed)
			}
			if _, err := os.Stat(filepath.Join(project, "found")); err == nil {
				t.Error("an input was run as a command")
			}
			if text, err := os.ReadFile(kept); err != nil || len(text) > 0 {
				t.Errorf("a link of the project was followed: %q, %v", text, err)
			}
			obeyed := runnerCommands(printed)
			if code == 2 {
				if len(obeyed) > 0 || output != "" {
					t.Errorf("a step that failed: the runner would obey %q; outputs %q", obeyed, output)
				}
				return
			}
			path := strings.TrimPrefix(strings.TrimSpace(output), "sarif=")
			for what, n := range map[string]int{"annotations": strings.Count(strings.Join(obeyed, "\n"), "::error"), "errors in the report": sarifErrors(t, path)} {
				if n < c.errors || c.errors == 0 && n > 0 {
					t.Errorf("%d %s, want %d:\n%s", n, what, c.errors, printed)
				}
			}
		})
	}
}

// run runs the step in a project with some inputs, and returns its exit code, what it printed and its outputs.
func (a action) run(t *testing.T, temp, project string, inputs map[string]string) (code int, printed, output string) {
	t.Helper()
	home, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	step, outputs := a.Runs.Steps[0], filepath.Join(t.TempDir(), "output")
	cmd := exec.CommandContext(t.Context(), "bash", "-e", "-o", "pipefail", "-c", step.Run) //nolint:gosec // the action's own script
	cmd.Dir, cmd.Env = project, append(os.Environ(), "GITHUB_ACTION_PATH="+home, "RUNNER_TEMP="+temp, "GITHUB_OUTPUT="+outputs)
	input := regexp.MustCompile(`\$\{\{ inputs\.(\w+) \}\}`)
	for variable, value := range step.Env {
		cmd.Env = append(cmd.Env, variable+"="+input.ReplaceAllStringFunc(value, func(s string) string {
			name := input.FindStringSubmatch(s)[1]
			return cmp.Or(inputs[name], a.Inputs[name].Default)
		}))
	}
	said, err := cmd.CombinedOutput()
	var exited *exec.ExitError
	if err != nil && !errors.As(err, &exited) {
		t.Fatal(err)
	}
	text, err := os.ReadFile(outputs)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(said), string(text)
}

// runnerCommands returns the lines of a log that a runner obeys.
func runnerCommands(log string) (all []string) {
	stopped := ""
	for line := range strings.Lines(log) {
		line = strings.TrimSpace(line)
		token, stops := strings.CutPrefix(line, "::stop-commands::")
		switch {
		case stopped != "":
			if line == "::"+stopped+"::" {
				stopped = ""
			}
		case stops:
			stopped = token
		case strings.HasPrefix(line, "::"):
			all = append(all, line)
		}
	}
	return all
}

// sarifErrors is how many errors a report has.
func sarifErrors(t *testing.T, path string) (n int) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var report struct {
		Version string
		Runs    []struct{ Results []struct{ Level string } }
	}
	if err := json.Unmarshal(text, &report); err != nil || report.Version != "2.1.0" {
		t.Fatalf("SARIF %q, %v", report.Version, err)
	}
	for _, result := range report.Runs[0].Results {
		if result.Level == "error" {
			n++
		}
	}
	return n
}

// TestRelease checks the release's configuration with goreleaser itself, and builds im2 as it would.
func TestRelease(t *testing.T) {
	t.Parallel()
	if os.Getenv("IM2_REQUIRE_DOCKER") == "" {
		t.Skip("building goreleaser takes minutes; only the gate does")
	}
	// It writes into the checkout. Without optimization it is built in half the time.
	checkout, goreleaser := filepath.Join(t.TempDir(), "im2"), filepath.Join(t.TempDir(), "goreleaser")
	for _, argv := range [][]string{
		{"git", "clone", "--quiet", ".", checkout},
		{"go", "build", "-modfile=tools/release/go.mod", "-gcflags=all=-N -l", "-ldflags=-s -w", "-o", goreleaser, "github.com/goreleaser/goreleaser/v2"},
		{goreleaser, "check"},
		{goreleaser, "build", "--snapshot", "--single-target", "--output", "im2"},
		{"./im2", "version"},
		{"./im2", "audit"},
	} {
		cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...) //nolint:gosec // the table above
		if argv[0] != "git" {
			cmd.Dir = checkout
		}
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", strings.Join(argv, " "), err, text)
		}
	}
}
