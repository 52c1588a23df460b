package scenario_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestJSONInThePagesIsThatOfTheCode looks for each key of the answers that the pages show among
// the keys that the code writes.
func TestJSONInThePagesIsThatOfTheCode(t *testing.T) {
	t.Parallel()
	keys := writtenKeys(t)
	shown := regexp.MustCompile(`(?:^|[{[,])\s*"([a-z][a-zA-Z_]*)"`) // a page may show keys without values
	seen := 0
	for _, page := range pages(t) {
		for _, block := range page.Blocks {
			if len(block.Lines) == 0 || !strings.HasPrefix(block.Lines[0].Text, "{") {
				continue
			}
			for _, line := range block.Lines {
				for _, m := range shown.FindAllStringSubmatch(line.Text, -1) {
					if seen++; !keys[m[1]] {
						t.Errorf("%s:%d: nothing in the code writes the key %q", page.Path, line.Line, m[1])
					}
				}
			}
		}
	}
	if seen < 80 {
		t.Fatalf("found only %d keys", seen)
	}
}

// writtenKeys returns the JSON names of fields, and the words that are keys of maps: those are
// constants.
func writtenKeys(t *testing.T) map[string]bool {
	t.Helper()
	found := make(map[string]bool)
	tag := regexp.MustCompile("`json:\"([a-z][a-zA-Z_]*)|= \"([a-z_]+)\"")
	for _, folder := range []string{"internal", "nonroot", "ownership", "pipeline"} {
		err := filepath.WalkDir(folder, func(path string, _ os.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			for _, m := range tag.FindAllStringSubmatch(string(text), -1) {
				found[m[1]+m[2]] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}
