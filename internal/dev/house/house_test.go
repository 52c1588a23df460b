package house_test

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// longest is how many lines a Go file may have. The linter holds functions to 60.
const longest = 400

// TestFilesAreShort reads every Go file of the checkout.
func TestFilesAreShort(t *testing.T) {
	t.Parallel()
	files := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != "." && (strings.HasPrefix(d.Name(), ".") || path == "pipeline-data") {
			return filepath.SkipDir // tools, and data that other users may be changing
		}
		if d.IsDir() || filepath.Ext(path) != ".go" || strings.HasPrefix(d.Name(), "mage_output") {
			return nil // the last is Mage's, there while it compiles the targets
		}
		files++
		text, err := os.ReadFile(path)
		if n := bytes.Count(text, []byte("\n")); n > longest {
			t.Errorf("%s has %d lines, which is more than %d: part it where two things meet", path, n, longest)
		}
		return err
	})
	if err != nil || files < 100 {
		t.Errorf("read %d files: %v", files, err)
	}
}

// TestModulesAreTidy asks the Go command whether go.mod and go.sum are as it would write them.
// For that it needs modules that nothing else here needs, from the network the first time.
func TestModulesAreTidy(t *testing.T) {
	t.Parallel()
	for _, module := range []string{".", "tools", "tools/engine", "tools/kubernetes"} {
		cmd := exec.CommandContext(t.Context(), "go", "-C", module, "mod", "tidy", "-diff")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		diff, err := cmd.Output()
		switch {
		case len(diff) > 0:
			t.Errorf("\"go -C %s mod tidy\" would change:\n%.2000s", module, diff)
		case err != nil && os.Getenv("IM2_REQUIRE_DOCKER") == "1": // the gate leaves nothing out
			t.Errorf("asking whether %s is tidy: %v: %s", module, err, stderr.String())
		case err != nil:
			t.Logf("left out whether %s is tidy: %v: %.500s", module, err, stderr.String())
		}
	}
}
