package kubernetes

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
	corev1 "k8s.io/api/core/v1"

	"github.com/im2-audio/im2/internal/compose/composefile"
	"github.com/im2-audio/im2/nonroot"
)

// The rules of package nonroot that this package reports.
const (
	mayBeRoot   = "K01"
	moreRights  = "K02"
	notAllowed  = "K03"
	notEnforced = "K04"
	unknownKey  = "K05"
)

// The labels by which manifests say who has rendered them from which service.
const (
	managedBy = "app.kubernetes.io/managed-by"
	component = "app.kubernetes.io/component"
	manager   = "im2"
	enforce   = "pod-security.kubernetes.io/enforce"
)

// Audited is what was found in a folder.
type Audited struct {
	// Findings are for nonroot.Options.More. Their files are relative to the root that was given.
	Findings []nonroot.Finding
	// Pods is how many pods and pod templates were checked.
	Pods int
	// Unknown are the objects of kinds that Kubernetes itself does not have and in which not every container is in a pod template that was
	// found. What makes pods of them is not known.
	Unknown []Unknown
}

// Unknown is an object that was not checked, or not all of it.
type Unknown struct {
	// Kind has its group with it, such as "Prometheus.monitoring.coreos.com".
	Kind string
	// File is relative to the root, with slashes; Line is where the object begins.
	File string
	Line int
}

// Audit checks the manifests in a folder and in those below it: files that end in .yaml, .yml or .json, with one document or several,
// lists included. Files of findings are relative to root, the project's folder. Links are not followed. Documents that are no objects of
// Kubernetes, or of a kind of its own that has no pods, are skipped. In objects of other kinds, every pod template is checked, wherever it
// is: a mapping whose spec has containers. An error names the file that cannot be read, with the line where it has one.
func Audit(ctx context.Context, root, folder string) (Audited, error) {
	files, err := readFolder(ctx, folder)
	if err != nil {
		return Audited{}, err
	}
	var all Audited
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return Audited{}, err
		}
		a := &auditor{file: filepath.ToSlash(relative(root, filepath.Join(folder, f.name))), Audited: &all}
		parsed, err := composefile.Parse(a.file, f.text)
		if err != nil {
			return Audited{}, err
		}
		for _, doc := range parsed.Docs {
			if err := a.object(composefile.Place{File: parsed, Value: doc}, "", ""); err != nil {
				return Audited{}, err
			}
		}
	}
	return all, nil
}

func relative(root, path string) string {
	if rel, err := filepath.Rel(root, path); err == nil {
		return rel
	}
	return path
}

// auditor checks one file.
type auditor struct {
	*Audited
	file string
}

// templates are where a pod's template is in the objects of Kubernetes' own kinds that have one.
var templates = [][]string{{"spec", "template"}, {"spec", "jobTemplate", "spec", "template"}, {"template"}}

// object checks one object, or those of a list. As kubectl reads it, a list is what has items, whatever its kind is, and an item
// that has no kind and no version has those of the list: impliedKind and impliedVersion, "" outside of a list.
func (a *auditor) object(at composefile.Place, impliedKind, impliedVersion string) error {
	kind, version := text(at, "kind"), text(at, "apiVersion")
	if kind == "" && version == "" {
		kind, version = impliedKind, impliedVersion
	}
	if kind == "" || version == "" {
		return nil
	}
	if items, ok := at.Below("items"); ok {
		for _, item := range items.Items() {
			if err := a.object(item, strings.TrimSuffix(kind, "List"), version); err != nil {
				return err
			}
		}
		return nil
	}
	switch kind {
	case "Namespace":
		a.namespace(at)
		return nil
	case "Pod":
		return a.pod(at, at, kind)
	}
	group, _, grouped := strings.Cut(version, "/")
	if grouped && !slices.Contains(ownGroups, group) {
		a.foreign(at, kind, group)
		return nil
	}
	for _, path := range templates {
		template, ok := at.Below(path...)
		if !ok {
			continue
		}
		if _, ok := template.Below("spec", "containers"); ok {
			return a.pod(at, template, kind)
		}
	}
	return nil
}

// ownGroups are the groups of Kubernetes' own kinds.
var ownGroups = []string{
	"admissionregistration.k8s.io", "apiextensions.k8s.io", "apiregistration.k8s.io", "apps", "authentication.k8s.io", "authorization.k8s.io",
	"autoscaling", "batch", "certificates.k8s.io", "coordination.k8s.io", "discovery.k8s.io", "events.k8s.io", "extensions",
	"flowcontrol.apiserver.k8s.io", "internal.apiserver.k8s.io", "networking.k8s.io", "node.k8s.io", "policy", "rbac.authorization.k8s.io",
	"resource.k8s.io", "scheduling.k8s.io", "storage.k8s.io", "storagemigration.k8s.io",
}

// podless are kinds of others from which no pods are made.
var podless = []string{
	"Certificate.cert-manager.io", "HTTPRoute.gateway.networking.k8s.io", "PodMonitor.monitoring.coreos.com",
	"PrometheusRule.monitoring.coreos.com", "ScaledObject.keda.sh", "ServiceMonitor.monitoring.coreos.com",
}

