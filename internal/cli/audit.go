package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize/english"
	"github.com/rogpeppe/go-internal/diff"

	"github.com/im2-audio/im2/internal/build/image"
	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/policy"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/run"
	"github.com/im2-audio/im2/nonroot"
	"github.com/im2-audio/im2/nonroot/report"
)

const (
	// imagesWithin is how long an engine may take to say which images it has: the audit
	// can do without.
	imagesWithin = 5 * time.Second
)

// Audit are the flags of the target of that name.
type Audit struct {
	// Fix repairs; Diff only shows what Fix would do.
	Fix, Diff bool
	// Try also starts what was fixed.
	Try bool
	// Format is text, json, sarif, github or html.
	Format string
	// JSON is the format json.
	JSON bool
	// Baseline is a file with an earlier report as JSON, whose findings do not count; "" for none.
	Baseline string
	// Only are the rules to look for, with commas between them; "" for all.
	Only string
	// Threshold is the level from which on findings are a failure.
	Threshold string
	// Manifests is a folder with manifests for Kubernetes, which are checked, too; "" for none.
	Manifests string
}

// audited is a project to be audited, and how.
type audited struct {
	project *project.Project
	options nonroot.Options
}

// Audit checks whether any service of the project would run as root, and fixes it.
func (t Target) Audit(ctx context.Context, o Audit) error {
	if o.JSON {
		o.Format = "json"
	}
	least, err := o.check()
	if err != nil {
		return err
	}
	earlier, err := t.baseline(o.Baseline)
	if err != nil {
		return err
	}
	if o.Diff {
		return t.showFixes(ctx, o, least)
	}
	var tried []string
	if o.Fix {
		if tried, err = t.fix(ctx, o, least); err != nil {
			return err
		}
	}
	a, err := t.examine(ctx, o)
	if err != nil {
		return err
	}
	a.options.Keep = tried
	if a.options.More, err = t.kubernetes(ctx, a.project, o); err != nil {
		return err
	}
	found, err := nonroot.Audit(ctx, a.project.Compose, a.options)
	if err != nil {
		return auditError(err)
	}
	found = found.Without(earlier)
	if err := t.show(o.Format, a.project, found); err != nil {
		return err
	}
	switch n := len(found.AtLeast(least)); n {
	case 0:
		return nil
	case 1:
		return exit.Errorf(exit.Failed, "auditing %s: 1 finding is of severity %s or worse", a.project.Root, least)
	default:
		return exit.Errorf(exit.Failed, "auditing %s: %d findings are of severity %s or worse", a.project.Root, n, least)
	}
}

// auditError gives an error of package nonroot its exit code.
func auditError(err error) error {
	var unknown *nonroot.UnknownRuleError
	switch {
	case err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.As(err, &unknown):
		return exit.Errorf(exit.Unusable, "-only=%s: there is no rule %q; docs/audit.md lists them", unknown.ID, unknown.ID)
	}
	return exit.With(exit.Unusable, err)
}

// baseline reads the findings of an earlier report.
func (t Target) baseline(path string) ([]nonroot.Finding, error) {
	if path == "" {
		return nil, nil
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(t.From, path)
	}
	text, err := run.ReadFile(path)
	var earlier report.JSON
	if err == nil {
		err = json.Unmarshal(text, &earlier)
	}
	if err == nil && earlier.Version != report.Version {
		err = fmt.Errorf("it is a report of version %d, not %d", earlier.Version, report.Version)
	}
	if err != nil {
		fix := exit.Fix{Type: "mage audit -format=json > " + exit.Word(path), Note: "writes one"}
		return nil, exit.Fixable(exit.Unusable, fix, "reading the baseline %s: %w", path, exit.Reason(err))
	}
	return earlier.Findings, nil
}

// auditFormats are how findings can be shown.
var auditFormats = []string{"text", "json", "sarif", "github", "html"}

