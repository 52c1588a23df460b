package kubectl

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/safetext"
)

// Pod is one container of a service on a cluster.
type Pod struct {
	Service string `json:"service"`
	Name    string `json:"pod"`
	Node    string `json:"node"`
	// User is the container's UID:GID as the node says, or else as the pod asks for.
	User  string `json:"user"`
	Image string `json:"image"`
	// State is "healthy", "starting", "ending", "ended", "waiting", "failed", or Kubernetes' word for what is wrong, such as
	// "ImagePullBackOff" or, of a pod that would be starting, "FailedMount"; Why is the text with it.
	State string `json:"state"`
	Why   string `json:"why,omitempty"`
	// Restarts is how often it was started again.
	Restarts int `json:"restarts"`
	// Old says that it is of an earlier version of its service, or of a service that is gone: it ends by itself.
	Old bool `json:"old,omitempty"`

	namespace string
	before    int // how many of the restarts Wait does not count
}

// Healthy is the state of a pod that does its work.
const Healthy = "healthy"

// Service is what the cluster has of one service.
type Service struct {
	Name string `json:"service"`
	// Want is how many containers there should be, Ready how many are healthy and of the version that was asked for.
	Want  int `json:"want"`
	Ready int `json:"ready"`
	// Old is how many containers of an earlier version have not been told to end.
	Old int `json:"old"`
	// Refused is why the cluster makes no pod; "" where it does.
	Refused string `json:"refused,omitempty"`
}

// Claim is a request for storage.
type Claim struct {
	Name  string `json:"claim"`
	Phase string `json:"phase"`
	// Class is the storage class; "" for none.
	Class string `json:"class"`
	// Why is what the cluster says about a claim that it has not met.
	Why string `json:"why,omitempty"`
}

// State is what a cluster has of a project.
type State struct {
	Services []Service `json:"services"`
	Pods     []Pod     `json:"pods"`
	Claims   []Claim   `json:"claims"`
}

// object has what is read of deployments, pods, claims and events.
type object struct {
	Kind     string `json:"kind"`
	Metadata struct {
		Name        string            `json:"name"`
		Namespace   string            `json:"namespace"`
		Labels      map[string]string `json:"labels"`
		Annotations map[string]string `json:"annotations"`
		Generation  int64             `json:"generation"`
		Deletion    *time.Time        `json:"deletionTimestamp"`
		Created     time.Time         `json:"creationTimestamp"`
	} `json:"metadata"`
	Spec   json.RawMessage `json:"spec"`
	Status json.RawMessage `json:"status"`
	// Of an event:
	Reason   string     `json:"reason"`
	Message  string     `json:"message"`
	Last     *time.Time `json:"lastTimestamp"` // nil if it happened once, by the newer API
	Involved struct {
		Kind string `json:"kind"`
		Name string `json:"name"`
	} `json:"involvedObject"`
}

// Look reads what a namespace has with a label; label is the key of the one that names the service.
func (k *Kubectl) Look(ctx context.Context, namespace, selector, label string) (State, error) {
	var all list[object]
	if err := k.get(ctx, &all, namespace, "deployments.apps,replicasets.apps,pods,persistentvolumeclaims", "--selector="+selector); err != nil {
		return State{}, err
	}
	s := State{Services: []Service{}, Pods: []Pod{}, Claims: []Claim{}}
	newest := newestVersions(all.Items, label)
	pending, starting := false, false
	for _, o := range all.Items {
		name := o.Metadata.Labels[label]
		version, known := newest[name]
		switch o.Kind {
		case "Deployment":
			s.Services = append(s.Services, o.service(name, version))
		case "Pod":
			p := o.pod(name)
			p.Old = !known || version.unseen || version.hash != "" && o.Metadata.Labels[templateHash] != version.hash
			starting = starting || p.State == "starting"
			s.Pods = append(s.Pods, p)
		case "PersistentVolumeClaim":
			c := o.claim()
			pending = pending || c.Phase != bound
			s.Claims = append(s.Claims, c)
		}
	}
	slices.SortFunc(s.Pods, func(a, b Pod) int { return strings.Compare(a.Service+"\x00"+a.Name, b.Service+"\x00"+b.Name) })
	if starting {
		k.explainPods(ctx, namespace, s.Pods)
	}
	if pending {
		return s, k.explainClaims(ctx, namespace, s.Claims)
	}
	return s, nil
}

