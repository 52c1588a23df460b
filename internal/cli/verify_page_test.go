package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/im2-audio/im2/nonroot"
	"github.com/im2-audio/im2/nonroot/verify"
)

// The page is what a browser's parser makes of it: every check is a row, and nothing that a container said became an element.
func TestVerifyPage(t *testing.T) {
	t.Parallel()
	const evil = "</td><script>alert(1)</script>\"'&\x1b[31m\u202e\nnext"
	checks := []verify.Finding{
		{Check: verify.Users, Level: nonroot.Error, By: verify.ByHost, Detail: "process 7 is 0:0 " + evil},
		{Check: verify.Umask, Level: nonroot.Warning, Detail: evil},
	}
	report := shownReport(verify.Report{
		Project: "demo" + evil, Result: nonroot.Error, Failures: 1, Warnings: 1, Seconds: 1.25,
		Services:  []verify.Service{{Service: "web", Container: "demo-web-1" + evil, Asked: evil, Checks: checks}},
		Elsewhere: []verify.Service{{Service: evil, Node: evil, Checks: checks}},
		Data:      checks, Control: checks,
	})
	page, err := report.page(time.Date(2026, 11, 29, 8, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	elements := map[string]int{}
	for n := range root.Descendants() {
		switch n.Type {
		case html.ElementNode:
			elements[n.Data]++
		case html.TextNode:
			text.WriteString(n.Data + "\n")
		}
	}
	if elements["script"]+elements["link"]+elements["img"]+elements["a"] > 0 || elements["h2"] != 4 || elements["tr"] != 4*(1+len(checks)) {
		t.Errorf("the page has %v", elements)
	}
	for _, want := range []string{"process 7 is 0:0 </td><script>", "2026-11-29 08:00 UTC", "1 failure, 1 warning", "fail", "warn", "users", "host"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is not on the page", want)
		}
	}
	if strings.ContainsAny(page, "\x1b\u202e") {
		t.Error("the page has control characters")
	}
	const kept = "testdata/verify.html" // which a test of internal/scenario/pages opens in a browser
	if os.Getenv("IM2_UPDATE_SCRIPTS") == "1" {
		if err := os.MkdirAll(filepath.Dir(kept), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(kept, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if text, err := os.ReadFile(kept); err != nil || string(text) != page {
		t.Errorf("%s is not this page (%v); IM2_UPDATE_SCRIPTS=1 makes it", kept, err)
	}
}
