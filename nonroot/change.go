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

// Fix works out the files in which every finding of a level or worse that has a safe fix is gone. It writes
// nothing. What one fix makes visible, the next call on the changed files may fix. Errors are those of
// [Audit].
func Fix(ctx context.Context, p *types.Project, o Options, least Level) ([]Change, error) {
	over := overlay{files: make(map[string][]byte), adopted: make(map[string]bool)}
	maps.Copy(over.files, o.Files)
	f := fixer{project: p, options: o, over: over, least: least}
	for range maxPasses {
		done, err := f.dockerfiles(ctx)
		if err != nil {
			return nil, err
		}
		if done {
			break
		}
	}
	if err := f.others(ctx); err != nil {
		return nil, err
	}
	a := auditor{root: cmp.Or(o.Root, p.WorkingDir)}
	var all []Change
	for _, path := range slices.Sorted(maps.Keys(over.files)) {
		before, ok := o.Files[path]
		if !ok {
			before, _ = readLimited(path) // nil where it is new
		}
		if bytes.Equal(before, over.files[path]) {
			continue
		}
		all = append(all, Change{Path: path, Name: a.rel(path), Before: before, After: over.files[path]})
	}
	return all, nil
}

// fixer is one call of Fix.
type fixer struct {
	project *types.Project
	options Options
	over    overlay
	least   Level
}

// dockerfiles fixes the worst finding of each Dockerfile. done says that there was none.
func (x fixer) dockerfiles(ctx context.Context) (done bool, err error) {
	a, findings, err := x.fixable(ctx)
	if err != nil {
		return false, err
	}
	slices.SortStableFunc(findings, func(x, y Finding) int { return cmp.Compare(y.Level, x.Level) })
	done, touched := true, make(map[string]bool)
	for _, f := range findings {
		if !a.isDockerfile(f.path) || touched[f.path] {
			continue
		}
		var plan edit.Plan
		if len(f.fix) == 0 || !plan.Add(f.fix[0].edits...) || plan.Empty() {
			continue
		}
		x.over.files[f.path] = plan.Apply(a.source(f.path).text)
		touched[f.path], done = true, false
		if f.Rule == "D01" {
			x.over.adopted[f.path] = true
		}
	}
	return done, nil
}

// others fixes everything else, as far as fixes do not overlap.
func (x fixer) others(ctx context.Context) error {
	a, findings, err := x.fixable(ctx)
	if err != nil {
		return err
	}
	plans := make(map[string]*edit.Plan)
	for _, f := range findings {
		for _, c := range f.fix {
			if a.isDockerfile(c.path) {
				continue
			}
			if plans[c.path] == nil {
				plans[c.path] = &edit.Plan{}
			}
			plans[c.path].Add(c.edits...)
		}
	}
	for path, plan := range plans {
		if !plan.Empty() {
			x.over.files[path] = plan.Apply(a.source(path).text)
		}
	}
	return nil
}

// fixable returns the findings to be fixed.
func (x fixer) fixable(ctx context.Context) (*auditor, []Finding, error) {
	a, err := newAuditor(x.project, x.options, x.over)
	if err != nil {
		return nil, nil, err
	}
	report, err := a.run(ctx)
	var found []Finding
	for _, f := range report.AtLeast(x.least) {
		if f.Fixable {
			found = append(found, f)
		}
	}
	return a, found, err
}

// isDockerfile says that a service is built from this file.
func (a *auditor) isDockerfile(path string) bool {
	for _, s := range a.subjects {
		if s.build != nil && !s.build.inline && s.build.src.path == path {
			return true
		}
	}
	return false
}
