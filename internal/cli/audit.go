package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/im2-audio/im2/internal/build/image"
	"github.com/im2-audio/im2/internal/compose/edit"
	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/run"
	"github.com/im2-audio/im2/nonroot"
	"github.com/im2-audio/im2/nonroot/report"
)

const (
	// imagesWithin is how long an engine may take to say which images it has: the audit
	// can do without.
	imagesWithin = 5 * time.Second
	// mendRounds is how often files are mended and read again: what one fix makes
	// visible, the next one mends.
	mendRounds = 4
)

// Audit are the flags of the target of that name.
type Audit struct {
	// Fix repairs; Diff only shows what Fix would do.
	Fix, Diff bool
	// Format is text, json or sarif.
	Format string
	// Only are the rules to look for, with commas between them; "" for all.
	Only string
	// Threshold is the severity from which on findings are a failure.
	Threshold string
}

// Audit judges whether any service of the project would run as root, and mends it.
func (t Target) Audit(ctx context.Context, o Audit) error {
	least, err := o.check()
	if err != nil {
		return err
	}
	if o.Diff {
		return t.showMends(ctx, o, least)
	}
	if o.Fix {
		if err := t.mend(ctx, o, least); err != nil {
			return err
		}
	}
	in, err := t.examine(ctx, o)
	if err != nil {
		return err
	}
	found, err := nonroot.Audit(ctx, in)
	if err != nil {
		return err
	}
	if err := t.show(o.Format, in.Project, found); err != nil {
		return err
	}
	if n := len(found.AtLeast(least)); n > 0 {
		return exit.Errorf(exit.Failed, "auditing %s: %s of severity %s or worse", in.Project.Root, report.Findings(n), least)
	}
	return nil
}

// check refuses flags that mean nothing.
func (o Audit) check() (nonroot.Severity, error) {
	if !slices.Contains([]string{"text", "json", "sarif"}, o.Format) {
		return nonroot.Off, exit.Errorf(exit.Unusable, "-format=%s: text, json and sarif are the formats", o.Format)
	}
	least, err := nonroot.ParseSeverity(o.Threshold)
	if err != nil {
		return nonroot.Off, exit.Errorf(exit.Unusable, "-threshold: %w", err)
	}
	return least, nil
}

// examine opens the project to be judged, with what the engine knows of its images.
func (t Target) examine(ctx context.Context, o Audit) (nonroot.Input, error) {
	p, problems, err := project.Examine(ctx, t.Root, t.Environ)
	if err != nil {
		return nonroot.Input{}, err
	}
	in := nonroot.Input{Project: p, Problems: problems}
	for _, id := range strings.Split(o.Only, ",") {
		if id = strings.ToUpper(strings.TrimSpace(id)); id != "" {
			in.Only = append(in.Only, id)
		}
	}
	names, err := nonroot.Images(in)
	if err != nil || len(names) == 0 {
		return in, err
	}
	return t.withImages(ctx, in, names), ctx.Err()
}

// withImages asks the engine for the images that are here, all at once. Without an engine,
// nothing is known of them, and the audit says so where it matters.
func (t Target) withImages(ctx context.Context, in nonroot.Input, names []string) nonroot.Input {
	ctx, cancel := context.WithTimeout(ctx, imagesWithin)
	defer cancel()
	var stdout bytes.Buffer
	// The exit code says only that some of the images are not here.
	_ = t.Runner.Run(ctx, run.Cmd{
		Name: "docker", Args: append([]string{"image", "inspect", "--"}, names...), Env: in.Project.Settings.Environ(), Stdout: &stdout,
	})
	var found []engine.ImageInfo
	if json.Unmarshal(stdout.Bytes(), &found) == nil {
		in.Image = image.Lookup(found)
	}
	return in
}

func (t Target) show(format string, p *project.Project, found nonroot.Report) error {
	switch format {
	case "json":
		return t.UI.JSON(report.NewJSON(p.Name(), found))
	case "sarif":
		return t.UI.JSON(report.NewSARIF(found))
	}
	t.UI.Result("%s", strings.TrimSuffix(report.Text(found), "\n"))
	return nil
}

// showMends prints what mending would change.
func (t Target) showMends(ctx context.Context, o Audit, least nonroot.Severity) error {
	in, err := t.examine(ctx, o)
	if err != nil {
		return err
	}
	changed, err := nonroot.Mend(ctx, in, least)
	if err != nil {
		return err
	}
	for _, c := range changed {
		t.UI.Result("%s", strings.TrimSuffix(string(diff.Diff("a/"+c.Name, c.Before, "b/"+c.Name, c.After)), "\n"))
	}
	if len(changed) == 0 {
		t.UI.Note("nothing to mend")
		return nil
	}
	return exit.Errorf(exit.Failed, "\"mage audit -fix\" would change %d of the project's files as shown", len(changed))
}

// mend repairs until nothing changes any more.
func (t Target) mend(ctx context.Context, o Audit, least nonroot.Severity) error {
	kept := make(map[string]bool)
	for range mendRounds {
		in, err := t.examine(ctx, o)
		if err != nil {
			return err
		}
		changed, err := nonroot.Mend(ctx, in, least)
		if err != nil || len(changed) == 0 {
			return err
		}
		for _, c := range changed {
			if err := t.save(c, kept[c.Path]); err != nil {
				return err
			}
			kept[c.Path] = true
		}
	}
	return nil
}

// save writes one file. What an earlier round of this run wrote needs no backup.
func (t Target) save(c nonroot.Changed, again bool) error {
	if again {
		return edit.Replace(c.Path, c.After)
	}
	backup, err := edit.Save(c.Path, c.After)
	if err != nil {
		return err
	}
	if backup == "" {
		t.UI.Note("wrote %s", c.Name)
	} else {
		t.UI.Note("mended %s, kept what was there as %s", c.Name, backup)
	}
	return nil
}

// refuseRoot keeps a project from being started in which something would be root.
func refuseRoot(ctx context.Context, p *project.Project) error {
	found, err := nonroot.Audit(ctx, nonroot.Input{Project: p})
	if err != nil {
		return err
	}
	blocking := found.Blocking()
	if len(blocking) == 0 {
		return nil
	}
	return exit.Errorf(exit.Failed, "not starting %s, since nothing in it may be root:\n%s\"mage audit -fix\" mends what it can, \"mage audit\" shows all",
		p.Name(), report.Text(nonroot.Report{Findings: blocking, Services: found.Services}))
}