// check refuses flags that mean nothing.
func (o Audit) check() (nonroot.Level, error) {
	if !slices.Contains(auditFormats, o.Format) {
		return nonroot.OK, exit.Errorf(exit.Unusable, "-format=%s: %s are the formats", o.Format, english.WordSeries(auditFormats, "and"))
	}
	least, err := nonroot.ParseLevel(o.Threshold)
	if err != nil {
		return nonroot.OK, exit.Errorf(exit.Unusable, "-threshold: %w", err)
	}
	if o.Try && (!o.Fix || o.Diff) {
		return nonroot.OK, exit.Errorf(exit.Unusable, "-try: it starts what -fix changed; fix: mage audit -fix -try")
	}
	return least, nil
}

// examine opens the project to be audited, with what the engine knows of its images.
func (t Target) examine(ctx context.Context, o Audit) (audited, error) {
	p, problems, err := project.Examine(ctx, t.Root, t.Environ)
	if err != nil {
		return audited{}, err
	}
	a := audited{project: p, options: policy.Audit(p, problems)}
	for _, id := range strings.Split(o.Only, ",") {
		if id = strings.ToUpper(strings.TrimSpace(id)); id != "" {
			a.options.Only = append(a.options.Only, id)
		}
	}
	names, err := nonroot.Images(ctx, p.Compose, a.options)
	if err != nil || len(names) == 0 {
		return a, auditError(err)
	}
	// Without an engine nothing is known of them, and the audit says so where it matters.
	if found := t.inspectImages(ctx, p, names); found != nil {
		a.options.Image = lookup(found)
	}
	return a, ctx.Err()
}

// lookup returns what is known of an image by its name.
func lookup(found []engine.ImageInfo) func(string) (nonroot.Image, bool) {
	lookup := image.Lookup(found)
	return func(name string) (nonroot.Image, bool) {
		known, ok := lookup(name)
		return nonroot.Image(known), ok
	}
}

// reports is how reports name this target.
func reports() report.Options {
	return report.Options{Tool: "mage audit", Fix: func(l nonroot.Level) string {
		if l == nonroot.Note {
			return "mage audit -fix -threshold=note"
		}
		return "mage audit -fix"
	}}
}

func (t Target) show(format string, p *project.Project, found nonroot.Report) error {
	switch format {
	case "json":
		return t.UI.JSON(report.NewJSON(p.Name(), found))
	case "sarif":
		return t.UI.JSON(report.NewSARIF(found, reports()))
	case "github":
		t.UI.Result("%s", strings.TrimSuffix(report.GitHub(found, reports()), "\n"))
		return nil
	case "html":
		var page strings.Builder
		if err := report.HTML(&page, p.Name(), found, reports()); err != nil {
			return exit.With(exit.Failed, err)
		}
		t.UI.Result("%s", page.String())
		return nil
	}
	t.UI.Result("%s", strings.TrimSuffix(report.Text(found, reports()), "\n"))
	return nil
}

// showFixes prints what fixing would change.
func (t Target) showFixes(ctx context.Context, o Audit, least nonroot.Level) error {
	a, err := t.examine(ctx, o)
	if err != nil {
		return err
	}
	changes, err := nonroot.Fix(ctx, a.project.Compose, a.options, least)
	if err != nil {
		return auditError(err)
	}
	for _, c := range changes {
		t.UI.Result("%s", strings.TrimSuffix(string(diff.Diff("a/"+c.Name, c.Before, "b/"+c.Name, c.After)), "\n"))
	}
	if len(changes) == 0 {
		t.UI.Note("nothing to fix of severity %s or worse", least)
		return nil
	}
	return exit.Errorf(exit.Failed, "\"mage audit -fix\" would change %d of the project's files as shown", len(changes))
}

// refuseRoot keeps a project from being started in which something would run as root.
func refuseRoot(ctx context.Context, p *project.Project) error {
	found, err := nonroot.Audit(ctx, p.Compose, policy.Audit(p, nil))
	if err != nil {
		return auditError(err)
	}
	blocking := found.Blocking()
	if len(blocking) == 0 {
		return nil
	}
	return exit.Errorf(exit.Failed, "not starting %s, since nothing in it may be root:\n%s\"mage audit -fix\" fixes what it can, \"mage audit\" shows all",
		p.Name(), report.Text(nonroot.Report{Findings: blocking, Services: found.Services}, reports()))
}
