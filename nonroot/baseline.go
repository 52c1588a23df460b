package nonroot

import "slices"

// Without returns the report without the findings of an earlier one, wherever their lines are now: two are the same if they have the
// same rule, file, message and services. What the earlier one has once is left out once.
func (r Report) Without(earlier []Finding) Report {
	type key struct{ rule, file, message string }
	known := make(map[key][][]string)
	for _, f := range earlier {
		k := key{f.Rule, f.File, f.Message}
		known[k] = append(known[k], f.Services)
	}
	r.Findings = slices.DeleteFunc(slices.Clone(r.Findings), func(f Finding) bool {
		k := key{f.Rule, f.File, f.Message}
		i := slices.IndexFunc(known[k], func(services []string) bool { return slices.Equal(services, f.Services) })
		if i < 0 {
			return false
		}
		known[k] = slices.Delete(known[k], i, i+1)
		r.Baseline++
		return true
	})
	return r
}
