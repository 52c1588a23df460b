package scenario_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestSymptomsAreWhatTheCodeSays holds each message of the troubleshooting page to the texts in
// the code, so that people who search for what they see find it.
func TestSymptomsAreWhatTheCodeSays(t *testing.T) {
	t.Parallel()
	page, err := readPage(filepath.Join("docs", "troubleshooting.md"))
	if err != nil {
		t.Fatal(err)
	}
	pieces := piecesOf(t, "internal", "modules", "nonroot", "ownership", "pipeline")
	symptoms := 0
	for _, block := range page.Blocks {
		if block.Language != "text" {
			continue
		}
		for _, line := range block.Lines {
			symptoms++
			if strange := nobodySays(pieces, line.Text); strange != "" {
				t.Errorf("%s:%d: nothing in the code says %q (write what others say as \"...\")", page.Path, line.Line, strange)
			}
		}
	}
	if symptoms < 20 {
		t.Fatalf("found only %d symptoms", symptoms)
	}
}

// nobodySays returns a part of a message that is nowhere in the code. Up to five words in a row
// may be values, with what stands between two of them.
func nobodySays(pieces []string, message string) string {
	for _, piece := range pieces {
		message = strings.ReplaceAll(message, piece, " ... ")
	}
	for part := range strings.SplitSeq(message, "...") {
		if words := regexp.MustCompile(`\S*[A-Za-z]\S*`).FindAllString(part, -1); len(words) > 5 {
			return strings.TrimSpace(part)
		}
	}
	return ""
}

func TestNobodySays(t *testing.T) {
	t.Parallel()
	pieces := []string{" could not be found: ", "could not"}
	for message, want := range map[string]string{
		"some file of mine could not be found: for no reason":     "",
		"some file of mine could not be seen: for no good reason": "be seen: for no good reason",
		"the file that was mine before could not be found: x":     "the file that was mine before",
		"... could not be found: ... and that is why it ends":     "and that is why it ends",
	} {
		if got := nobodySays(pieces, message); got != want {
			t.Errorf("of %q nobody says %q, want %q", message, got, want)
		}
	}
}

// piecesOf returns what the texts in Go code have between the places where values are put in, the
// longest first.
func piecesOf(t *testing.T, folders ...string) []string {
	t.Helper()
	var found []string
	verb := regexp.MustCompile(`%[-+#]?[\d.]*[a-zA-Z]`)
	for _, folder := range folders {
		err := filepath.WalkDir(folder, func(path string, _ os.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
					text, _ := strconv.Unquote(l.Value) // the parser read it
					for _, piece := range verb.Split(strings.ReplaceAll(text, "\n", "%s"), -1) {
						if strings.Count(strings.TrimSpace(piece), " ") > 0 {
							found = append(found, strings.TrimSpace(piece))
						}
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	slices.SortFunc(found, func(a, b string) int { return len(b) - len(a) })
	return slices.Compact(found)
}
