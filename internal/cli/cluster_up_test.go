package cli

import (
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/im2-audio/im2/internal/cluster"
	"github.com/im2-audio/im2/internal/docker/engine/enginetest"
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

// Images are compared with the nodes before anything is built: what no node can run is not pushed, and where only some can, pods go there.
func TestImagesAreForTheNodes(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the fake kubectl is a shell script")
	}
	node := func(platform string) string {
		system, architecture, _ := strings.Cut(platform, "/")
		return `{"kind": "Node", "status": {"nodeInfo": {"operatingSystem": "` + system + `", "architecture": "` + architecture + `"}}}`
	}
	service := func(image, platform string, build *types.BuildConfig) (s types.ServiceConfig) {
		s.Name, s.Image, s.Platform, s.Build = image, image, platform, build
		return s
	}
	arm, own, pulled := service("arm", "linux/arm64/v8", &types.BuildConfig{}), service("own", "", &types.BuildConfig{}), service("pulled", "", nil)
	const noNode = `no node of the cluster of context "home" can run the image of own, which is built for linux/amd64: they are linux/arm64, windows/amd64; ` +
		`fix: "DOCKER_DEFAULT_PLATFORM=linux/arm64 mage cluster-up" builds for another platform, or set platform: of the services`
	for name, c := range map[string]struct {
		nodes     []string
		services  types.Services
		may       string
		want      map[string]string
		err, says string
	}{
		"all can":      {[]string{"linux/amd64", "linux/amd64"}, types.Services{"own": own, "pulled": pulled}, "true", map[string]string{}, "", ""},
		"none can":     {[]string{"linux/arm64", "linux/arm64", "windows/amd64"}, types.Services{"own": own}, "true", nil, noNode, ""},
		"some can":     {[]string{"linux/arm64", "linux/amd64"}, types.Services{"own": own, "arm": arm}, "true", map[string]string{"own": "linux/amd64", "arm": "linux/arm64"}, "", ""},
		"as asked for": {[]string{"linux/arm64"}, types.Services{"arm": arm}, "true", map[string]string{}, "", ""},
		"pulled ones":  {[]string{"linux/arm64"}, types.Services{"pulled": pulled}, "true", nil, "", ""},
		"no nodes":     {nil, types.Services{"own": own}, "true", nil, "", ""},
		"not allowed":  {[]string{"linux/arm64"}, types.Services{"own": own}, "false", nil, "", "you may not list the nodes: whether they can run images for linux/amd64 is not checked"},
	} {
		t.Run(name, func(t *testing.T) {
			var nodes []string
			for _, platform := range c.nodes {
				nodes = append(nodes, node(platform))
			}
			bin := t.TempDir()
			script := "#!/bin/sh\ncase \"$*\" in \"config current-context\"*) echo home;; create*) echo '{\"status\": {\"allowed\": " + c.may + "}}';; *\" nodes \"*) echo '{\"items\": [" +
				strings.Join(nodes, ",") + "]}';; esac\n"
			if err := os.WriteFile(filepath.Join(bin, "kubectl"), []byte(script), 0o755); err != nil { //nolint:gosec // it is run
				t.Fatal(err)
			}
			t.Setenv("PATH", bin)
			k, err := kubectl.Open(t.Context(), run.Local{}, os.Environ())
			if err != nil {
				t.Fatal(err)
			}
			ui, _, note := term.Test()
			p := &project.Project{Compose: &types.Project{Name: "shop", Services: c.services}}
			got, err := Target{UI: ui, Runner: run.Local{}}.platforms(t.Context(), p, enginetest.Open(t, &enginetest.Engine{}), k, "shop")
			if !maps.Equal(got, c.want) || (err == nil) != (c.err == "") || err != nil && err.Error() != c.err || !strings.Contains(note.String(), c.says) {
				t.Errorf("got %v, %v, %q; want %v, %q, %q", got, err, note.String(), c.want, c.err, c.says)
			}
		})
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
