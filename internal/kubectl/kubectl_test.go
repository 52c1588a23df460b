package kubectl_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/kubectl"
	"github.com/im2-audio/im2/internal/run"
)

// scenario cluster-up runs the real kubectl against a real cluster. Here a script says what that cluster cannot.

// open puts a script in the place of kubectl, and opens it.
func open(t *testing.T, script string) (*kubectl.Kubectl, error) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the fake kubectl is a shell script")
	}
	bin := t.TempDir()
	if script != "" {
		if err := os.WriteFile(filepath.Join(bin, "kubectl"), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin+":/usr/bin:/bin")
	if script == "" {
		t.Setenv("PATH", bin)
	}
	return kubectl.Open(t.Context(), run.Local{}, os.Environ())
}

// here answers as a cluster that is there; other commands are those of the script.
func here(script string) string {
	return "case \"$*\" in \"config current-context\"*) echo home;; *readyz*) echo ok;; " + script + " esac\n"
}

func TestWhatIsWrongWithAClusterIsOneLine(t *testing.T) {
	for name, c := range map[string]struct {
		script, want string
		code         exit.Code
	}{
		"no kubectl": {
			"", `no command "kubectl" in PATH; fix: install it as https://kubernetes.io/docs/tasks/tools/ says`, exit.Missing,
		},
		"no context": {
			"echo 'error: current-context is not set' >&2; exit 1",
			`kubectl has no current context: current-context is not set; fix: "kubectl config use-context NAME" chooses a cluster, "kubectl config get-contexts" lists them`, exit.Missing,
		},
		"no answer": {
			`case "$1" in config) echo home;; *) echo 'E1128 memcache.go:265] "Unhandled Error"' >&2; echo 'Unable to connect to the server: dial tcp: lookup home.example: no such host' >&2; exit 1;; esac`,
			`the cluster of context "home" does not answer: Unable to connect to the server: dial tcp: lookup home.example: no such host; fix: "kubectl config use-context NAME" chooses another cluster, if this one is not meant`, exit.Missing,
		},
		"no credentials": {
			`case "$1" in config) echo home;; *) echo 'error: You must be logged in to the server (Unauthorized)' >&2; exit 1;; esac`,
			`the cluster of context "home" does not accept your credentials: You must be logged in to the server (Unauthorized); fix: log in to it again, or get a new kubeconfig from its administrator`, exit.Missing,
		},
		"no right": {
			`case "$1" in config) echo home;; *) echo 'Error from server (Forbidden): forbidden: User "x" cannot get path "/readyz"' >&2; exit 1;; esac`,
			`the cluster of context "home" refuses: Error from server (Forbidden): forbidden: User "x" cannot get path "/readyz"; fix: ask its administrator for this right`, exit.Missing,
		},
		"a kind that it does not know": {
			`case "$1" in config) echo home;; *) echo 'error: resource mapping not found for name: "demucs": no matches for kind "ScaledObject" in version "keda.sh/v1alpha1"' >&2; echo 'ensure CRDs are installed first' >&2; exit 1;; esac`,
			`the cluster of context "home" has no keda.sh/v1alpha1 ScaledObject; fix: install what defines it on the cluster`, exit.Missing,
		},
		"something else": {
			`case "$1" in config) echo home;; *) echo 'error: exec plugin: not found' >&2; exit 1;; esac`, `exec plugin: not found`, exit.Failed,
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := open(t, c.script)
			var coded *exit.Error
			if err == nil || err.Error() != c.want || !errors.As(err, &coded) || coded.Code != c.code {
				t.Errorf("got  %v\nwant %s with code %d", err, c.want, c.code)
			}
		})
	}
}

