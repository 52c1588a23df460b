package cli

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/dustin/go-humanize/english"

	"github.com/im2-audio/im2/internal/build/image"
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
	if err := t.checkPipeline(p, ""); err != nil {
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
	if err := t.removeOld(ctx, p, k, r.Model); err != nil {
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
