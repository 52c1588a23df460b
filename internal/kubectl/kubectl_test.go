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
		"an object that it refuses": {
			`case "$1" in config) echo home;; *) printf 'Warning: x\nThe Deployment "web" is invalid: \n* spec.a: Required value\n* spec.b: Invalid value: "c": no\n' >&2; exit 1;; esac`,
			`The Deployment "web" is invalid: spec.a: Required value; spec.b: Invalid value: "c": no`, exit.Failed,
		},
		"storage that is another one": {
			`case "$1" in config) echo home;; *) printf 'error when serverside-applying "STDIN": PersistentVolumeClaim "data" is invalid: spec: Forbidden: spec is immutable after creation except resources.requests\n  core.PersistentVolumeClaimSpec{\n  \tVolumeMode: nil,\n  }\n' >&2; exit 1;; esac`,
			`storage that is there cannot be changed: error when serverside-applying "STDIN": PersistentVolumeClaim "data" is invalid: spec: Forbidden: spec is immutable after creation except resources.requests; ` +
				`fix: "mage cluster-down -volumes" removes it with what the cluster keeps on it, the files of a share (nfs) excepted; the next cluster-up makes it again`, exit.Failed,
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
