package report_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/im2-audio/im2/nonroot"
	"github.com/im2-audio/im2/nonroot/report"
)

func some() nonroot.Report {
	return nonroot.Report{Services: 2, Suppressed: 1, Findings: []nonroot.Finding{
		{
			Rule: "D01", Level: nonroot.Error, Message: "the image runs as root: USER 0", File: "modules/a b/Dockerfile",
			Line: 12, Column: 2, EndColumn: 8, Source: "\tUSER 0", Services: []string{"web", "api"}, Fixable: true,
		},
		{Rule: "E01", Level: nonroot.Warning, Message: "nothing \x1b[31mred", File: "/else/where.yml", Hint: "do it"},
	}}
}

// mage is how the reports of the targets are worded.
func mage() report.Options {
	return report.Options{Tool: "mage audit", Fix: func(l nonroot.Level) string {
		if l == nonroot.Note {
			return "mage audit -fix -threshold=note"
		}
		return "mage audit -fix"
	}}
}

func TestText(t *testing.T) {
	t.Parallel()
	want := "modules/a b/Dockerfile:12:2: error D01: the image runs as root: USER 0 [web, api]\n" +
		"   12 |  USER 0\n      |  ^~~~~~\n      = fixed by: mage audit -fix\n" +
		"/else/where.yml: warning E01: nothing  [31mred\n      = do it\n" +
		"1 error, 1 warning and 0 notes in 2 services (1 suppressed); \"mage audit -fix\" fixes 1\n"
	if got := report.Text(some(), mage()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := report.Text(some(), report.Options{}); strings.Contains(got, "mage audit") || !strings.Contains(got, "= has a safe fix\n") || !strings.Contains(got, "; 1 error or warning has a safe fix\n") {
		t.Errorf("without a command: %s", got)
	}
	if got := report.Text(nonroot.Report{Services: 1}, mage()); got != "no finding in 1 service\n" {
		t.Errorf("got %q", got)
	}
}

// A service whose name is a word of the message is still named.
func TestServicesAreNamed(t *testing.T) {
	t.Parallel()
	f := nonroot.Finding{Rule: "D01", Level: nonroot.Error, Message: "the image runs as root", File: "Dockerfile", Services: []string{"a", "image"}}
	for want, services := range map[string][]string{
		"root [a, image]\n":                  {"a", "image"},
		"root [a, b, c, d, e, and 2 more]\n": {"a", "b", "c", "d", "e", "f", "g"},
	} {
		f.Services = services
		r := nonroot.Report{Services: 2, Findings: []nonroot.Finding{f}}
		if got := report.Text(r, report.Options{}); !strings.Contains(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		sarif, err := json.Marshal(report.NewSARIF(r, report.Options{}))
		if err != nil || !strings.Contains(string(sarif), strings.TrimSuffix(want, "\n")+`"`) {
			t.Errorf("got %s, %v, want %q", sarif, err, want)
		}
	}
	f.Message, f.Services, f.Named = "a runs as root", []string{"a"}, true
	if got := report.Text(nonroot.Report{Findings: []nonroot.Finding{f}}, report.Options{}); strings.Contains(got, "[") {
		t.Errorf("named twice: %q", got)
	}
}

// TestSARIFIsValid checks against the schema that OASIS publishes.
func TestSARIFIsValid(t *testing.T) {
	t.Parallel()
	schema, err := os.ReadFile(filepath.Join("testdata", "sarif-schema-2.1.0.json"))
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("sarif.json", parsed); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("sarif.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]nonroot.Report{"some": some(), "none": {}} {
		text, err := json.Marshal(report.NewSARIF(r, mage()))
		if err != nil {
			t.Fatal(err)
		}
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := compiled.Validate(value); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTheDocumentationIsCurrent holds docs/audit.md to the rules; IM2_UPDATE_SCRIPTS=1
// writes it.
func TestTheDocumentationIsCurrent(t *testing.T) {
	t.Parallel()
	path := filepath.Join("..", "..", "docs", "audit.md")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const begin = "<!-- From here on written by the rules themselves: IM2_UPDATE_SCRIPTS=1 go test ./nonroot/report -->\n"
	head, old, found := strings.Cut(string(text), begin)
	if !found {
		t.Fatalf("%s has lost the line %q", path, begin)
	}
	if fresh := "\n" + markdown(t); old != fresh {
		if os.Getenv("IM2_UPDATE_SCRIPTS") == "" {
			t.Fatalf("%s is not what the rules say; IM2_UPDATE_SCRIPTS=1 updates it", path)
		}
		if err := os.WriteFile(path, []byte(head+begin+fresh), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
