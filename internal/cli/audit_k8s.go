package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"github.com/im2-audio/im2/internal/cluster"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/safetext"
	"github.com/im2-audio/im2/nonroot"
	"github.com/im2-audio/im2/nonroot/kubernetes"
)

// kubernetes are the findings in a folder with manifests, and in what the project would be rendered as, if it is one for
// a cluster.
func (t Target) kubernetes(ctx context.Context, p *project.Project, o Audit) ([]nonroot.Finding, error) {
	var all []nonroot.Finding
	if p.Cluster != (project.Cluster{}) {
		all = t.unrenderable(ctx, p)
	}
	if o.Manifests == "" {
		return all, ctx.Err()
	}
	folder := o.Manifests
	if !filepath.IsAbs(folder) {
		folder = filepath.Join(t.From, folder)
	}
	found, err := kubernetes.Audit(ctx, p.Root, folder)
	if err == nil && found.Pods == 0 {
		err = errors.New("no pod is in its manifests")
		if names := unknownKinds(found.Unknown); len(names) > 0 {
			err = fmt.Errorf("no pod is in its manifests, as far as is known of %s", safetext.List(names, 10, ", "))
		}
	}
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, exit.Errorf(exit.Unusable, "-k8s=%s: %w", safetext.Quoted(o.Manifests), exit.Reason(err))
	}
	if names := unknownKinds(found.Unknown); len(names) > 0 {
		t.UI.Note("-k8s=%s: not checked, or not all of it, since only what handles these kinds knows their pods: %s", safetext.Quoted(o.Manifests), safetext.List(names, 10, ", "))
	}
	return append(all, found.Findings...), nil
}

// unknownKinds names the kinds of objects that were not checked, each with the place of the first one.
func unknownKinds(all []kubernetes.Unknown) []string {
	of := make(map[string][]kubernetes.Unknown)
	for _, u := range all {
		of[u.Kind] = append(of[u.Kind], u)
	}
	var names []string
	for _, kind := range slices.Sorted(maps.Keys(of)) {
		name := fmt.Sprintf("%s (%s:%d", kind, of[kind][0].File, of[kind][0].Line)
		if more := len(of[kind]) - 1; more > 0 {
			name += fmt.Sprintf(" and %d more", more)
		}
		names = append(names, safetext.Line(name+")"))
	}
	return names
}

// unrenderable are the findings in the Compose file for which it cannot be rendered.
func (t Target) unrenderable(ctx context.Context, p *project.Project) []nonroot.Finding {
	compose := p.Rel(p.Compose.ComposeFiles[0])
	level := func(rule string) nonroot.Level {
		for _, r := range nonroot.Rules() {
			if r.ID == rule {
				return r.Own
			}
		}
		return nonroot.Error
	}
	r, err := t.manifests(ctx, p, cluster.Options{})
	if err != nil {
		return []nonroot.Finding{{Rule: "K06", Level: level("K06"), Message: exit.Reason(err).Error(), File: filepath.ToSlash(compose)}}
	}
	var all []nonroot.Finding
	for _, n := range r.Refused() {
		f := nonroot.Finding{
			Rule: "K06", Message: "on Kubernetes: " + n.Key + ": " + n.Text, Hint: n.Fix, File: cmp.Or(n.File, filepath.ToSlash(compose)),
			Line: n.Line, Column: n.Column, EndColumn: n.Column + 1, Services: []string{n.Service}, Named: true,
		}
		if len(n.Checks) > 0 {
			f.Rule = kubernetes.Refusal{Check: n.Checks[0], Baseline: n.Baseline}.Rule()
		}
		f.Level = level(f.Rule)
		all = append(all, f)
	}
	return all
}
