package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/im2-audio/im2/internal/cluster"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/kubectl"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/safetext"
)

// The kinds of objects that a project has on a cluster, beside those of [scalers].
const (
	servicesOfCluster = "deployments.apps,services,configmaps,networkpolicies.networking.k8s.io"
	claimsOfCluster   = "persistentvolumeclaims"
	volumesOfCluster  = "persistentvolumes"
)

// kedaVersion is the group and version of KEDA's objects, which not every cluster has.
const kedaVersion = "keda.sh/v1alpha1"

// scalers are the kinds of autoscalers that the cluster knows.
func scalers(ctx context.Context, k *kubectl.Kubectl) ([]string, error) {
	kinds := []string{"horizontalpodautoscalers.autoscaling"}
	keda, err := k.Knows(ctx, kedaVersion, "scaledobjects")
	if keda {
		kinds = append([]string{"scaledobjects.keda.sh"}, kinds...) // each makes one of the other kind
	}
	return kinds, err
}

// looking are the rights to see what the cluster has of a project, and whose its namespace is.
var looking = []kubectl.Right{
	{Verb: "list", Resource: "pods"},
	{Verb: "list", Resource: "events"},
	{Verb: "list", Resource: "deployments.apps"},
	{Verb: "list", Resource: "replicasets.apps"},
	{Verb: "list", Resource: claimsOfCluster},
	{Verb: "get", Resource: "namespaces"},
}

// removing are the rights to remove objects of these kinds by their labels. Kinds may have commas.
func removing(kinds []string) []kubectl.Right {
	var rights []kubectl.Right
	for resource := range strings.SplitSeq(strings.Join(kinds, ","), ",") {
		for _, verb := range []string{"list", "delete"} {
			right := kubectl.Right{Verb: verb, Resource: resource, Cluster: resource == volumesOfCluster}
			if !slices.Contains(looking, right) {
				rights = append(rights, right)
			}
		}
	}
	return rights
}

// rendering are the rights to give a cluster the manifests.
func rendering(r cluster.Rendered) []kubectl.Right {
	var rights []kubectl.Right
	seen := make(map[string]bool)
	for _, o := range r.Objects {
		resource := resourceOf(o)
		if seen[resource] {
			continue
		}
		seen[resource] = true
		for _, verb := range []string{"create", "patch"} {
			rights = append(rights, kubectl.Right{Verb: verb, Resource: resource, Cluster: o.GetNamespace() == ""})
		}
	}
	return rights
}

// resourceOf is what the API calls objects of this kind, such as deployments.apps.
func resourceOf(o cluster.Object) string {
	kind := o.GetObjectKind().GroupVersionKind()
	resource := strings.ToLower(kind.Kind) + "s"
	if stem, is := strings.CutSuffix(resource, "ys"); is {
		resource = stem + "ies"
	}
	if kind.Group != "" {
		resource += "." + kind.Group
	}
	return resource
}

// allowed returns an error unless the cluster can take the manifests from this user, and the namespace is free for the project.
func (t Target) allowed(ctx context.Context, p *project.Project, k *kubectl.Kubectl, r cluster.Rendered) error {
	kinds, err := scalers(ctx, k)
	if err != nil {
		return err
	}
	for _, o := range r.Objects {
		if kind := o.GetObjectKind().GroupVersionKind(); kind.GroupVersion().String() == kedaVersion && !slices.Contains(kinds, resourceOf(o)) {
			return k.NoKind(kedaVersion, kind.Kind)
		}
	}
	again := []kubectl.Right{{Verb: "delete", Resource: "pods"}} // those that failed
	rights := slices.Concat(looking, again, rendering(r), removing(append(kinds, servicesOfCluster)))
	claim := p.Cluster.Storage.Claim
	if claim != "" {
		rights = append(rights, kubectl.Right{Verb: "get", Resource: claimsOfCluster})
	}
	if err := k.Need(ctx, r.Namespace, rights...); err != nil {
		return err
	}
	if err := freeNamespace(ctx, k, p); err != nil || claim == "" {
		return err
	}
	return k.NeedClaim(ctx, r.Namespace, claim)
}

// sameProject returns the project's namespace, or one without a name if it is not there. The error says that another project has it:
// several names of projects become the same.
func sameProject(ctx context.Context, k *kubectl.Kubectl, p *project.Project) (kubectl.Object, error) {
	name := cluster.Name(p.Name())
	found, err := k.List(ctx, name, "namespaces", name)
	if err != nil || len(found) == 0 {
		return kubectl.Object{}, err
	}
	if of := found[0].Meta.Annotations[cluster.AnnotationProject]; of != "" && of != p.Name() {
		return found[0], exit.Fixable(exit.Failed, exit.Fix{Note: "rename one of the two projects"},
			"%s: the namespace %s on the cluster of context %q belongs to the project %s", p.Name(), name, k.Context, safetext.Quoted(of))
	}
	return found[0], nil
}

// freeNamespace returns an error if the namespace is another project's, or was not made by us and is in use: it would get a profile and
// a policy that its pods do not know.
func freeNamespace(ctx context.Context, k *kubectl.Kubectl, p *project.Project) error {
	namespace, err := sameProject(ctx, k, p)
	if err != nil || namespace.Meta.Name == "" || namespace.Meta.Labels[cluster.LabelManagedBy] == cluster.Manager {
		return err
	}
	pods, err := k.List(ctx, namespace.Meta.Name, "pods")
	if err != nil {
		return err
	}
	for _, pod := range pods {
		if pod.Meta.Labels[cluster.LabelManagedBy] != cluster.Manager || pod.Meta.Labels[cluster.LabelProject] != namespace.Meta.Name {
			return exit.Fixable(exit.Failed, exit.Fix{Note: "rename the project, or remove what else is in the namespace"},
				"the namespace %s on the cluster of context %q has pods that are not of %s, such as %s",
				namespace.Meta.Name, k.Context, p.Name(), safetext.Line(pod.Meta.Name))
		}
	}
	return nil
}

// removeOld removes what an earlier call made and this one has not: services, and what lets others reach them. Storage stays. What has a name
// that this call has applied stays as well: another machine's call may have applied it since.
func (t Target) removeOld(ctx context.Context, p *project.Project, k *kubectl.Kubectl, r cluster.Rendered) error {
	kinds, err := scalers(ctx, k)
	if err != nil {
		return err
	}
	namespace := cluster.Name(p.Name())
	there, err := k.List(ctx, namespace, strings.Join(append(kinds, servicesOfCluster), ","), "--selector="+selector(p))
	if err != nil {
		return fmt.Errorf("looking for what is no longer in the Compose file: %w", err)
	}
	applied := make(map[string]bool)
	for _, o := range r.Objects {
		version, kind := o.GetObjectKind().GroupVersionKind().ToAPIVersionAndKind()
		applied[kubectl.Object{APIVersion: version, Kind: kind, Meta: kubectl.Meta{Name: o.GetName()}}.Ref()] = true
	}
	var old []string
	for _, o := range there {
		if o.Meta.Annotations[cluster.AnnotationModel] != r.Model && !applied[o.Ref()] && len(o.Meta.Owners) == 0 { // what has an owner goes with it
			old = append(old, o.Ref())
		}
	}
	if len(old) == 0 {
		return nil
	}
	t.UI.Note("removing what is no longer in the Compose file: %s", safetext.List(old, 10, ", "))
	if err := k.Remove(ctx, namespace, old...); err != nil {
		return fmt.Errorf("removing what is no longer in the Compose file: %w", err)
	}
	return nil
}