// foreign checks every pod template in an object of a kind that Kubernetes itself does not have.
func (a *auditor) foreign(at composefile.Place, kind, group string) {
	found, others := podTemplates(at)
	unknown := (len(found) == 0 || others) && !slices.Contains(podless, kind+"."+group)
	for _, template := range found {
		unknown = a.template(at, template, kind) != nil || unknown // it only looks like one
	}
	if unknown {
		a.Unknown = append(a.Unknown, Unknown{kind + "." + group, a.file, at.Node().Line})
	}
}

// podTemplates are those below an object. others says that it has containers outside of them, too.
func podTemplates(object composefile.Place) (found []composefile.Place, others bool) {
	seen := make(map[*yaml.Node]bool) // what several aliases stand for
	var walk func(at composefile.Place)
	walk = func(at composefile.Place) {
		if seen[at.Value] {
			return
		}
		seen[at.Value] = true
		if containers, ok := at.Below("spec", "containers"); ok && containers.Value.Kind == yaml.SequenceNode && at.Value != object.Value {
			found = append(found, at)
			return
		}
		for _, child := range at.Items() {
			if child.Key != nil && slices.Contains([]string{"container", "containers", "initContainers"}, child.Key.Value) {
				others = true
			}
			walk(child)
		}
	}
	walk(object)
	return found, others
}

// namespace checks that a namespace refuses what the rest of this package finds.
func (a *auditor) namespace(at composefile.Place) {
	title := strings.TrimSpace("Namespace " + text(at, "metadata", "name"))
	if labels, ok := at.Below("metadata", "labels"); ok {
		if level, ok := labels.Below(enforce); ok && level.Value.Value == "restricted" {
			return
		} else if ok {
			at = level
		}
	}
	if name, ok := at.Below("metadata", "name"); ok {
		at = name
	}
	a.found(notEnforced, at, "", "%s: it takes pods that may run as root: its label %s is not restricted", title, enforce).Hint =
		"label it " + enforce + ": restricted"
}

// pod checks a pod, or the template of one in an object of this kind.
func (a *auditor) pod(object, at composefile.Place, kind string) error {
	var template corev1.PodTemplateSpec
	unknown, err := decode(at, &template, kind == "Pod")
	if err != nil {
		return fmt.Errorf("%s:%d: %s is no pod of Kubernetes: %w", a.file, at.Node().Line, titleOf(object, kind), err)
	}
	for _, key := range unknown {
		a.found(unknownKey, walk(at, key.path), nameOf(object), "%s: %s: the API server drops it", titleOf(object, kind), key.text)
	}
	a.refusals(object, at, kind, template)
	return nil
}

// template checks a pod template in an object of a kind that Kubernetes itself does not have: it may have keys beside those of a pod. The
// error says that it is none.
func (a *auditor) template(object, at composefile.Place, kind string) error {
	var template corev1.PodTemplateSpec
	if _, err := decode(at, &template, false); err != nil {
		return err
	}
	a.refusals(object, at, kind, template)
	return nil
}

// nameOf is the name of an object; "" for none.
func nameOf(object composefile.Place) string {
	return cmp.Or(text(object, "metadata", "name"), text(object, "metadata", "generateName"))
}

func titleOf(object composefile.Place, kind string) string {
	return strings.TrimSpace(kind + " " + nameOf(object))
}

// refusals finds what the restricted profile refuses of a pod.
func (a *auditor) refusals(object, at composefile.Place, kind string, template corev1.PodTemplateSpec) {
	a.Pods++
	p := pod{spec: walk(at, []string{"spec"}), template: template}
	service := ""
	if text(object, "metadata", "labels", managedBy) == manager {
		service = text(object, "metadata", "labels", component)
	}
	for _, refusal := range Refusals(&template.ObjectMeta, &template.Spec) {
		f := a.found(refusal.Rule(), p.place(refusal.Check), nameOf(object), "%s: %s", titleOf(object, kind), refusal)
		if service != "" {
			f.Hint = fmt.Sprintf("it is from %s of the service %s in the Compose file", ComposeKey(refusal.Check), service)
		}
	}
}

// Rule is the rule of package nonroot that a refusal is a finding of.
func (r Refusal) Rule() string {
	switch {
	case r.Check == "runAsNonRoot" || r.Check == "runAsUser":
		return mayBeRoot
	case r.Baseline:
		return moreRights
	}
	return notAllowed
}

func (a *auditor) found(rule string, at composefile.Place, service, format string, args ...any) *nonroot.Finding {
	n := at.Node()
	f := nonroot.Finding{
		Rule: rule, Level: levels()[rule], Message: fmt.Sprintf(format, args...), File: a.file,
		Line: n.Line, Column: n.Column, EndColumn: n.Column + max(1, len([]rune(n.Value))),
	}
	if service != "" {
		f.Services, f.Named = []string{service}, true
	}
	a.Findings = append(a.Findings, f)
	return &a.Findings[len(a.Findings)-1]
}

// levels are those of the rules.
var levels = sync.OnceValue(func() map[string]nonroot.Level {
	all := make(map[string]nonroot.Level)
	for _, r := range nonroot.Rules() {
		all[r.ID] = r.Own
	}
	return all
})

// text is the value of a key; "" where there is none.
func text(at composefile.Place, path ...string) string {
	if found, ok := at.Below(path...); ok && found.Value.Kind == yaml.ScalarNode {
		return found.Value.Value
	}
	return ""
}
