package scenario_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// ours are the services that IM2 comes with and that scenarios have unless they ask for more: the pages of web would be built and
// started in each. A checkout may have others, which scenarios and pages know nothing of.
var ours = []string{"watcher", "demucs", "demucs-gpu", "organizer"}

// keepOurs takes all services out of a copy of the project, but ours and those that are named.
func keepOurs(project string, also ...string) error {
	path := filepath.Join(project, "docker-compose.yml")
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var file struct{ Services map[string]any }
	if err := yaml.Unmarshal(text, &file); err != nil {
		return err
	}
	for name := range file.Services {
		if slices.Contains(ours, name) || slices.Contains(also, name) {
			continue
		}
		section := regexp.MustCompile(`(?m)^\n?  ` + regexp.QuoteMeta(name) + `:\n(?:(?:    .*)?\n)*`)
		text = section.ReplaceAll(text, nil)
		if err := os.RemoveAll(filepath.Join(project, "modules", name)); err != nil {
			return err
		}
	}
	text = []byte(strings.TrimRight(string(text), "\n") + "\n")
	return os.WriteFile(path, text, 0o600)
}

func TestKeepOurs(t *testing.T) {
	t.Parallel()
	before, err := os.ReadFile("docker-compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	project := t.TempDir()
	write := func(text string) {
		if err := os.WriteFile(filepath.Join(project, "docker-compose.yml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(project, "modules", "loudness"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(string(before))
	if err := keepOurs(project); err != nil {
		t.Fatal(err)
	}
	alone, err := os.ReadFile(filepath.Join(project, "docker-compose.yml"))
	if err != nil {
		t.Fatal(err)
	}
	write(string(alone) + "\n\n  loudness:\n    <<: *service\n    build:\n\n      context: ./modules/loudness\n      args: *ids\n")
	if err := keepOurs(project); err != nil {
		t.Fatal(err)
	}
	after, err := os.ReadFile(filepath.Join(project, "docker-compose.yml"))
	if err != nil || string(after) != string(alone) {
		t.Errorf("%v\n%s", err, after)
	}
	if _, err := os.Stat(filepath.Join(project, "modules", "loudness")); err == nil {
		t.Error("its module is still there")
	}
}
