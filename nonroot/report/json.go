package report

import "github.com/im2-audio/im2/nonroot"

// Version is that of JSON's shape: it grows when a field goes or changes its meaning, not
// when one is added.
const Version = 1

// JSON is the answer of "mage audit -format=json".
type JSON struct {
	Version int    `json:"version"`
	Project string `json:"project"`
	// Findings are ordered by file, line, column and rule.
	Findings []nonroot.Finding `json:"findings"`
	Summary  Counts            `json:"summary"`
}

// Counts are how many findings there are.
type Counts struct {
	Errors     int `json:"errors"`
	Warnings   int `json:"warnings"`
	Notes      int `json:"notes"`
	Suppressed int `json:"suppressed"`
	Omitted    int `json:"omitted"`
	Services   int `json:"services"`
}

// NewJSON returns the findings for programs.
func NewJSON(project string, r nonroot.Report) JSON {
	return JSON{
		Version: Version, Project: project, Findings: append([]nonroot.Finding{}, r.Findings...),
		Summary: Counts{
			Errors: r.Count(nonroot.Error), Warnings: r.Count(nonroot.Warning), Notes: r.Count(nonroot.Note),
			Suppressed: r.Suppressed, Omitted: r.Omitted, Services: r.Services,
		},
	}
}
