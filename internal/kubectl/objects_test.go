package kubectl_test

import (
	"strings"
	"testing"
)

// Kubectl gives one object that is asked for by its name, a list of those that a selector finds, and nothing where there is none.
func TestObjectsAreListed(t *testing.T) {
	k, err := open(t, here(`*" one "*) echo '{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "one", "annotations": {"a": "b"}}}';;
*" all "*) echo '{"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": [{"apiVersion": "apps/v1", "kind": "Deployment",
"metadata": {"name": "web", "ownerReferences": [{"name": "x"}]}}, {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}}]}';;`))
	if err != nil {
		t.Fatal(err)
	}
	for what, want := range map[string]string{"one": "namespace/one", "all": "deployment.apps/web service/web", "none": ""} {
		found, err := k.List(t.Context(), "im2", what)
		var refs []string
		for _, o := range found {
			refs = append(refs, o.Ref())
		}
		if got := strings.Join(refs, " "); err != nil || got != want {
			t.Errorf("%s: %v, %q, want %q", what, err, got, want)
		}
		if what == "one" && found[0].Meta.Annotations["a"] != "b" || what == "all" && len(found[0].Meta.Owners) != 1 {
			t.Errorf("%s: %+v", what, found)
		}
	}
}

// A cluster that does not answer is not one that has no such kind.
func TestKindsThatAClusterKnows(t *testing.T) {
	k, err := open(t, here(`*apis/k.test/v1*) echo '{"resources": [{"name": "things"}, {"name": "things/status"}]}';;
*apis/none.test/*) echo 'Error from server (NotFound): the server could not find the requested resource' >&2; exit 1;;
*) echo 'Error from server (ServiceUnavailable): the server is currently unable to handle the request' >&2; exit 1;;`))
	if err != nil {
		t.Fatal(err)
	}
	for of, want := range map[string]string{"k.test/v1 things": "true", "k.test/v1 others": "false", "none.test/v1 things": "false", "away.test/v1 things": "error"} {
		version, plural, _ := strings.Cut(of, " ")
		known, err := k.Knows(t.Context(), version, plural)
		got := map[bool]string{true: "true", false: "false"}[known]
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%s: %s, want %s: %v", of, got, want, err)
		}
	}
}
