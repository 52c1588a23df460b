package nonroot

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/im2-audio/im2/internal/compose/edit"
)

// maxPasses is how many findings of one Dockerfile are fixed at most, one after the
// other, since each changes where the next one is.
const maxPasses = 40

// Change is a file that Fix changes.
type Change struct {
	// Path is absolute; Name is how findings name the file.
	Path, Name string
	// Before and After are its texts; Before is nil for a file that does not exist.
	Before, After []byte
}

// Fix returns the changed files with every safely fixable finding of level least or higher fixed. It writes nothing.
// A fix can reveal another finding; to fix that too, call Fix again with the new texts in [Options.Files]. Errors are
// those of [Audit].
func Fix(ctx context.Context, p *types.Project, o Options, least Level) ([]Change, error) {
	original, changed := auditor{options: o, texts: make(map[string]text)}, make(map[string][]byte)
	o.Files = maps.Clone(o.Files)
	if o.Files == nil {
		o.Files = make(map[string][]byte)
	}
	adopted := make(map[string]bool)
	var a *auditor
	// First the Dockerfiles, one finding each a pass, and then everything else at once.
	for pass, done := 0, false; !done; pass++ {
		var err error
		if a, err = newAuditor(ctx, p, o, adopted); err != nil {
			return nil, err
		}
		report, err := a.run(ctx)
		if err != nil {
			return nil, err
		}
		findings := slices.DeleteFunc(report.AtLeast(least), func(f Finding) bool { return !f.Fixable })
		plans := make(map[string]*edit.Plan)
		if pass < maxPasses {
			plans = a.dockerfilePlans(findings, adopted)
		}
		if done = len(plans) == 0; done {
			plans = a.otherPlans(findings)
		}
		for path, plan := range plans {
			changed[path] = plan.Apply(a.source(path).Text)
		}
		maps.Copy(o.Files, changed)
	}
	var all []Change
	for _, path := range slices.Sorted(maps.Keys(changed)) {
		before, _ := original.readFile(path) // nil where it is new
		if !bytes.Equal(before, changed[path]) {
			all = append(all, Change{Path: path, Name: a.shown(path), Before: before, After: changed[path]})
		}
	}
	return all, nil
}

// dockerfilePlans fix the worst finding of each Dockerfile, and note in adopted which get the template's user.
func (a *auditor) dockerfilePlans(findings []Finding, adopted map[string]bool) map[string]*edit.Plan {
	plans := make(map[string]*edit.Plan)
	worst := slices.SortedStableFunc(slices.Values(findings), func(x, y Finding) int { return cmp.Compare(y.Level, x.Level) })
	for _, f := range worst {
		if !a.isDockerfile(f.path) || plans[f.path] != nil {
			continue
		}
		var plan edit.Plan
		if !plan.Add(f.fix[0].edits...) || plan.Empty() {
			continue
		}
		plans[f.path] = &plan
		if f.Rule == "D01" {
			adopted[f.path] = true
		}
	}
	return plans
}

// otherPlans fix what is not in a Dockerfile, as far as fixes do not overlap.
func (a *auditor) otherPlans(findings []Finding) map[string]*edit.Plan {
	plans := make(map[string]*edit.Plan)
	for _, f := range findings {
		for _, c := range f.fix {
			if a.isDockerfile(c.path) {
				continue
			}
			if plans[c.path] == nil {
				plans[c.path] = new(edit.Plan)
			}
			plans[c.path].Add(c.edits...)
		}
	}
	return plans
}

func (a *auditor) isDockerfile(path string) bool {
	for _, s := range a.subjects {
		if s.build != nil && !s.build.inline && s.build.src.Path == path {
			return true
		}
	}
	return false
}
