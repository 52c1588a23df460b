// Package cluster renders the resolved Compose model as manifests for Kubernetes. What runs as a user without rights under Compose
// runs so there: every pod meets the restricted profile of the Pod Security Standards, which the namespace enforces. What cannot be
// rendered is a note or a refusal that names the Compose key.
//
// Nothing is read, written or started but the Compose files, for the lines of notes.
package cluster

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/im2-audio/im2/internal/compose/composefile"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/safetext"
	"github.com/im2-audio/im2/nonroot"
)

// Labels of every object and every pod.
const (
	// LabelProject has the Compose project's name, LabelService the Compose service's, as Kubernetes takes them ([Name]).
	LabelProject = "app.kubernetes.io/name"
	LabelService = "app.kubernetes.io/component"
	// LabelManagedBy is Manager in everything that this package renders.
	LabelManagedBy = "app.kubernetes.io/managed-by"
	Manager        = "im2"
	// AnnotationModel has a hash of all that was rendered: the same hash means that there is nothing to apply.
	AnnotationModel = "im2/model"
	// AnnotationProject is, on a namespace, the project's name as Compose has it: several become one [Name].
	AnnotationProject = "im2/project"
)

// Autoscalers are the values of [Options.Autoscale], beside "" for none.
var Autoscalers = []string{"keda", "hpa"}

// Options are what the Compose file does not say.
type Options struct {
	// Images are references with a digest, by service; others are named as they would be pushed ([Reference]).
	Images map[string]string
	// Verdicts say which user services run as, by service: those of nonroot.Audit. A service without one, and without a numeric
	// "user:", is refused.
	Verdicts map[string]nonroot.Verdict
	// Platforms are what images are built for, by service: pods go to nodes of that platform alone. None for those that any node can run.
	Platforms map[string]string
	// Health are the health checks of images, by service, for services whose Compose file has none.
	Health map[string]*types.HealthCheckConfig
	// Replicas are how many pods services have, over what the Compose file says.
	Replicas map[string]int
	// DataID identifies the data folder: services refuse any other. "" for none.
	DataID string
	// Autoscale is one of Autoscalers: the worker of a pipeline is scaled by the songs that wait, up to its replicas.
	Autoscale string
	// IsFile says that a bind mount's source is a file, not a folder; nil for none.
	IsFile func(path string) bool
	// Read reads a Compose file again, for the lines of notes; nil for notes without lines.
	Read func(path string) ([]byte, error)
}

// Object is a typed object of Kubernetes' API.
type Object interface {
	metav1.Object
	GetObjectKind() schema.ObjectKind
}

// Rendered is a project for Kubernetes.
type Rendered struct {
	// Namespace is where all of it is.
	Namespace string
	// Objects are in the order in which they are to be applied, the namespace first.
	Objects []Object
	// Notes say what Kubernetes does not do as Compose does, in the order of services.
	Notes []Note
	// Model is the value of AnnotationModel.
	Model string
}

// Note is about one key of the Compose file.
type Note struct {
	// Service is the service; "" for the project.
	Service string `json:"service,omitempty"`
	// Key is the key in the Compose file, such as "services.web.pid".
	Key string `json:"key"`
	// File, Line and Column are where it is; "" and 0 where that is not known. The file is relative to the project, with slashes.
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
	// Text says what becomes of it, Fix what to do; Fix may be empty.
	Text string `json:"text"`
	Fix  string `json:"fix,omitempty"`
	// Refused says that the project cannot be rendered with it.
	Refused bool `json:"refused,omitempty"`
	// Checks are the checks of the admission library that refuse the pod for it.
	Checks []string `json:"checks,omitempty"`
	// Baseline says that the baseline profile refuses it, too.
	Baseline bool `json:"baseline,omitempty"`
}

// String is "FILE:LINE:COLUMN: KEY: text; fix: what to do".
func (n Note) String() string {
	var where string
	if n.Line > 0 {
		where = fmt.Sprintf("%s:%d:%d: ", n.File, n.Line, n.Column)
	}
	text := where + n.Key + ": " + n.Text
	if n.Fix != "" {
		text += "; fix: " + n.Fix
	}
	return text
}

// Lines are the notes as a person reads them: what is said of several services is said once, with the place of the first.
func (r Rendered) Lines() []string {
	of := make(map[[2]string][]Note)
	var order [][2]string
	for _, n := range r.Notes {
		same := [2]string{strings.TrimPrefix(n.Key, "services."+n.Service+"."), n.Text}
		if of[same] == nil {
			order = append(order, same)
		}
		of[same] = append(of[same], n)
	}
	var lines []string
	for _, same := range order {
		line := of[same][0].String()
		if len(of[same]) > 1 {
			var others []string
			for _, n := range of[same][1:] {
				others = append(others, n.Service)
			}
			line += " (also " + safetext.List(others, 10, ", ") + ")"
		}
		lines = append(lines, line)
	}
	return lines
}

// Refused are the notes for which the project cannot be run on Kubernetes.
func (r Rendered) Refused() []Note {
	var all []Note
	for _, n := range r.Notes {
		if n.Refused {
			all = append(all, n)
		}
	}
	return all
}

