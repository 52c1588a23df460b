package cli

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/dustin/go-humanize/english"

	"github.com/im2-audio/im2/internal/build/image"
	"github.com/im2-audio/im2/internal/build/inputs"
	"github.com/im2-audio/im2/internal/cluster"
	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/kubectl"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/run"
	"github.com/im2-audio/im2/internal/safetext"
)

// clusterHealthy is how long all services together may take to become healthy on a cluster: nodes pull images first.
const clusterHealthy = 10 * time.Minute

// ClusterUp are the flags of the target of that name.
type ClusterUp struct {
	// Autoscale and Replicas are those of ClusterRender.
	Autoscale, Replicas string
	// Wait is how long to wait for other commands on the project; nil is as long as it takes.
	Wait *time.Duration
}

// ClusterUp builds and pushes the images, gives the manifests to the cluster of kubectl's context, and waits until every
// service is healthy there.
func (t Target) ClusterUp(ctx context.Context, o ClusterUp) error {
	p, c, err := t.docker(ctx)
	if err != nil {
		return err
	}
	want, err := chosenFor(p, o.Replicas, func(types.ServiceConfig, int) error { return nil })
	if err != nil {
		return err
	}
	if err := t.checkPipeline(p, Pages{}); err != nil {
		return err
	}
	if len(p.Built()) > 0 && p.Cluster.Registry == "" {
		return exit.Fixable(exit.Unusable, exit.Fix{Note: `write "x-im2: {registry: HOST/PATH}" in the Compose file`},
			"no registry is named, and the nodes of a cluster pull %s from one", safetext.List(p.Built(), 10, ", "))
	}
	if err := refuseRoot(ctx, p); err != nil {
		return err
	}
	options := cluster.Options{Autoscale: o.Autoscale, Replicas: want}
	r, err := t.manifests(ctx, p, options)
	if err != nil {
		return err
	}
	if err := r.Err(); err != nil {
		return err
	}
	k, err := t.kubectl(ctx, p)
	if err != nil {
		return err
	}
	t.UI.Note("%s goes to the cluster of context %q, into the namespace %s", p.Name(), k.Context, r.Namespace)
	if err := t.allowed(ctx, p, k, r); err != nil {
		return err
	}
	if options.Platforms, err = t.platforms(ctx, p, c, k, r.Namespace); err != nil {
		return err
	}
	release, err := t.alone(ctx, p.Root, o.Wait)
	if err != nil {
		return err
	}
	defer release()
	if options.Images, options.DataID, err = t.publish(ctx, p, c); err != nil {
		return err
	}
	if r, err = t.manifests(ctx, p, options); err != nil {
		return err
	}
	for _, line := range r.Lines() {
		t.UI.Note("%s", safetext.Line(line))
	}
	return t.deploy(ctx, p, k, r)
}

// kubectl finds the command and the cluster.
func (t Target) kubectl(ctx context.Context, p *project.Project) (*kubectl.Kubectl, error) {
	return kubectl.Open(ctx, t.Runner, p.Settings.Environ())
}

// publish prepares the data folder, which is the cluster's share, builds the images, and pushes them. It returns their
// references with digests by service, and the folder's ID.
func (t Target) publish(ctx context.Context, p *project.Project, c *engine.Client) (images map[string]string, id string, err error) {
	environ, err := t.prepare(ctx, p)
	if err != nil {
		return nil, "", err
	}
	if _, err := t.builder(p, c).Build(ctx, image.Options{}, t.notePlan); err != nil {
		return nil, "", err
	}
	if err := t.fetchModel(ctx, p); err != nil {
		return nil, "", err
	}
	images = make(map[string]string)
	for _, service := range p.Built() {
		to := cluster.Reference(p, service)
		step := t.UI.Step("pushing "+to, "pushed "+to)
		digest, err := c.Push(ctx, p.Image(service), to, step.Output())
		if step.End(err) != nil {
			return nil, "", err
		}
		images[service] = digest
	}
	return images, run.Getenv(environ, project.DataID), nil
}

