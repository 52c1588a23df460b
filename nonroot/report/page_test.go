package report_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/im2-audio/im2/nonroot"
	"github.com/im2-audio/im2/nonroot/report"
)

// hostile is a report of a project whose names and lines want to be more than text.
func hostile() nonroot.Report {
	const evil = "<script>alert(1)</script>\"'&\x1b[31m\u202e::error file=x::y%0A\n::warning ::z"
	return nonroot.Report{
		Services: 2,
		Verdicts: []nonroot.Verdict{
			{Service: "web" + evil, Outcome: nonroot.Root, User: "0:0", Why: evil}, {Service: "job night", Outcome: nonroot.NotJudged, Why: "nobody knows"},
		},
		Findings: []nonroot.Finding{
			{Rule: "D01", Level: nonroot.Error, Message: evil, File: "a,b:c" + evil, Line: 2, Column: 3, EndColumn: 5, Source: "ab<cd" + evil, Services: []string{"web" + evil}},
			{Rule: "C14", Level: nonroot.Note, Message: "plain", File: "f", Services: []string{"night"}, Hint: evil},
			{Rule: "C04", Level: nonroot.Warning, Message: "fixable", File: "f", Line: 1, Column: 9, EndColumn: 2, Source: "x", Fixable: true},
		},
	}
}

// The page is what a browser's parser makes of it: the text is there, and nothing of it became an element.
func TestHTML(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]nonroot.Report{"hostile": hostile(), "some": some(), "none": {}} {
		var b strings.Builder
		if err := report.HTML(&b, "demo</title><script>", r, mage()); err != nil {
			t.Fatal(err)
		}
		root, err := html.Parse(strings.NewReader(b.String()))
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		elements := map[string]int{}
		for n := range root.Descendants() {
			switch n.Type {
			case html.ElementNode:
				elements[n.Data]++
				for _, a := range n.Attr {
					if a.Key == "href" || a.Key == "src" || strings.HasPrefix(a.Key, "on") {
						t.Errorf("%s: %s has %s", name, n.Data, a.Key)
					}
				}
			case html.TextNode:
				text.WriteString(n.Data + "\n")
			}
		}
		if elements["script"]+elements["link"]+elements["img"] > 0 || elements["article"] != len(r.Findings) || elements["tr"] != len(r.Verdicts)+1 {
			t.Errorf("%s: the page has %v", name, elements)
		}
		for _, f := range r.Findings {
			if head, _, _ := strings.Cut(f.Message, "\x1b"); !strings.Contains(text.String(), head) {
				t.Errorf("%s: %q is not on the page", name, head)
			}
		}
		if strings.ContainsAny(b.String(), "\x1b\u202e") {
			t.Errorf("%s: the page has control characters", name)
		}
	}
}

// What is said of a service and of a finding has a colour.
func TestVerdictsHaveAColour(t *testing.T) {
	t.Parallel()
	var r nonroot.Report
	for _, o := range []nonroot.Outcome{nonroot.Root, nonroot.NonRoot, nonroot.StepsDown, nonroot.NotJudged} {
		r.Verdicts = append(r.Verdicts, nonroot.Verdict{Outcome: o})
	}
	for _, l := range []nonroot.Level{nonroot.Error, nonroot.Warning, nonroot.Note} {
		r.Findings = append(r.Findings, nonroot.Finding{Level: l})
	}
	var b strings.Builder
	if err := report.HTML(&b, "demo", r, mage()); err != nil {
		t.Fatal(err)
	}
	said := regexp.MustCompile(`class="verdict ([a-z-]+)"`).FindAllStringSubmatch(b.String(), -1)
	if len(said) != len(r.Verdicts)+len(r.Findings) {
		t.Errorf("the page says %q", said)
	}
	for _, m := range said {
		if rule := regexp.MustCompile(`\.` + m[1] + `\b[^{}]*\{ color: var`); !rule.MatchString(b.String()) {
			t.Errorf("%q has no colour", m[1])
		}
	}
}

// A workflow command is one line, and nothing in it begins another.
func TestGitHub(t *testing.T) {
	t.Parallel()
	command := regexp.MustCompile(`^::(error|warning|notice) file=[^,:]+(,line=\d+,col=\d+,endColumn=\d+)?,title=[A-Z]\d\d::[^\r\n]*$`)
	lines := strings.Split(strings.TrimSuffix(report.GitHub(hostile(), mage()), "\n"), "\n")
	if len(lines) != 5 {
		t.Fatalf("%d lines: %q", len(lines), lines)
	}
	for _, line := range lines[:3] {
		if !command.MatchString(line) {
			t.Errorf("%q", line)
		}
	}
	if !strings.HasPrefix(lines[1], "::notice file=f,title=C14::plain [night]%0A<script>") || lines[3] != "services: 1 root, 1 not judged" {
		t.Errorf("%q", lines)
	}
	if !strings.Contains(lines[0], "a%2Cb%3Ac") || strings.Contains(lines[0], "y%0A") {
		t.Errorf("not escaped: %q", lines[0])
	}
}

type closed struct{}

func (closed) Write([]byte) (int, error) { return 0, errors.New("closed") }

func TestHTMLTellsOfItsWriter(t *testing.T) {
	t.Parallel()
	if err := report.HTML(closed{}, "x", some(), mage()); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("error = %v", err)
	}
}
