package kubernetes_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"k8s.io/pod-security-admission/policy"

	"github.com/im2-audio/im2/nonroot"
	"github.com/im2-audio/im2/nonroot/kubernetes"
)

// audit checks files in a folder of their own; the findings are "RULE LINE", in order.
func audit(t *testing.T, files map[string]string) (kubernetes.Audited, error) {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, "k8s", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return kubernetes.Audit(t.Context(), root, filepath.Join(root, "k8s"))
}

func show(a kubernetes.Audited) string {
	var all []string
	for _, f := range a.Findings {
		all = append(all, fmt.Sprintf("%s %d", f.Rule, f.Line))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// The examples that docs/audit.md shows have what they are examples of; K06 is about Compose files.
func TestTheExamplesOfTheRules(t *testing.T) {
	t.Parallel()
	archive, err := txtar.ParseFile(filepath.Join("..", "testdata", "rules.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	for _, f := range archive.Files {
		rule, kind, _ := strings.Cut(f.Name, "/")
		if rule[0] != 'K' || rule == "K06" {
			continue
		}
		seen[rule] = true
		found, err := audit(t, map[string]string{"a.yaml": string(f.Data)})
		if err != nil {
			t.Fatal(err)
		}
		if has := strings.Contains(show(found), rule); has != (kind == "wrong") || kind == "right" && len(found.Findings) > 0 {
			t.Errorf("%s has %q", f.Name, show(found))
		}
	}
	for _, r := range nonroot.Rules() {
		if r.ID[0] == 'K' && r.ID != "K06" && !seen[r.ID] {
			t.Errorf("%s has no examples", r.ID)
		}
	}
}

const (
	good  = `{securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}, containers: [{name: a, image: x, securityContext: &c {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}]}`
	bad   = `{securityContext: {seccompProfile: {type: RuntimeDefault}}, containers: [{name: a, image: x, securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}]}`
	batch = "apiVersion: batch/v1\n"
)

// Every kind that has pods is checked, wherever they are in it; what has none is skipped.
func TestKinds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text, want string
		pods       int
	}{
		"a good pod":    {"apiVersion: v1\nkind: Pod\nspec: " + good, "", 1},
		"a pod":         {"apiVersion: v1\nkind: Pod\nspec: " + bad, "K01 3", 1},
		"a Deployment":  {"apiVersion: apps/v1\nkind: Deployment\nspec: {template: {spec: " + bad + "}}", "K01 3", 1},
		"a StatefulSet": {"apiVersion: apps/v1\nkind: StatefulSet\nspec:\n  template:\n    spec: " + bad, "K01 5", 1},
		"a DaemonSet":   {"apiVersion: apps/v1\nkind: DaemonSet\nspec: {template: {spec: " + bad + "}}", "K01 3", 1},
		"a ReplicaSet":  {"apiVersion: apps/v1\nkind: ReplicaSet\nspec: {template: {spec: " + bad + "}}", "K01 3", 1},
		"a Job":         {batch + "kind: Job\nspec: {template: {spec: " + bad + "}}", "K01 3", 1},
		"a CronJob":     {batch + "kind: CronJob\nspec: {jobTemplate: {spec: {template: {spec: " + bad + "}}}}", "K01 3", 1},
		"a PodTemplate": {"apiVersion: v1\nkind: PodTemplate\ntemplate: {spec: " + bad + "}", "K01 3", 1},
		"another kind":  {"apiVersion: argoproj.io/v1\nkind: Rollout\nspec: {template: {spec: " + bad + "}}", "K01 3", 1},
		"a list":        {"apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod, spec: " + bad + "}\n- {apiVersion: v1, kind: PodList, items: [{apiVersion: v1, kind: Pod, spec: " + bad + "}]}", "K01 4, K01 5", 2},
		"documents":     {"apiVersion: v1\nkind: Pod\nspec: " + good + "\n---\n# nothing\n---\napiVersion: v1\nkind: Pod\nspec: " + bad, "K01 9", 2},
		"JSON":          {"{\"apiVersion\": \"v1\", \"kind\": \"Pod\",\n \"spec\": {\"containers\": [{\"name\": \"a\",\n\"securityContext\": {\"privileged\": true, \"runAsNonRoot\": true}}]}}", "K02 3, K03 2, K03 2, K03 2", 1},
		"no object":     {"kind: Pod\nspec: {containers: [{}]}\n---\n- a\n---\njust text", "", 0},
		"a Service":     {"apiVersion: v1\nkind: Service\nspec: {ports: []}", "", 0},
		"an alias":      {"apiVersion: apps/v1\nkind: Deployment\nx: &s {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}\nspec: {template: {spec: {securityContext: *s, containers: [{name: a, securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}]}}}", "", 1},
		"yes is true":   {"apiVersion: v1\nkind: Pod\nspec: " + strings.Replace(good, "runAsNonRoot: true", "runAsNonRoot: yes", 1), "", 1},
		"capitals":      {"apiVersion: v1\nkind: Pod\nspec: " + strings.Replace(good, "runAsNonRoot: true", "\n  RunAsNonRoot: true", 1), "K01 4, K05 4", 1},
		"a namespace":   {"apiVersion: v1\nkind: Namespace\nmetadata:\n  labels:\n    pod-security.kubernetes.io/enforce: baseline\n  name: a", "K04 5", 0},
		"an init container": {
			"apiVersion: v1\nkind: Pod\nspec:\n  initContainers:\n  - name: i\n    securityContext:\n      privileged: true\n  containers: []", "K01 5, K02 7, K03 5, K03 5, K03 5", 1,
		},
		"the second container": {
			"apiVersion: v1\nkind: Pod\nspec:\n  securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}\n  containers:\n  - {name: a, securityContext: &c {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}\n  - name: b\n    securityContext:\n      <<: *c\n      runAsUser: 0", "K01 10", 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found, err := audit(t, map[string]string{"dir/a.yml": c.text})
			if err != nil || show(found) != c.want || found.Pods != c.pods {
				t.Errorf("%q in %d pods, %v; want %q in %d", show(found), found.Pods, err, c.want, c.pods)
			}
		})
	}
}

