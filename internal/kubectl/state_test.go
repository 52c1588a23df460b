package kubectl_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/im2-audio/im2/internal/kubectl"
)

// objects are a deployment with a pod that is healthy, one that is refused, and a claim that is not met.
const objects = `{"items": [
{"kind": "Deployment", "metadata": {"name": "web", "generation": 2, "labels": {"of": "web"}}, "spec": {"replicas": 2}, "status": {"observedGeneration": 2, "replicas": 2, "updatedReplicas": 1, "availableReplicas": 2}},
{"kind": "Deployment", "metadata": {"name": "db", "generation": 2, "labels": {"of": "db"}}, "spec": {}, "status": {"observedGeneration": 2,
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
	if s.Services[1].Ready != 0 || s.Services[1].Old != 0 || s.Services[1].Refused == "" {
		t.Errorf("a service that is refused: %+v", s.Services[1])
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

// What an earlier version said of itself is not said of the newest: neither that its pods crash, nor that they are refused.
func TestWhatIsWrongWithAnEarlierVersionIsNotSaidOfTheNewest(t *testing.T) {
	k, err := open(t, here(`get*) cat objects;;`))
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	const refused = `"conditions": [{"type": "ReplicaFailure", "status": "True", "message": "no"}]`
	const sets = `,
{"kind": "ReplicaSet", "metadata": {"labels": {"of": "web", "pod-template-hash": "a"}, "annotations": {"deployment.kubernetes.io/revision": "1"}}, "status": {` + refused + `}},
{"kind": "ReplicaSet", "metadata": {"labels": {"of": "db", "pod-template-hash": "c"}, "annotations": {"deployment.kubernetes.io/revision": "2"}}, "status": {}},
{"kind": "ReplicaSet", "metadata": {"labels": {"of": "web", "pod-template-hash": "b"}, "annotations": {"deployment.kubernetes.io/revision": "2"}}, "status": {NEWEST}}`
	for name, c := range map[string]struct {
		observed     int
		sets, newest string
		refused      string
		old          string // the pods that are of an earlier version
	}{
		"not seen by the controllers":         {1, sets, "", "", "gone-1 web-a web-b"},
		"seen":                                {2, sets, "", "", "gone-1 web-a"},
		"the newest is refused":               {2, sets, refused, "no", "gone-1 web-a"},
		"the cluster tells no versions":       {2, "", "", "no", "gone-1"},
		"and has not seen this one, whatever": {1, "", "", "", "gone-1 web-a web-b"},
	} {
		text := `{"items": [{"kind": "Deployment", "metadata": {"labels": {"of": "web"}, "generation": 2, "annotations": {"deployment.kubernetes.io/revision": "2"}},
"status": {"observedGeneration": ` + strconv.Itoa(c.observed) + `, ` + refused + `}},
{"kind": "Pod", "metadata": {"name": "web-a", "labels": {"of": "web", "pod-template-hash": "a"}}},
{"kind": "Pod", "metadata": {"name": "web-b", "labels": {"of": "web", "pod-template-hash": "b"}}},
{"kind": "Pod", "metadata": {"name": "gone-1", "labels": {"of": "gone", "pod-template-hash": "b"}}}` + strings.ReplaceAll(c.sets, "NEWEST", c.newest) + `]}`
		if err := os.WriteFile("objects", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := k.Look(t.Context(), "im2", "a=b", "of")
		if err != nil || len(s.Services) != 1 || s.Services[0].Refused != c.refused {
			t.Errorf("%s: %v, %+v, want it to be refused for %q", name, err, s.Services, c.refused)
		}
		var old []string
		for _, p := range s.Pods {
			if p.Old {
				old = append(old, p.Name)
			}
		}
		if strings.Join(old, " ") != c.old {
			t.Errorf("%s: %q are old, want %q", name, old, c.old)
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
