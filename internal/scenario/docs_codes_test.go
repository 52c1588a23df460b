package scenario_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/im2-audio/im2/internal/usage/manual"
)

// TestExitCodesInScenariosAreDocumented fails when a target ends with an exit code in a scenario
// of which docs/targets.md says nothing.
func TestExitCodesInScenariosAreDocumented(t *testing.T) {
	t.Parallel()
	targets, notes := knownTargets(t), manual.Notes
	line := regexp.MustCompile(`(?m)^(?:\[\S*\] )*(?:expect|as \d+) ([1-9]\d*) (?:mage|\$mage|\$MAGE|\S*/bin/mage) ([^;|&<>\n]*)`)
	scripts, err := filepath.Glob(filepath.Join("testdata", "script", "*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, script := range scripts {
		text, err := os.ReadFile(script)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range line.FindAllStringSubmatch(string(text), -1) {
			target, ok := targets.Find(strings.Fields(m[2])[0])
			if !ok {
				continue // wrong on purpose
			}
			seen++
			note := notes[target.Name]
			if when, documented := map[string]string{"1": note.Failed, "2": note.Unusable, "3": note.Missing}[m[1]]; when == "" || !documented {
				t.Errorf("%s: %q ends with exit code %s, which internal/usage/manual/note.go does not tell of", script, m[2], m[1])
			}
		}
	}
	if seen < 50 {
		t.Fatalf("found only %d exit codes", seen)
	}
}