func TestRightsThatAreLackingAreNamed(t *testing.T) {
	k, err := open(t, here(`create*) cat > asked; cat answers;;`))
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	if err := os.WriteFile("answers", []byte("{\"status\": {\"allowed\": true}}\n{\"status\": {}}\n{\"status\": {\"allowed\": false, \"reason\": \"no\"}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	err = k.Need(t.Context(), "im2", kubectl.Right{Verb: "list", Resource: "pods"}, kubectl.Right{Verb: "create", Resource: "deployments.apps"},
		kubectl.Right{Verb: "patch", Resource: "namespaces", Cluster: true})
	const want = `the cluster of context "home" does not let you create deployments.apps, patch namespaces in the namespace im2; fix: ask the cluster's administrator for these rights`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	asked, err := os.ReadFile("asked")
	for _, part := range []string{`{"namespace":"im2","verb":"create","group":"apps","resource":"deployments"}`, `{"verb":"patch","resource":"namespaces"}`} {
		if err != nil || !strings.Contains(string(asked), part) {
			t.Errorf("%v: %s is not in %s", err, part, asked)
		}
	}
	if err := os.WriteFile("answers", []byte(`{"status": {"allowed": true}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := k.Need(t.Context(), "im2", kubectl.Right{Verb: "list", Resource: "pods"}); err != nil {
		t.Error(err)
	}
	if err := k.Need(t.Context(), "im2", kubectl.Right{Verb: "list", Resource: "pods"}, kubectl.Right{Verb: "list", Resource: "events"}); err == nil {
		t.Error("one answer to two questions is no error")
	}
}

// objects are a deployment with a pod that is healthy, one that is refused, and a claim that is not met.
const objects = `{"items": [
{"kind": "Deployment", "metadata": {"name": "web", "generation": 2, "labels": {"of": "web"}}, "spec": {"replicas": 2}, "status": {"observedGeneration": 2, "replicas": 2, "updatedReplicas": 1, "availableReplicas": 2}},
{"kind": "Deployment", "metadata": {"name": "db", "generation": 3, "labels": {"of": "db"}}, "spec": {}, "status": {"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1,
 "conditions": [{"type": "ReplicaFailure", "status": "True", "message": "pods \"db-1\" is forbidden: violates PodSecurity \"restricted:latest\": runAsUser=0"}]}},
{"kind": "Pod", "metadata": {"name": "web-2", "labels": {"of": "web"}}, "spec": {"nodeName": "b", "containers": [{"image": "r.test/web@sha256:1"}], "securityContext": {"runAsUser": 7, "runAsGroup": 8}},
 "status": {"phase": "Pending", "containerStatuses": [{"restartCount": 0, "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such host"}}}]}},
{"kind": "Pod", "metadata": {"name": "web-1", "labels": {"of": "web"}}, "spec": {"nodeName": "a", "containers": [{"image": "r.test/web@sha256:1"}], "securityContext": {"runAsUser": 7, "runAsGroup": 8}},
 "status": {"phase": "Running", "containerStatuses": [{"ready": true, "restartCount": 3, "state": {"running": {}}, "user": {"linux": {"uid": 1000, "gid": 1001}}}]}},
{"kind": "Pod", "metadata": {"name": "web-3", "labels": {"of": "web"}}, "spec": {"containers": [{}]}, "status": {"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "message": "no nodes"}]}},
{"kind": "Pod", "metadata": {"name": "web-4", "labels": {"of": "web"}}, "spec": {"containers": [{}]}, "status": {"containerStatuses": [{"restartCount": 2, "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": {"exitCode": 3}}}]}},
{"kind": "Pod", "metadata": {"name": "web-5", "labels": {"of": "web"}, "deletionTimestamp": "2026-11-28T09:30:00Z"}, "spec": {"containers": [{}]}, "status": {"phase": "Running"}},
{"kind": "Pod", "metadata": {"name": "web-6", "labels": {"of": "web"}}, "spec": {"containers": [{}]}, "status": {"phase": "Failed", "reason": "Evicted", "message": "no room"}},
{"kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": {"storageClassName": "slow"}, "status": {"phase": "Pending"}}
]}`

const events = `{"items": [{"reason": "ProvisioningFailed", "message": "no class of that name", "involvedObject": {"name": "data"}}]}`

func TestTheStateIsReadFromTheCluster(t *testing.T) {
	k, err := open(t, here(`*" events "*) cat events;; get*) cat objects;;`))
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{"objects": objects, "events": events} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := k.Look(t.Context(), "im2", "a=b", "of")
	if err != nil {
		t.Fatal(err)
	}
	if want := (kubectl.Service{Name: "web", Want: 2, Ready: 1, Old: 1}); len(s.Services) != 2 || s.Services[0] != want {
		t.Errorf("services %+v, want %+v first", s.Services, want)
	}
	if s.Services[1].Ready != 0 || s.Services[1].Refused == "" {
		t.Errorf("a change that the cluster has not seen: %+v", s.Services[1])
	}
	want := map[string]kubectl.Pod{
		"web-1": {Service: "web", Node: "a", User: "1000:1001", Image: "r.test/web@sha256:1", State: kubectl.Healthy, Restarts: 3},
		"web-2": {Service: "web", Node: "b", User: "7:8", Image: "r.test/web@sha256:1", State: "ImagePullBackOff", Why: "no such host"},
		"web-3": {Service: "web", State: "Unschedulable", Why: "no nodes"},
		"web-4": {Service: "web", State: "CrashLoopBackOff", Why: "exit code 3", Restarts: 2},
		"web-5": {Service: "web", State: "ending"},
		"web-6": {Service: "web", State: "ended", Why: "Evicted no room"},
	}
	for i, pod := range s.Pods {
		expected := want[pod.Name]
		expected.Name = pod.Name
		if pod != expected || len(s.Pods) != len(want) || i > 0 && s.Pods[i-1].Name > pod.Name {
			t.Errorf("pod %+v, want %+v", pod, expected)
		}
	}
	if want := (kubectl.Claim{Name: "data", Phase: "Pending", Class: "slow", Why: "no class of that name"}); len(s.Claims) != 1 || s.Claims[0] != want {
		t.Errorf("claims %+v, want %+v", s.Claims, want)
	}
	var said []string
	for _, problem := range s.Problems() {
		said = append(said, problem.Error())
	}
	if len(said) != 5 {
		t.Errorf("problems %q: a pod that was evicted has another in its place", said)
	}
	for i, want := range []string{
		"the claim data for the data folder is not met: no class of that name; fix: make a volume or a storage class with the access mode ReadWriteMany for it",
		`the cluster makes no pod of db: it violates PodSecurity "restricted:latest": runAsUser=0; fix: "mage audit" names the keys`,
		"b cannot pull the image of web: no such host; fix: the nodes must reach the registry r.test and be allowed to pull from it",
		"no node takes web: no nodes",
		`web does not stay up on : CrashLoopBackOff: exit code 3; fix: "mage cluster-logs -service=web" says more`,
	} {
		if len(said) <= i || !strings.Contains(said[i], want) {
			t.Errorf("problem %d of %q is not %q", i, said, want)
		}
	}
}

// With start-first, the old pod is healthy while the new one starts.
func TestAServiceIsHealthyAfterItsRollout(t *testing.T) {
	k, err := open(t, here(`get*) cat objects;;`))
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	for name, c := range map[string]struct {
		status string
		want   kubectl.Service
	}{
		"the new pod starts":         {`"replicas": 2, "updatedReplicas": 1, "availableReplicas": 1, "readyReplicas": 1`, kubectl.Service{Ready: 0, Old: 1}},
		"the old pod is still there": {`"replicas": 2, "updatedReplicas": 1, "availableReplicas": 2, "readyReplicas": 2`, kubectl.Service{Ready: 1, Old: 1}},
		"the old pod has ended":      {`"replicas": 1, "updatedReplicas": 1, "availableReplicas": 1, "readyReplicas": 1`, kubectl.Service{Ready: 1}},
		"ready for too short a time": {`"replicas": 1, "updatedReplicas": 1, "readyReplicas": 1`, kubectl.Service{}},
	} {
		text := `{"items": [{"kind": "Deployment", "metadata": {"labels": {"of": "web"}}, "status": {` + c.status + `}}]}`
		if err := os.WriteFile("objects", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c.want.Name, c.want.Want = "web", 1
		if s, err := k.Look(t.Context(), "im2", "a=b", "of"); err != nil || len(s.Services) != 1 || s.Services[0] != c.want {
			t.Errorf("%s: %v, %+v, want %+v", name, err, s.Services, c.want)
		}
	}
}

// A pod of which an event is the last says nothing itself: it is ContainerCreating.
func TestWhatAPodCannotStartWithoutIsNamed(t *testing.T) {
	k, err := open(t, here(`*" events "*) cat events;; get*) cat objects;;`))
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	const creating = `{"waiting": {"reason": "ContainerCreating"}}`
	for name, c := range map[string]struct{ state, events, want string }{
		"a secret": {
			creating, `{"reason": "FailedMount", "message": "MountVolume.SetUp failed for volume \"v\" : secret \"key\" not found", "lastTimestamp": "2026-11-28T09:30:02Z"},
				{"reason": "Scheduled", "metadata": {"creationTimestamp": "2026-11-28T09:30:01Z"}}`,
			`north cannot start web: FailedMount: MountVolume.SetUp failed for volume "v" : secret "key" not found; fix: "kubectl -n im2 create secret generic key --from-file=NAME=FILE" where NAME is its name in the Compose file, and FILE has the content`,
		},
		"a ConfigMap of an environment": {
			`{"waiting": {"reason": "CreateContainerConfigError", "message": "configmap \"more\" not found"}}`, ``,
			`north cannot start web: CreateContainerConfigError: configmap "more" not found; fix: "kubectl -n im2 create configmap more --from-file=NAME=FILE" where `,
		},
		"a disk": {
			creating, `{"reason": "FailedAttachVolume", "message": "Multi-Attach error", "lastTimestamp": "2026-11-28T09:30:02Z"}`,
			`north cannot start web: FailedAttachVolume: Multi-Attach error; fix: "kubectl -n im2 describe pod web-1" says more`,
		},
		"mounted since": {
			creating, `{"reason": "Pulling", "lastTimestamp": "2026-11-28T09:30:03Z"}, {"reason": "FailedMount", "message": "slow", "lastTimestamp": "2026-11-28T09:30:02Z"}`, "",
		},
		"another pod's": {creating, `{"reason": "FailedMount", "message": "slow", "involvedObject": {"name": "web-2"}}`, ""}, // the last of two counts
	} {
		events := strings.ReplaceAll(c.events, `{"reason"`, `{"involvedObject": {"name": "web-1"}, "reason"`)
		pod := `{"kind": "Pod", "metadata": {"name": "web-1", "namespace": "im2", "labels": {"of": "web"}}, "spec": {"nodeName": "north"}, "status": {"containerStatuses": [{"state": ` + c.state + `}]}}`
		for file, items := range map[string]string{"objects": pod, "events": events} {
			if err := os.WriteFile(file, []byte(`{"items": [`+items+`]}`), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		s, err := k.Look(t.Context(), "im2", "a=b", "of")
		if err != nil {
			t.Fatal(err)
		}
		if said := fmt.Sprint(s.Problems()); !strings.HasPrefix(said, "["+c.want) || c.want == "" && said != "[]" {
			t.Errorf("%s: %s, want %s", name, said, c.want)
		}
	}
}

func TestAClaimThatIsNamedMustBeForSeveralNodes(t *testing.T) {
	k, err := open(t, here(`*" none "*) ;; *" one "*) echo '{"kind": "PersistentVolumeClaim", "spec": {"accessModes": ["ReadWriteOnce"]}}';;
