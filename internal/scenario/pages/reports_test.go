//go:build linux

package pages_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/im2-audio/im2/nonroot"
	"github.com/im2-audio/im2/nonroot/report"
)

// The reports that audit and verify write as pages can be used by everybody. The second one is what a test of the package cli keeps.
func TestReportsAreForEverybody(t *testing.T) {
	t.Parallel()
	text, err := axe()
	need(t, "axe-core", "", err)
	var audit bytes.Buffer
	must(t, report.HTML(&audit, "demo", nonroot.Report{
		Services: 4, Suppressed: 1,
		Verdicts: []nonroot.Verdict{
			{Service: "web", Outcome: nonroot.Root, User: "0:0", Why: "the image has no USER"},
			{Service: "api", Outcome: nonroot.NonRoot, User: "1000:1000", Why: "user: in docker-compose.yml"},
			{Service: "cache", Outcome: nonroot.StepsDown, User: "999:999", Why: "its entrypoint changes the user"},
			{Service: "job night", Outcome: nonroot.NotJudged, Why: "the image is not available locally"},
		},
		Findings: []nonroot.Finding{
			{Rule: "D01", Level: nonroot.Error, Message: "the image runs as root: USER 0", File: "web/Dockerfile", Line: 12, Column: 1, EndColumn: 7, Source: "USER 0 # the fonts below /usr/share must be readable for the program that draws the pictures, which starts as root", Services: []string{"web"}, Fixable: true},
			{Rule: "C04", Level: nonroot.Warning, Message: "privileges can be gained", File: "docker-compose.yml", Line: 3, Source: "  web:", Services: []string{"web", "api"}, Hint: "set no-new-privileges"},
			{Rule: "C14", Level: nonroot.Note, Message: "the root file system can be written to", File: "docker-compose.yml", Services: []string{"cache"}},
		},
	}, report.Options{Tool: "mage audit"}))
	page := filepath.Join(t.TempDir(), "audit.html")
	must(t, os.WriteFile(page, audit.Bytes(), 0o644))
	verify, err := filepath.Abs("internal/cli/testdata/verify.html")
	must(t, err)
	b := newTab(t)
	for name, path := range map[string]string{"audit": page, "verify": verify} {
		b.wantForEverybody(text, name, "file://"+path, func() {
			if eval[int](b, `document.querySelectorAll('h1, table').length`) < 2 {
				t.Errorf("%s is no report", path)
			}
		})
	}
	b.quiet("")
}
