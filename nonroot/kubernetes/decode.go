package kubernetes

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/json"
	k8syaml "sigs.k8s.io/yaml"

	"github.com/im2-audio/im2/internal/compose/composefile"
)

// unknown is a key that the API does not have.
type unknown struct {
	path []string
	text string
}

// decode reads a part of a document as the API server does, and returns the keys that the API does not have. A pod has keys of its
// own beside those of a template.
func decode(at composefile.Place, into *corev1.PodTemplateSpec, isPod bool) ([]unknown, error) {
	left := maxPod
	whole := expand(at.Value, &left)
	if left < 0 {
		return nil, fmt.Errorf("it has more than %d keys and values, and no cluster takes as much", maxPod)
	}
	again, err := yaml.Marshal(whole)
	if err != nil {
		return nil, err
	}
	text, err := k8syaml.YAMLToJSON(again) // by the rules of YAML that Kubernetes has: "yes" is true there
	if err != nil {
		return nil, err
	}
	var target any = into
	pod := corev1.Pod{}
	if isPod {
		target = &pod
	}
	strict, err := json.UnmarshalStrict(text, target, json.DisallowUnknownFields) // with capitals as they are
	if err != nil {
		return nil, err
	}
	if isPod {
		into.ObjectMeta, into.Spec = pod.ObjectMeta, pod.Spec
	}
	var all []unknown
	for _, e := range strict {
		u := unknown{text: e.Error()}
		if field := json.FieldError(nil); errors.As(e, &field) {
			u.path = strings.FieldsFunc(field.FieldPath(), func(c rune) bool { return strings.ContainsRune(".[]", c) })
		}
		all = append(all, u)
	}
	return all, nil
}

// maxPod is how many keys and values a pod may have: etcd keeps objects of up to 1.5 MB.
const maxPod = 50_000

// expand writes aliases out: what they stand for may be outside of the part that is decoded. It stops when nothing is left of so
// many nodes.
func expand(n *yaml.Node, left *int) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	clone := *n
	clone.Anchor, clone.Content = "", nil
	clone.HeadComment, clone.LineComment, clone.FootComment = "", "", ""
	for _, child := range n.Content {
		if *left--; *left < 0 {
			break
		}
		clone.Content = append(clone.Content, expand(child, left))
	}
	return &clone
}

// walk goes down a path of keys and of indices of lists, as far as there is something.
func walk(at composefile.Place, path []string) composefile.Place {
	for _, key := range path {
		next, ok := at.Below(key)
		if i, err := strconv.Atoi(key); err == nil && !ok {
			if items := at.Items(); i >= 0 && i < len(items) {
				next, ok = items[i], true
			}
		}
		if !ok {
			return at
		}
		at = next
	}
	return at
}