// platforms compares what the images are built for with what the nodes are. It returns the platforms of services of which some nodes cannot
// run the image. The error says that no node can.
func (t Target) platforms(ctx context.Context, p *project.Project, c *engine.Client, k *kubectl.Kubectl, namespace string) (map[string]string, error) {
	if len(p.Built()) == 0 {
		return nil, nil
	}
	own, err := c.Platform(ctx)
	if err != nil {
		return nil, err
	}
	may, err := k.May(ctx, namespace, kubectl.Right{Verb: "list", Resource: "nodes", Cluster: true})
	if err != nil {
		return nil, err
	}
	if !may {
		t.UI.Note("you may not list the nodes: whether they can run images for %s is not checked", own)
		return nil, nil
	}
	nodes, err := k.NodePlatforms(ctx)
	if err != nil || len(nodes) == 0 { // some clusters make them when there are pods
		return nil, err
	}
	lookup := func(name string) (string, bool) {
		value, set := p.Compose.Environment[name]
		return value, set
	}
	some := make(map[string]string)
	for _, service := range p.Built() {
		platform := inputs.Spelt(inputs.Platforms(p.Compose.Services[service], lookup, false), own)[0]
		system, rest, _ := strings.Cut(platform, "/")
		architecture, _, _ := strings.Cut(rest, "/") // nodes do not tell their variant
		switch n := nodes[system+"/"+architecture]; {
		case n == 0:
			return nil, exit.Fixable(exit.Failed, exit.Fix{Type: inputs.DefaultPlatform + "=" + most(nodes) + " mage cluster-up", Note: "builds for another platform, or set platform: of the services"},
				"no node of the cluster of context %q can run the image of %s, which is built for %s: they are %s",
				k.Context, service, platform, safetext.List(slices.Sorted(maps.Keys(nodes)), 10, ", "))
		case len(nodes) > 1:
			some[service] = platform
		}
	}
	return some, nil
}

// most is the platform that most nodes have.
func most(nodes map[string]int) string {
	return slices.MaxFunc(slices.Sorted(maps.Keys(nodes)), func(a, b string) int { return cmp.Compare(nodes[a], nodes[b]) })
}

// deploy gives the cluster what was rendered, removes what is no longer in it, and waits.
func (t Target) deploy(ctx context.Context, p *project.Project, k *kubectl.Kubectl, r cluster.Rendered) error {
	text, err := r.YAML()
	if err != nil {
		return exit.With(exit.Failed, err)
	}
	began := time.Now()
	step := t.UI.Step("applying the manifests to "+k.Context, "applied the manifests to "+k.Context)
	if err := step.End(k.Apply(ctx, text)); err != nil {
		return fmt.Errorf("applying the manifests: %w", err)
	}
	if err := t.removeOld(ctx, p, k, r); err != nil {
		return err
	}
	look := func(ctx context.Context) (kubectl.State, error) { return t.lookAtCluster(ctx, k, p) }
	state, err := look(ctx)
	if err != nil {
		return err
	}
	if failing := state.Failing(); len(failing) > 0 {
		if err := k.DeletePods(ctx, r.Namespace, failing); err != nil {
			t.UI.Note("not starting %s again at once: %v", safetext.List(failing, 10, ", "), err)
		}
	}
	state, err = k.Wait(ctx, clusterHealthy, look, func(s kubectl.Service, pods []kubectl.Pod) {
		t.UI.Did(began, "%s: %s healthy on %s", s.Name, english.Plural(s.Want, "pod", ""), nodesOf(pods))
	})
	if err != nil {
		return fmt.Errorf("starting %s on %s: %w", p.Name(), k.Context, err)
	}
	t.printCluster(state)
	return nil
}

// nodesOf names the nodes on which pods are.
func nodesOf(pods []kubectl.Pod) string {
	nodes := make(map[string]bool)
	for _, pod := range pods {
		if pod.State == kubectl.Healthy {
			nodes[pod.Node] = true
		}
	}
	return cmp.Or(safetext.List(slices.Sorted(maps.Keys(nodes)), 10, ", "), "no node")
}
