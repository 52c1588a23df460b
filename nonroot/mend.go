package nonroot

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/im2-audio/im2/internal/compose/edit"
)

// maxPasses is how many findings of one Dockerfile are mended at most, one after the
// other, since each changes where the next one stands.
const maxPasses = 40

// Changed is a file that Mend wants to be different.
type Changed struct {
	// Path is absolute; Name is how findings name the file.
	Path, Name string
	// Before and After are its texts; Before is nil for a file that is not there yet.
	Before, After []byte
}

// Mend works out the files in which every finding of a severity or worse that has a safe
// fix is gone. It writes nothing.
func Mend(ctx context.Context, in Input, least Severity) ([]Changed, error) {
	given := in.files
	in.files, in.adopted = make(map[string][]byte), make(map[string]bool)
	maps.Copy(in.files, given)
	for range maxPasses {
		done, err := mendDockerfiles(ctx, in, least)
		if err != nil {
			return nil, err
		}
		if done {
			break
		}
	}
	if err := mendOthers(ctx, in, least); err != nil {
		return nil, err
	}
	var all []Changed
	for _, path := range slices.Sorted(maps.Keys(in.files)) {
		before, ok := given[path]
		if !ok {
			before, _ = readLimited(path) // nil where it is new
		}
		if bytes.Equal(before, in.files[path]) {
			continue
		}
		all = append(all, Changed{Path: path, Name: in.Project.Rel(path), Before: before, After: in.files[path]})
	}
	return all, nil
}

// mendDockerfiles mends the gravest finding of each Dockerfile. done says that there was none.
func mendDockerfiles(ctx context.Context, in Input, least Severity) (done bool, err error) {
	a, findings, err := mendable(ctx, in, least)
	if err != nil {
		return false, err
	}
	slices.SortStableFunc(findings, func(x, y Finding) int { return cmp.Compare(y.Severity, x.Severity) })
	done, touched := true, make(map[string]bool)
	for _, f := range findings {
		if !a.isDockerfile(f.path) || touched[f.path] {
			continue
		}
		var plan edit.Plan
		if len(f.fix) == 0 || !plan.Add(f.fix[0].edits...) || plan.Empty() {
			continue
		}
		in.files[f.path] = plan.Apply(a.source(f.path).text)
		touched[f.path], done = true, false
		if f.Rule == "D01" {
			in.adopted[f.path] = true
		}
	}
	return done, nil
}

// mendOthers mends everything else, as far as one fix does not meet another.
func mendOthers(ctx context.Context, in Input, least Severity) error {
	a, findings, err := mendable(ctx, in, least)
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
			in.files[path] = plan.Apply(a.source(path).text)
		}
	}
	return nil
}

// mendable returns the findings that are to be mended and can be.
func mendable(ctx context.Context, in Input, least Severity) (*auditor, []Finding, error) {
	a, err := newAuditor(in)
	if err != nil {
		return nil, nil, err
	}
	report, err := a.run(ctx)
	var found []Finding
	for _, f := range report.AtLeast(least) {
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