// kubectl takes an object with items for a list whatever its kind is, and gives items without a kind that of the list: what it makes a
// pod of is checked.
func TestWhatKubectlReadsAsAListIsOne(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"another kind":           "apiVersion: v1\nkind: Pods\nitems: [{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: " + bad + "}]\n",
		"items without a kind":   "apiVersion: v1\nkind: PodList\nitems: [{metadata: {name: a}, spec: " + bad + "}]\n",
		"both":                   "apiVersion: v1\nkind: Pod\nitems: [{metadata: {name: a}, spec: " + bad + "}]\n",
		"templates of such ones": "apiVersion: apps/v1\nkind: DeploymentList\nitems: [{metadata: {name: a}, spec: {template: {spec: " + bad + "}}}]\n",
	} {
		found, err := audit(t, map[string]string{"a.yaml": text})
		if err != nil || found.Pods != 1 || show(found) != "K01 3" {
			t.Errorf("%s: %d pods, %q, %v", name, found.Pods, show(found), err)
		}
	}
}

// Kinds of others have pod templates wherever they like, with keys of their own; what is not checked is said.
func TestKindsOfOthers(t *testing.T) {
	t.Parallel()
	const ray = "apiVersion: ray.io/v1\nkind: RayCluster\nmetadata: {name: r}\nspec:\n  headGroupSpec: {template: {spec: " + good + "}}\n  workerGroupSpecs:\n  - template: {spec: " + bad + "}\n"
	for name, c := range map[string]struct {
		text, want, unknown string
		pods                int
	}{
		"several templates":    {ray, "K01 7", "", 2},
		"keys of its own":      {"apiVersion: serving.knative.dev/v1\nkind: Service\nspec: {template: {spec: " + strings.Replace(bad, "{", "{containerConcurrency: 1, ", 1) + "}}", "K01 3", "", 1},
		"a merged template":    {"apiVersion: a.test/v1\nkind: A\nx: &x {template: {spec: " + bad + "}}\nspec: {<<: *x}", "K01 3", "", 1},
		"containers elsewhere": {ray + "  sidecar: {containers: [{name: a}]}\n", "K01 7", "RayCluster.ray.io k8s/a.yaml:1", 2},
		"no template":          {"---\n---\napiVersion: monitoring.coreos.com/v1\nkind: Prometheus\nspec: {replicas: 1}", "", "Prometheus.monitoring.coreos.com k8s/a.yaml:3", 0},
		"a part of a pod":      {"apiVersion: a.test/v1\nkind: A\nspec: {containers: [{name: a}]}", "", "A.a.test k8s/a.yaml:1", 0},
		"only looks like one":  {"apiVersion: a.test/v1\nkind: A\nspec: {template: {spec: {containers: [a, b]}}}", "", "A.a.test k8s/a.yaml:1", 0},
		"containers by name":   {"apiVersion: a.test/v1\nkind: A\nspec: {template: {spec: {containers: {a: {image: x}}}}}", "", "A.a.test k8s/a.yaml:1", 0},
		"known to have none":   {"apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nspec: {scaleTargetRef: {name: a}}", "", "", 0},
		"of a list":            {"apiVersion: v1\nkind: List\nitems:\n- {apiVersion: a.test/v1, kind: A}\n", "", "A.a.test k8s/a.yaml:4", 0},
		"of its own list":      {"apiVersion: ray.io/v1\nkind: RayClusterList\nitems:\n- {spec: {headGroupSpec: {template: {spec: " + bad + "}}}}\n- {}\n", "K01 4", "RayCluster.ray.io k8s/a.yaml:5", 1},
		"the cluster's own":    {"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n---\napiVersion: v1\nkind: Secret\n---\na: b", "", "", 0},
		"aliases":              {"apiVersion: a.test/v1\nkind: A\nspec: {a: &a {b: 1}, c: *a, d: *a}", "", "A.a.test k8s/a.yaml:1", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found, err := audit(t, map[string]string{"a.yaml": c.text})
			if err != nil {
				t.Fatal(err)
			}
			var unknown []string
			for _, u := range found.Unknown {
				unknown = append(unknown, fmt.Sprintf("%s %s:%d", u.Kind, u.File, u.Line))
			}
			if show(found) != c.want || found.Pods != c.pods || strings.Join(unknown, ", ") != c.unknown {
				t.Errorf("%q in %d pods, unknown %q; want %q in %d, %q", show(found), found.Pods, unknown, c.want, c.pods, c.unknown)
			}
		})
	}
}

