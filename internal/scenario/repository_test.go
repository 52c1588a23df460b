package scenario_test

import (
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

// TestAction runs the step of action.yml in projects as a runner of GitHub's does.
func TestAction(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("action.yml")
	if err != nil {
		t.Fatal(err)
	}
	var action struct {
		Inputs map[string]struct{ Default string }
		Runs   struct {
			Steps []struct {
				Run string
				Env map[string]string
			}
		}
	}
	if err := yaml.Unmarshal(text, &action); err != nil {
		t.Fatal(err)
	}
	if len(action.Runs.Steps) != 1 {
		t.Fatalf("%d steps, want 1", len(action.Runs.Steps))
	}
	step := action.Runs.Steps[0]
	home, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	const asRoot = "services:\n  web:\n    image: a\n    user: \"0\"\n"
	for name, c := range map[string]struct {
		compose, threshold string
		code, errors       int
	}{
		"root":                      {asRoot, "", 1, 1},
		"not root":                  {strings.Replace(asRoot, `"0"`, `"1000"`, 1), "error", 0, 0},
		"no threshold":              {asRoot, "loud", 2, 0},
		"a command for a threshold": {asRoot, `"; touch found; "$(touch found)`, 2, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			project, temp := t.TempDir(), t.TempDir()
			if err := os.WriteFile(filepath.Join(project, "compose.yaml"), []byte(c.compose), 0o600); err != nil {
				t.Fatal(err)
			}
			given := map[string]string{"threshold": c.threshold}
			cmd := exec.CommandContext(t.Context(), "bash", "-e", "-o", "pipefail", "-c", step.Run)
			cmd.Dir = project
			output := filepath.Join(temp, "output")
			cmd.Env = append(os.Environ(), "GITHUB_ACTION_PATH="+home, "RUNNER_TEMP="+temp, "GITHUB_OUTPUT="+output)
			input := regexp.MustCompile(`\$\{\{ inputs\.(\w+) \}\}`)
			for variable, value := range step.Env {
				cmd.Env = append(cmd.Env, variable+"="+input.ReplaceAllStringFunc(value, func(s string) string {
					name := input.FindStringSubmatch(s)[1]
					if given[name] != "" {
						return given[name]
					}
					return action.Inputs[name].Default
				}))
			}
			printed, err := cmd.CombinedOutput()
			var exited *exec.ExitError
			code := 0
			if errors.As(err, &exited) {
				code = exited.ExitCode()
			} else if err != nil {
				t.Fatal(err)
			}
			if code != c.code {
				t.Errorf("exit code %d, want %d:\n%s", code, c.code, printed)
			}
			if _, err := os.Stat(filepath.Join(project, "found")); err == nil {
				t.Error("an input was run as a command")
			}
			if code == 2 {
				return
			}
			if n := strings.Count(string(printed), "::error"); n < c.errors || c.errors == 0 && n > 0 {
				t.Errorf("%d annotations, want %d:\n%s", n, c.errors, printed)
			}
			path, err := os.ReadFile(output)
			if err != nil {
				t.Fatal(err)
			}
			report, err := os.ReadFile(strings.TrimPrefix(strings.TrimSpace(string(path)), "sarif="))
			if err != nil {
				t.Fatal(err)
			}
			var sarif struct {
				Version string
				Runs    []struct{ Results []struct{ Level string } }
			}
			if err := json.Unmarshal(report, &sarif); err != nil {
				t.Fatal(err)
			}
			found := 0
			for _, result := range sarif.Runs[0].Results {
				if result.Level == "error" {
					found++
				}
			}
			if sarif.Version != "2.1.0" || found < c.errors || c.errors == 0 && found > 0 {
				t.Errorf("%d errors in the report, want %d:\n%s", found, c.errors, report)
			}
		})
	}
}

// TestRelease checks the release's configuration with goreleaser itself, and builds im2 as it would.
func TestRelease(t *testing.T) {
	t.Parallel()
	if os.Getenv("IM2_REQUIRE_DOCKER") == "" {
		t.Skip("building goreleaser takes minutes; only the gate does")
	}
	// It writes into the checkout.
	checkout := filepath.Join(t.TempDir(), "im2")
	for _, argv := range [][]string{
		{"git", "clone", "--quiet", ".", checkout},
		{"go", "tool", "-modfile=tools/release/go.mod", "goreleaser", "check"},
		{"go", "tool", "-modfile=tools/release/go.mod", "goreleaser", "build", "--snapshot", "--single-target", "--output", "im2"},
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
