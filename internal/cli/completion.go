package cli

import (
	"context"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/im2-audio/im2/internal/cluster"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/usage"
	"github.com/im2-audio/im2/nonroot"
	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/queue"
	"github.com/im2-audio/im2/pipeline/weights"
)

// Completion are the arguments of the target of that name.
type Completion struct {
	// Shell is the shell that completes.
	Shell string
	// Line is what was typed up to the cursor; nil asks for the shell's script.
	Line *string
}

// Completion prints a shell's script, or the completions for the last word of a line. sources are the
// targets' files.
func (t Target) Completion(ctx context.Context, sources fs.FS, o Completion) error {
	script, err := usage.Script(o.Shell)
	if err != nil {
		return exit.With(exit.Unusable, err)
	}
	if o.Line == nil {
		t.UI.Text(script)
		return nil
	}
	u, err := usage.Read(sources)
	if err != nil {
		return err
	}
	for _, c := range u.Complete(*o.Line, t.values(ctx)) {
		if c.Text == "" || o.Shell == "bash" {
			t.UI.Result("%s", c.Value)
			continue
		}
		t.UI.Result("%s\t%s", c.Value, c.Text)
	}
	return nil
}

// Values returns what a flag of a target may be in the project of the working folder.
func Values(ctx context.Context, target, flag string) (all []usage.Candidate) {
	_ = Run(ctx, func(ctx context.Context, t Target) error { // without a project there are none
		all = t.values(ctx)("", target, flag)
		return nil
	})
	return all
}

// values knows what arguments of targets may be. What cannot be read gives no names: a line
// that is being typed is no place for an error.
func (t Target) values(ctx context.Context) usage.Values {
	return func(folder, target, name string) []usage.Candidate {
		if folder != "" && !filepath.IsAbs(folder) {
			folder = filepath.Join(t.Root, folder)
		}
		t := t
		if folder != "" {
			t.Root = folder
		}
		switch name {
		case "shell":
			return named(usage.Shells())
		case "web", "webUpload":
			return named(project.WebValues)
		case "format":
			switch target {
			case "audit":
				return named(slices.Sorted(slices.Values(auditFormats)))
			case "verify":
				return named(slices.Sorted(slices.Values(verifyFormats)))
			}
			return ofOption(name)
		case "stems", "twoStems", "bits", "clip", "sum", "rate", "output":
			return ofOption(name)
		case "threshold":
			return named([]string{nonroot.Error.String(), nonroot.Warning.String(), nonroot.Note.String()})
		case "only":
			if target == "bench" {
				return named(benchParts)
			}
			return rules()
		case "check":
			return checkCandidates()
		case "state":
			return named(stageNames())
		case "keep":
			return named(kindNames())
		case "precision":
			return named(weights.Precisions())
		case "file":
			return []usage.Candidate{{Value: usage.Files}}
		case "model":
			if target == "separate" {
				return named(t.preparedModels(ctx))
			}
			return []usage.Candidate{{Value: usage.Files}}
		case "autoscale":
			return named(cluster.Autoscalers)
		case "dir", "out", "k8s":
			return []usage.Candidate{{Value: usage.Folders}}
		case "id":
			return t.jobIDs(ctx, target)
		case "module", "service", "path":
			return t.ofProject(ctx, name)
		}
		return nil
	}
}

// preparedModels are the names of the models that songs can be separated with.
func (t Target) preparedModels(ctx context.Context) []string {
	names := []string{options.Default().Model}
	p, err := t.project(ctx)
	if err != nil {
		return names
	}
	cache, err := openModels(p)
	if err != nil {
		return names
	}
	defer func() { _ = cache.Close() }() // It was only read.
	found, _ := weights.List(cache, p.Settings.Get(project.DemucsPrecision).Value)
	for _, name := range found {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// ofOption returns the values of a flag of "mage separate" that has a few.
func ofOption(flag string) []usage.Candidate {
	for _, f := range options.Fields {
		if f.Flag == flag {
			return named(f.Values)
		}
	}
	return nil
}

// ofProject returns the names that the project in the folder has.
func (t Target) ofProject(ctx context.Context, name string) []usage.Candidate {
	p, err := t.project(ctx)
	if err != nil {
		return nil
	}
	switch name {
	case "module":
		return named(p.Built())
	case "service":
		return named(p.Services())
	case "path":
		return folders(p)
	}
	return nil
}

// jobIDs returns the IDs of the jobs that can be brought back, or cancelled.
func (t Target) jobIDs(ctx context.Context, target string) []usage.Candidate {
	p, err := t.dataProject(ctx)
	if err != nil {
		return nil
	}
	text, stages := "every job that failed", []job.Stage{job.Failed}
	if target == "cancel" {
		text, stages = "every job that has not ended", cancellable
	}
	all := []usage.Candidate{{Value: everyJob, Text: text}}
	for j, err := range queue.New(p.Data).Jobs(ctx, stages...) {
		if err != nil {
			break // What is there is offered.
		}
		all = append(all, usage.Candidate{Value: j.ID, Text: inLine(j.Name)})
	}
	return all
}

// folders are those in the data folder that the project keeps.
func folders(p *project.Project) []usage.Candidate {
	var names []string
	for _, folder := range p.Folders {
		if rel, err := filepath.Rel(p.Data, folder); err == nil && rel != "." {
			names = append(names, filepath.ToSlash(rel))
		}
	}
	slices.Sort(names)
	return named(slices.Compact(names))
}

// rules are the rules of the audit.
func rules() []usage.Candidate {
	var all []usage.Candidate
	for _, r := range nonroot.Rules() {
		all = append(all, usage.Candidate{Value: r.ID, Text: r.Title})
	}
	return all
}

func named(names []string) []usage.Candidate {
	all := make([]usage.Candidate, 0, len(names))
	for _, name := range names {
		all = append(all, usage.Candidate{Value: name})
	}
	return all
}