// What cannot be read is one error with its line, and nothing outside of the folder is read.
func TestWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a: [\n":                       "k8s/a.yaml: yaml: line 1",
		"a: {{ .Values.image }}\nb: ]": "line 1",
		"apiVersion: v1\nkind: Pod\nspec: {containers: [{name: 7, image: [x]}]}": "k8s/a.yaml:1: Pod is no pod of Kubernetes: json: cannot unmarshal",
	} {
		if _, err := audit(t, map[string]string{"a.yaml": text}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
	large := "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n" + strings.Repeat("  - {name: a, image: x}\n", 15_000)
	if _, err := audit(t, map[string]string{"a.yaml": large}); err == nil || !strings.Contains(err.Error(), "no cluster takes as much") {
		t.Errorf("a large pod: %v", err)
	}
	if _, err := audit(t, map[string]string{"a.txt": "x"}); !errors.Is(err, kubernetes.ErrNone) {
		t.Errorf("without manifests: %v", err)
	}
	if _, err := audit(t, map[string]string{"a.json": strings.Repeat(" ", 17<<20)}); !errors.Is(err, kubernetes.ErrTooMuch) {
		t.Errorf("too much: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.yaml"), []byte("a: b"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := kubernetes.Audit(ctx, dir, dir); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

func TestLinksAreNotFollowed(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, folder := range []string{"in/.git", "out"} {
		if err := os.MkdirAll(filepath.Join(root, folder), 0o750); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"out/pod.yaml", "in/.git/pod.yaml"} {
		if err := os.WriteFile(filepath.Join(root, name), []byte("apiVersion: v1\nkind: Pod\nspec: "+bad), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "in", "good.yaml"), []byte("apiVersion: v1\nkind: Pod\nspec: "+good), 0o600); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{"folder": "../out", "link.yaml": "../out/pod.yaml"} {
		if err := os.Symlink(to, filepath.Join(root, "in", link)); err != nil {
			t.Skipf("LEFT OUT: what is behind links, because none can be made here: %v", err)
		}
	}
	found, err := kubernetes.Audit(t.Context(), root, filepath.Join(root, "in"))
	if err != nil || found.Pods != 1 || len(found.Findings) != 0 {
		t.Errorf("%d pods, %q, %v", found.Pods, show(found), err)
	}
}

// A check that is new in the library needs a Compose key.
func TestEveryCheckHasAComposeKey(t *testing.T) {
	t.Parallel()
	replaced := make(map[policy.CheckID]bool)
	for _, c := range policy.DefaultChecks() {
		for _, v := range c.Versions {
			for _, id := range v.OverrideCheckIDs {
				replaced[id] = true
			}
		}
	}
	for _, c := range policy.DefaultChecks() {
		if !replaced[c.ID] && kubernetes.ComposeKey(string(c.ID)) == "" {
			t.Errorf("which key of a Compose file is the check %s about? fix: add it to composeKeys, and its fields to keys", c.ID)
		}
	}
}