*) echo '{"kind": "PersistentVolumeClaim", "spec": {"accessModes": ["ReadWriteOnce", "ReadWriteMany"]}}';;`))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"none":    "the namespace im2 has no claim none; fix: make it there",
		"one":     "the claim one in the namespace im2 is ReadWriteOnce: services on several nodes cannot share it; fix: ",
		"several": "",
	} {
		err := k.NeedClaim(t.Context(), "im2", name)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
}

func TestThereIsNothingOfUnknownKinds(t *testing.T) {
	k, err := open(t, here(`*gone*) echo gone;; *none*) echo "error: the server doesn't have a resource type \"none\"" >&2; exit 1;; *) echo "error: no" >&2; exit 1;;`))
	if err != nil {
		t.Fatal(err)
	}
	for kind, wrong := range map[string]bool{"gone": false, "none": false, "other": true} {
		if err := k.Delete(t.Context(), "im2", kind, "a=b"); (err != nil) != wrong {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func TestWhatIsNotRemovedIsNamed(t *testing.T) {
	k, err := open(t, here(`delete*--timeout=2m0s*) echo "error: timed out waiting for the condition on x/y" >&2; exit 1;; get*) cat left;;`))
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	const claim, scaled = `{"kind": "PersistentVolumeClaim", "metadata": {"name": "data", "finalizers": ["kubernetes.io/pvc-protection"]}}`,
		`{"kind": "ScaledObject", "apiVersion": "keda.sh/v1alpha1", "metadata": {"name": "web", "finalizers": ["finalizer.keda.sh"]}}`
	for left, want := range map[string]string{
		claim: `still there after 2m0s: persistentvolumeclaim/data (finalizers: kubernetes.io/pvc-protection); fix: "kubectl -n im2 describe persistentvolumeclaim/data" names what uses it: end that`,
		scaled + "," + claim: `still there after 2m0s: scaledobject.keda.sh/web (finalizers: finalizer.keda.sh), persistentvolumeclaim/data (finalizers: kubernetes.io/pvc-protection); ` +
			`fix: "kubectl -n im2 patch scaledobject.keda.sh/web --type=merge --patch='{"metadata":{"finalizers":null}}'" removes it at once, if what should handle the finalizer is not on the cluster`,
		"": "<nil>",
	} {
		if err := os.WriteFile("left", []byte(`{"items": [`+left+`]}`), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, err := range []error{k.Delete(t.Context(), "im2", "x", "a=b"), k.Remove(t.Context(), "im2", "x/web", "x/data")} {
			if fmt.Sprint(err) != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		}
	}
}

func TestNothingOnAClusterIsNoError(t *testing.T) {
	k, err := open(t, here(`get*) ;;`))
	if err != nil {
		t.Fatal(err)
	}
	s, err := k.Look(t.Context(), "im2", "a=b", "of")
	if err != nil || len(s.Services)+len(s.Pods)+len(s.Claims) > 0 || s.Pods == nil {
		t.Errorf("%v, %+v", err, s)
	}
}

func TestAnInterruptIsNotTheClustersFault(t *testing.T) {
	k, err := open(t, here(`*) sleep 60;;`))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := k.Apply(ctx, []byte("{}")); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// Between the first question and the last change images are built: whoever chooses another context meanwhile, as in another
// terminal, does not send the rest there.
func TestTheClusterStaysTheOneThatWasFound(t *testing.T) {
	asked := filepath.Join(t.TempDir(), "asked")
	t.Setenv("ASKED", asked)
	k, err := open(t, here(`*) echo "$*" >>"$ASKED";;`))
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(k.Apply(t.Context(), []byte("{}")), k.Delete(t.Context(), "songs", "services", "a=b"),
		k.Stream(t.Context(), io.Discard, io.Discard, "logs", "--prefix"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(asked)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) != 3 {
		t.Errorf("%d commands: %q", len(lines), lines)
	}
	for _, line := range lines {
		if !strings.Contains(line+" ", " --context=home ") {
			t.Errorf("%q goes to any cluster", line)
		}
	}
}
