package report

import (
	"cmp"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/im2-audio/im2/nonroot"
)

// sarif is a log in the Static Analysis Results Interchange Format 2.1.0; only the parts
// of the format that are used here.
type sarif struct {
	Schema  string `json:"$schema"`
	Version string `json:"version"`
	Runs    []run  `json:"runs"`
}

type run struct {
	Tool       tool     `json:"tool"`
	ColumnKind string   `json:"columnKind"`
	Results    []result `json:"results"`
}

type tool struct {
	Driver driver `json:"driver"`
}

type driver struct {
	Name  string       `json:"name"`
	Rules []descriptor `json:"rules"`
}

type descriptor struct {
	ID               string        `json:"id"`
	ShortDescription message       `json:"shortDescription"`
	FullDescription  message       `json:"fullDescription"`
	Help             message       `json:"help"`
	Default          configuration `json:"defaultConfiguration"`
}

type configuration struct {
	Level string `json:"level"`
}

type message struct {
	Text string `json:"text"`
}

type result struct {
	RuleID    string     `json:"ruleId"`
	RuleIndex int        `json:"ruleIndex"`
	Level     string     `json:"level"`
	Message   message    `json:"message"`
	Locations []location `json:"locations"`
}

type location struct {
	Physical physicalLocation `json:"physicalLocation"`
}

type physicalLocation struct {
	Artifact artifact `json:"artifactLocation"`
	Region   *region  `json:"region,omitempty"`
}

type artifact struct {
	URI    string `json:"uri"`
	BaseID string `json:"uriBaseId,omitempty"`
}

type region struct {
	StartLine   int `json:"startLine"`
	StartColumn int `json:"startColumn"`
	EndColumn   int `json:"endColumn"`
}

// NewSARIF returns a log in the Static Analysis Results Interchange Format 2.1.0, for code scanners. The value is
// one that encoding/json can encode. Files are relative to %SRCROOT%.
func NewSARIF(r nonroot.Report, o Options) any {
	index := make(map[string]int)
	d := driver{Name: cmp.Or(o.Tool, "nonroot")}
	for i, rule := range nonroot.Rules() {
		index[rule.ID] = i
		help := rule.Why + " Source: " + rule.Source + "."
		if rule.Fix != "" {
			by := "The fix"
			if o.Fix != nil {
				by = strconv.Quote(o.Fix(nonroot.Warning))
			}
			help += " " + by + " " + rule.Fix + "."
		}
		d.Rules = append(d.Rules, descriptor{
			ID: rule.ID, ShortDescription: message{rule.Title}, FullDescription: message{rule.Why}, Help: message{help},
			Default: configuration{rule.Own.String()},
		})
	}
	results := make([]result, 0, len(r.Findings)) // an empty list says that it was looked for
	for _, f := range r.Findings {
		results = append(results, result{
			RuleID: f.Rule, RuleIndex: index[f.Rule], Level: f.Level.String(), Message: message{f.Message + services(f)},
			Locations: []location{{place(f)}},
		})
	}
	return sarif{
		Schema:  "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
		Version: "2.1.0",
		Runs:    []run{{Tool: tool{d}, ColumnKind: "unicodeCodePoints", Results: results}},
	}
}

func place(f nonroot.Finding) physicalLocation {
	p := physicalLocation{Artifact: artifact{URI: escape(f.File), BaseID: "%SRCROOT%"}}
	if filepath.IsAbs(filepath.FromSlash(f.File)) {
		p.Artifact = artifact{URI: "file://" + escape("/"+strings.TrimPrefix(f.File, "/"))}
	}
	if f.Line > 0 {
		p.Region = &region{StartLine: f.Line, StartColumn: max(1, f.Column), EndColumn: max(f.EndColumn, f.Column+1)}
	}
	return p
}

// escape makes a path one that a URI may hold.
func escape(path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		parts[i] = url.PathEscape(part)
	}
	return strings.Join(parts, "/")
}