// templateHash is the label that tells the pods of one version of a service from those of another, and revision the
// annotation that numbers versions, on a deployment its newest.
const (
	templateHash = "pod-template-hash"
	revision     = "deployment.kubernetes.io/revision"
)

// version is the newest one of a service.
type version struct {
	// unseen says that the controllers have not seen it: all that is there is of earlier ones.
	unseen bool
	// hash is that of its pods; "" where that is not known.
	hash string
	// refused is why the cluster makes no pod of it.
	refused string
}

// newestVersions are the newest versions of the services that have a deployment.
func newestVersions(all []object, label string) map[string]version {
	newest := make(map[string]version)
	for _, o := range all {
		if o.Kind != "Deployment" {
			continue
		}
		var status deployment
		_ = json.Unmarshal(o.Status, &status) // the API server's own
		v := version{unseen: status.ObservedGeneration < o.Metadata.Generation}
		if !v.unseen {
			v.refused = status.refused()
		}
		service, number := o.Metadata.Labels[label], o.Metadata.Annotations[revision]
		for _, set := range all {
			if !v.unseen && number != "" && set.Kind == "ReplicaSet" && set.Metadata.Labels[label] == service && set.Metadata.Annotations[revision] == number {
				var of deployment
				_ = json.Unmarshal(set.Status, &of)                                 // as above
				v.hash, v.refused = set.Metadata.Labels[templateHash], of.refused() // a deployment also says why those of earlier ones are refused
			}
		}
		newest[service] = v
	}
	return newest
}

// refused is why the cluster makes no pod; "" where it does.
func (d *deployment) refused() string {
	for _, c := range d.Conditions {
		if c.Type == "ReplicaFailure" && c.Status == "True" {
			return c.Message
		}
	}
	return ""
}

// NeedClaim returns an error unless a namespace has a claim of this name that several nodes can write to.
func (k *Kubectl) NeedClaim(ctx context.Context, namespace, name string) error {
	var found object
	if err := k.get(ctx, &found, namespace, "persistentvolumeclaims", name); err != nil {
		return err
	}
	var spec struct{ AccessModes []string }
	if found.Kind == "" {
		return exit.Fixable(exit.Failed, exit.Fix{Note: "make it there, with the access mode ReadWriteMany, or name another one in x-im2"},
			"the namespace %s has no claim %s", namespace, name)
	}
	_ = json.Unmarshal(found.Spec, &spec) // the API server's own
	if !slices.Contains(spec.AccessModes, "ReadWriteMany") {
		return exit.Fixable(exit.Failed, exit.Fix{Note: "name one with ReadWriteMany in x-im2"},
			"the claim %s in the namespace %s is %s: services on several nodes cannot share it", name, namespace, safetext.List(spec.AccessModes, 10, ", "))
	}
	return nil
}

// bound is the phase of a claim that is met.
const bound = "Bound"

// explainClaims adds what the last event of each says.
func (k *Kubectl) explainClaims(ctx context.Context, namespace string, claims []Claim) error {
	var events list[object]
	if err := k.get(ctx, &events, namespace, "events", "--field-selector=involvedObject.kind=PersistentVolumeClaim"); err != nil {
		return err
	}
	for _, e := range events.Items {
		for i := range claims {
			if claims[i].Name == e.Involved.Name && claims[i].Phase != bound && e.Reason != "WaitForFirstConsumer" {
				claims[i].Why = e.Message
			}
		}
	}
	return nil
}

// explainPods says of pods that are starting that they lack a volume, where that is the last thing that happened to them.
func (k *Kubectl) explainPods(ctx context.Context, namespace string, pods []Pod) {
	var events list[object]
	if k.get(ctx, &events, namespace, "events", "--field-selector=involvedObject.kind=Pod") != nil {
		return // who may not read events, as for cluster-down, has the rest
	}
	last := make(map[string]object)
	for _, e := range events.Items {
		if before, is := last[e.Involved.Name]; !is || !e.when().Before(before.when()) {
			last[e.Involved.Name] = e
		}
	}
	for i, p := range pods {
		if e := last[p.Name]; p.State == "starting" && (e.Reason == "FailedMount" || e.Reason == "FailedAttachVolume") {
			pods[i].State, pods[i].Why = e.Reason, e.Message
		}
	}
}

// when is the time of an event.
func (o *object) when() time.Time {
	if o.Last != nil {
		return *o.Last
	}
	return o.Metadata.Created
}

