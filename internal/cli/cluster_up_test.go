package cli

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/im2-audio/im2/internal/cluster"
	"github.com/im2-audio/im2/internal/kubectl"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/run"
	"github.com/im2-audio/im2/internal/term"
)

// failed is a cluster whose pod has crashed five times; once it is deleted there is a healthy one.
const failed = `#!/bin/sh
case "$*" in
"config current-context"*) echo home ;;
*--raw=/apis*) echo '{}' ;;
"delete pods --namespace=shop --ignore-not-found --wait=false web-1 "*) touch deleted ;;
*deployments.apps,replicasets.apps,pods*)
    if test -e deleted; then state='"ready": true'; else state='"restartCount": 5, "state": {"waiting": {"reason": "CrashLoopBackOff"}}'; fi
    echo '{"items": [
{"kind": "Deployment", "metadata": {"labels": {"app.kubernetes.io/component": "web"}}, "status": {"updatedReplicas": 1, "availableReplicas": '$(ls deleted 2>&- | wc -l)'}},
{"kind": "Pod", "metadata": {"name": "web-1", "labels": {"app.kubernetes.io/component": "web"}}, "status": {"containerStatuses": [{'$state'}]}}]}' ;;
esac
`

// What made pods fail may be fixed by now, and Kubernetes waits up to five minutes before it tries one again.
func TestPodsThatFailedAreTriedAgainAtOnce(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the fake kubectl is a shell script")
	}
	t.Chdir(t.TempDir())
	if err := os.WriteFile("kubectl", []byte(failed), 0o755); err != nil { //nolint:gosec // it is run
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", here+string(filepath.ListSeparator)+os.Getenv("PATH"))
	k, err := kubectl.Open(t.Context(), run.Local{}, os.Environ())
	if err != nil {
		t.Fatal(err)
	}
	ui, out, note := term.Test()
	p := &project.Project{Compose: &types.Project{Name: "shop", Services: types.Services{"web": {Name: "web"}}}}
	err = Target{UI: ui, Runner: run.Local{}}.deploy(t.Context(), p, k, cluster.Rendered{Namespace: "shop", Model: "of now"})
	if _, gone := os.Stat("deleted"); err != nil || gone != nil || !strings.Contains(out.String(), "healthy") {
		t.Errorf("%v, %v, %s%s", err, gone, out.String(), note.String())
	}
}

func TestPodsMayEndAsSlowlyAsTheComposeFileSays(t *testing.T) {
	t.Parallel()
	short, long := types.Duration(time.Second), types.Duration(10*time.Minute)
	var quick, slow types.ServiceConfig
	quick.StopGracePeriod, slow.StopGracePeriod = &short, &long
	p := &project.Project{Compose: &types.Project{Services: types.Services{"a": quick, "b": slow, "c": {}}}}
	if limit := endLimit(p); limit != 11*time.Minute {
		t.Error(limit)
	}
}
