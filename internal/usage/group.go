package usage

import (
	"slices"
	"strings"
)

// Group is a heading of the overview with the targets below it.
type Group struct {
	// Title says what they are for.
	Title string
	// Targets are their names, the most used first.
	Targets []string
}

// Groups are the headings of the overview, in its order. A target that is in none is shown
// below a heading of its own, and a test fails.
func (u *Usage) Groups() []Group {
	groups := []Group{
		{"every day", []string{"up", "open", "status", "separate", "jobs", "cancel", "retry", "pause", "resume", "build", "logs", "restart", "down"}},
		{"data and model", []string{"reset-permissions", "demucs-cache", "prune", "clean"}},
		{"checks and figures", []string{"audit", "verify", "bench"}},
		{"many machines", []string{"cluster-up", "cluster-status", "cluster-logs", "cluster-down", "cluster-render"}},
		{"a new machine, a new service", []string{"setup", "doctor", "env", "new", "remove", "completion", "help"}},
		{"development", []string{"test", "lint"}},
	}
	for _, g := range groups {
		for i, name := range g.Targets { // whatever a target is called here: with an alias, a prefix, or neither
			if t, ok := u.Find(u.Prefix + strings.ReplaceAll(name, "-", "")); ok {
				g.Targets[i] = t.Name
			}
		}
	}
	var left []string
	for _, name := range u.Names() {
		if !slices.ContainsFunc(groups, func(g Group) bool { return slices.Contains(g.Targets, name) }) {
			left = append(left, name)
		}
	}
	if len(left) > 0 {
		groups = append(groups, Group{"more", left})
	}
	return groups
}