// deployment is what is read of one, and of the sets of pods that it makes for each version.
type deployment struct {
	Replicas           *int  `json:"replicas"` // in the specification: nil is 1; in the status: of all versions
	ObservedGeneration int64 `json:"observedGeneration"`
	Updated            int   `json:"updatedReplicas"`
	Available          int   `json:"availableReplicas"` // of all versions
	Conditions         []struct {
		Type, Status, Message string
	} `json:"conditions"`
}

func (o *object) service(name string, newest version) Service {
	var spec, status deployment
	_, _ = json.Unmarshal(o.Spec, &spec), json.Unmarshal(o.Status, &status) // the API server's own
	s := Service{Name: name, Want: 1, Refused: newest.refused}
	if spec.Replicas != nil {
		s.Want = *spec.Replicas
	}
	if !newest.unseen {
		if status.Replicas != nil {
			s.Old = max(0, *status.Replicas-status.Updated)
		}
		s.Ready = min(max(0, status.Available-s.Old), status.Updated) // those that are available may be the old ones
	}
	return s
}

func (o *object) claim() Claim {
	var spec struct {
		Class string `json:"storageClassName"`
	}
	var status struct {
		Phase string `json:"phase"`
	}
	_, _ = json.Unmarshal(o.Spec, &spec), json.Unmarshal(o.Status, &status) // the API server's own
	return Claim{Name: o.Metadata.Name, Phase: status.Phase, Class: spec.Class}
}

// containerState is the state of a container: one of the three is there.
type containerState struct {
	Waiting, Terminated *struct {
		Reason, Message string
		ExitCode        int
	}
}

// containerStatus is what a node says of a container.
type containerStatus struct {
	Ready        bool
	RestartCount int
	ImageID      string
	State        containerState
	LastState    containerState
	User         struct {
		Linux *struct{ UID, GID int64 }
	}
}

func (o *object) pod(service string) Pod {
	type security struct {
		RunAsUser, RunAsGroup *int64
	}
	var spec struct {
		NodeName        string
		SecurityContext security
		Containers      []struct{ Image string }
	}
	var status struct {
		Phase, Reason, Message string
		Conditions             []struct{ Type, Status, Message string }
		ContainerStatuses      []containerStatus
	}
	_, _ = json.Unmarshal(o.Spec, &spec), json.Unmarshal(o.Status, &status) // the API server's own
	p := Pod{Service: service, Name: o.Metadata.Name, Node: spec.NodeName, State: "waiting", namespace: o.Metadata.Namespace}
	if len(spec.Containers) > 0 {
		p.Image = spec.Containers[0].Image
	}
	if s := spec.SecurityContext; s.RunAsUser != nil && s.RunAsGroup != nil {
		p.User = fmt.Sprintf("%d:%d", *s.RunAsUser, *s.RunAsGroup)
	}
	for _, c := range status.Conditions {
		if c.Type == "PodScheduled" && c.Status != "True" {
			p.State, p.Why = "Unschedulable", c.Message
		}
	}
	if len(status.ContainerStatuses) > 0 {
		p.take(status.ContainerStatuses[0])
	}
	switch {
	case status.Phase == "Failed" || status.Phase == "Succeeded": // such as by eviction: there is another pod in its place
		p.State, p.Why = "ended", strings.TrimSpace(status.Reason+" "+status.Message)
	case o.Metadata.Deletion != nil:
		p.State, p.Why = "ending", ""
	}
	return p
}

func (p *Pod) take(c containerStatus) {
	p.Restarts = c.RestartCount
	if c.User.Linux != nil {
		p.User = fmt.Sprintf("%d:%d", c.User.Linux.UID, c.User.Linux.GID)
	}
	switch {
	case c.State.Waiting != nil && c.State.Waiting.Reason == "ContainerCreating":
		p.State = "starting"
	case c.State.Waiting != nil:
		p.State, p.Why = c.State.Waiting.Reason, c.State.Waiting.Message
		if end := c.LastState.Terminated; end != nil {
			p.Why = fmt.Sprintf("exit code %d", end.ExitCode)
		}
	case c.State.Terminated != nil:
		p.State, p.Why = "failed", fmt.Sprintf("exit code %d", c.State.Terminated.ExitCode)
	case c.Ready:
		p.State = Healthy
	default:
		p.State = "starting"
	}
}