// Err is an error that names every refusal; nil where there is none.
func (r Rendered) Err() error {
	refused := r.Refused()
	if len(refused) == 0 {
		return nil
	}
	slices.SortStableFunc(refused, func(a, b Note) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	var text strings.Builder
	for _, n := range refused {
		text.WriteString("\n" + n.String())
	}
	return exit.Errorf(exit.Unusable, "rendering %s for Kubernetes: a namespace with the restricted profile would refuse it, or it means something else there:%s",
		r.Namespace, text.String())
}

// Render renders the enabled services of a project. With refusals ([Rendered.Err]) the objects are as close to the Compose file as they
// can be, for an audit; they must not be applied. The error says that options or names cannot be used.
func Render(p *project.Project, o Options) (Rendered, error) {
	r := &renderer{project: p, options: o, namespace: Name(p.Name())}
	if o.Read != nil {
		places, err := composefile.Open(p.Compose.ComposeFiles, o.Read)
		if err != nil {
			return Rendered{}, exit.With(exit.Unusable, err)
		}
		r.places = places
	}
	if err := r.plan(); err != nil {
		return Rendered{}, err
	}
	r.add(r.namespaceObject())
	r.network()
	if err := r.storage(); err != nil {
		return Rendered{}, err
	}
	r.configs()
	for _, name := range sortedKeys(p.Compose.Jobs) {
		r.note("", "jobs."+name, "it is not rendered: only services are")
	}
	for _, name := range p.Services() {
		r.decide(p.Compose.Services[name])
		r.service(p.Compose.Services[name])
	}
	if err := r.autoscale(); err != nil {
		return Rendered{}, err
	}
	return r.finish()
}

// renderer is the state of one rendering.
type renderer struct {
	project   *project.Project
	options   Options
	namespace string
	places    *composefile.Set // nil where lines are not asked for
	claims    []*claim
	objects   []Object
	notes     []Note
	lacks     bool // a note says how to create something in the namespace
}

func (r *renderer) add(o Object) { r.objects = append(r.objects, o) }

// note says something about a key of a service, and refuse refuses it. The key may have dots.
func (r *renderer) note(service, key, format string, args ...any) *Note {
	n := Note{Service: service, Key: "services." + service + "." + key, Text: fmt.Sprintf(format, args...)}
	if service == "" {
		n.Key = key
	}
	r.place(&n, service, strings.Split(key, "."))
	r.notes = append(r.notes, n)
	return &r.notes[len(r.notes)-1]
}

func (r *renderer) refuse(service, key, fix, format string, args ...any) *Note {
	n := r.note(service, key, format, args...)
	n.Fix, n.Refused = fix, true
	return n
}

// place finds the line of a key, or of what is around it.
func (r *renderer) place(n *Note, service string, keys []string) {
	if r.places == nil || service == "" {
		return
	}
	for ; ; keys = keys[:len(keys)-1] {
		at, ok := r.places.Find(service, keys...)
		if ok && at.Node() != nil {
			n.File, n.Line, n.Column = relative(r.project, at.File.Path), at.Node().Line, at.Node().Column
			return
		}
		if len(keys) == 0 {
			return
		}
	}
}

// meta is that of an object; service may be "".
func (r *renderer) meta(name, service string) metav1.ObjectMeta {
	m := metav1.ObjectMeta{Name: name, Namespace: r.namespace, Labels: map[string]string{LabelProject: r.namespace, LabelManagedBy: Manager}}
	if service != "" {
		m.Labels[LabelService] = Name(service)
	}
	return m
}

// selects are the labels by which a service's pods are found.
func (r *renderer) selects(service string) map[string]string {
	return map[string]string{LabelProject: r.namespace, LabelService: Name(service)}
}

func (r *renderer) namespaceObject() Object {
	n := &corev1.Namespace{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"}, ObjectMeta: r.meta(r.namespace, "")}
	n.Namespace = ""
	n.Annotations = map[string]string{AnnotationProject: r.project.Name()}
	for _, mode := range []string{"enforce", "audit", "warn"} {
		n.Labels["pod-security.kubernetes.io/"+mode] = "restricted"
		n.Labels["pod-security.kubernetes.io/"+mode+"-version"] = "latest"
	}
	return n
}

// finish hashes the objects and puts the hash on each. The error is that of two objects with one name.
func (r *renderer) finish() (Rendered, error) {
	names := make(map[string]bool)
	for _, o := range r.objects {
		name := o.GetObjectKind().GroupVersionKind().Kind + " " + o.GetName()
		if names[name] {
			return Rendered{}, exit.Errorf(exit.Unusable, "rendering %s for Kubernetes: two things in the Compose file become %s; fix: rename one of them",
				r.project.Name(), name)
		}
		names[name] = true
	}
	all := Rendered{Namespace: r.namespace, Objects: r.objects, Notes: r.notes}
	text, err := all.YAML()
	if err != nil {
		return Rendered{}, err
	}
	sum := sha256.Sum256(text)
	all.Model = hex.EncodeToString(sum[:])
	for _, o := range all.Objects {
		annotations := o.GetAnnotations()
		if annotations == nil {
			annotations = make(map[string]string)
		}
		annotations[AnnotationModel] = all.Model
		o.SetAnnotations(annotations)
	}
	return all, nil
}
