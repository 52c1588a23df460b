package kubectl

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"

	"github.com/im2-audio/im2/internal/exit"
)

// Right is what a user may do: a verb such as "create", and a resource such as "deployments.apps" or "pods/log". A
// resource of the whole cluster is asked for without a namespace.
type Right struct {
	Verb, Resource string
	Cluster        bool
}

// review is a SelfSubjectAccessReview.
type review struct {
	APIVersion string       `json:"apiVersion"`
	Kind       string       `json:"kind"`
	Spec       reviewSpec   `json:"spec"`
	Status     reviewStatus `json:"status,omitzero"`
}

type reviewSpec struct {
	Attributes attributes `json:"resourceAttributes"`
}

type attributes struct {
	Namespace   string `json:"namespace,omitempty"`
	Verb        string `json:"verb"`
	Group       string `json:"group,omitempty"`
	Resource    string `json:"resource"`
	Subresource string `json:"subresource,omitempty"`
}

type reviewStatus struct {
	Allowed bool `json:"allowed"`
}

// list is how kubectl takes and gives several objects.
type list[T any] struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Items      []T    `json:"items"`
}

// Need returns an error that names the rights which this user lacks in a namespace. Its exit code is exit.Missing.
func (k *Kubectl) Need(ctx context.Context, namespace string, rights ...Right) error {
	lacking, err := k.lacking(ctx, namespace, rights)
	if err != nil || len(lacking) == 0 {
		return err
	}
	return exit.Fixable(exit.Missing, exit.Fix{Note: "ask the cluster's administrator for these rights"},
		"the cluster of context %q does not let you %s in the namespace %s", k.Context, strings.Join(lacking, ", "), namespace)
}

// May says whether this user has a right in a namespace.
func (k *Kubectl) May(ctx context.Context, namespace string, right Right) (bool, error) {
	lacking, err := k.lacking(ctx, namespace, []Right{right})
	return err == nil && len(lacking) == 0, err
}

// lacking names those of the rights that this user has not.
func (k *Kubectl) lacking(ctx context.Context, namespace string, rights []Right) (lacking []string, err error) {
	ask := list[review]{APIVersion: "v1", Kind: "List"}
	for _, r := range rights {
		name, group, _ := strings.Cut(r.Resource, ".")
		name, sub, _ := strings.Cut(name, "/")
		a := attributes{Namespace: namespace, Verb: r.Verb, Group: group, Resource: name, Subresource: sub}
		if r.Cluster {
			a.Namespace = ""
		}
		ask.Items = append(ask.Items, review{APIVersion: "authorization.k8s.io/v1", Kind: "SelfSubjectAccessReview", Spec: reviewSpec{a}})
	}
	text, err := json.Marshal(ask)
	if err != nil {
		return nil, err
	}
	out, err := k.output(ctx, text, "create", "--filename=-", "--output=json")
	if err != nil {
		return nil, err
	}
	answers := json.NewDecoder(bytes.NewReader(out)) // one after the other
	for _, r := range rights {
		var answer review
		if err := answers.Decode(&answer); err != nil {
			return nil, exit.Errorf(exit.Failed, "asking the cluster of context %q for your rights: %w", k.Context, err)
		}
		if !answer.Status.Allowed {
			lacking = append(lacking, r.Verb+" "+r.Resource)
		}
	}
	return lacking, nil
}
