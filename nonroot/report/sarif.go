package report

import (
	"cmp"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/im2-audio/im2/nonroot"
)

// object is one of the log, by the names of the format.
type object = map[string]any

// NewSARIF returns a log in the Static Analysis Results Interchange Format 2.1.0, for code scanners: pass it to
// json.Marshal. Files are relative to %SRCROOT%.
func NewSARIF(r nonroot.Report, o Options) any {
	index := make(map[string]int)
	var rules []object
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
		rules = append(rules, object{
			"id":                   rule.ID,
			"shortDescription":     object{"text": rule.Title},
			"fullDescription":      object{"text": rule.Why},
			"help":                 object{"text": help},
			"defaultConfiguration": object{"level": rule.Own},
		})
	}
	results := make([]object, 0, len(r.Findings)) // an empty list says that the audit ran and found nothing
	for _, f := range r.Findings {
		results = append(results, object{
			"ruleId":    f.Rule,
			"ruleIndex": index[f.Rule],
			"level":     f.Level,
			"message":   object{"text": f.Message + services(f)},
			"locations": []object{{"physicalLocation": place(f)}},
		})
	}
	driver := object{"name": cmp.Or(o.Tool, "nonroot"), "rules": rules}
	return object{
		"$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
		"version": "2.1.0",
		"runs":    []object{{"tool": object{"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}},
	}
}

func place(f nonroot.Finding) object {
	file := object{"uri": escape(f.File), "uriBaseId": "%SRCROOT%"}
	if filepath.IsAbs(filepath.FromSlash(f.File)) {
		file = object{"uri": "file://" + escape("/"+strings.TrimPrefix(f.File, "/"))}
	}
	if f.Line == 0 {
		return object{"artifactLocation": file}
	}
	region := object{"startLine": f.Line, "startColumn": max(1, f.Column), "endColumn": max(f.EndColumn, f.Column+1)}
	return object{"artifactLocation": file, "region": region}
}

// escape makes a path one that a URI may hold.
func escape(path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		parts[i] = url.PathEscape(part)
	}
	return strings.Join(parts, "/")
}
