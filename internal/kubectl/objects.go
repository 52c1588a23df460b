package kubectl

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/im2-audio/im2/internal/exit"
)

// Object is what is known of any object.
type Object struct {
	APIVersion, Kind string

	Meta Meta `json:"metadata"`
}

// Ref is what kubectl calls the object, such as deployment.apps/web.
func (o Object) Ref() string {
	kind := strings.ToLower(o.Kind)
	if group, _, named := strings.Cut(o.APIVersion, "/"); named {
		kind += "." + group
	}
	return kind + "/" + o.Meta.Name
}

// Meta is the metadata of an object.
type Meta struct {
	Name        string
	Labels      map[string]string
	Annotations map[string]string
	// Owners are the objects that have made it, and with which it goes.
	Owners []struct{ Name string } `json:"ownerReferences"`
	// Finalizers name what has to be done before the object is gone.
	Finalizers []string
}

// List reads objects of a namespace: args are kinds with commas, and a selector or a name.
func (k *Kubectl) List(ctx context.Context, namespace string, args ...string) ([]Object, error) {
	var found struct {
		Object // where one is asked for by its name
		Items  []Object
	}
	if err := k.get(ctx, &found, namespace, args...); err != nil {
		return nil, err
	}
	if found.Meta.Name != "" {
		return []Object{found.Object}, nil
	}
	return found.Items, nil
}

// Knows says whether the cluster has a kind of objects: one of a group and version, such as "keda.sh/v1alpha1", by its plural.
func (k *Kubectl) Knows(ctx context.Context, version, plural string) (bool, error) {
	out, err := k.output(ctx, nil, "get", "--raw=/apis/"+version)
	if err != nil {
		if strings.Contains(err.Error(), "(NotFound)") {
			return false, nil
		}
		return false, err
	}
	var all struct{ Resources []struct{ Name string } }
	if err := json.Unmarshal(out, &all); err != nil {
		return false, exit.Errorf(exit.Failed, "reading what the cluster of context %q has of %s: %w", k.Context, version, err)
	}
	for _, r := range all.Resources {
		if r.Name == plural {
			return true, nil
		}
	}
	return false, nil
}

// NoKind is the error that a cluster has no objects of a kind, such as "ScaledObject". Its exit code is exit.Missing.
func (k *Kubectl) NoKind(version, kind string) error {
	return exit.Fixable(exit.Missing, exit.Fix{Note: "install what defines it on the cluster"}, "the cluster of context %q has no %s %s", k.Context, version, kind)
}
