package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/im2-audio/im2/internal/cluster"
	"github.com/im2-audio/im2/internal/docker/stack"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/kubectl"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/safetext"
	"github.com/im2-audio/im2/pipeline/pause"
	"github.com/im2-audio/im2/pipeline/proof"
)

// endsWithin is how long pods may take to end. One on a node that does not answer takes for ever.
const endsWithin = time.Minute

// endLimit is endsWithin after the longest stop_grace_period.
func endLimit(p *project.Project) time.Duration {
	var longest time.Duration
	for _, service := range p.Compose.Services {
		if service.StopGracePeriod != nil {
			longest = max(longest, time.Duration(*service.StopGracePeriod))
		}
	}
	return endsWithin + longest
}

// selector is of all objects of a project.
func selector(p *project.Project) string {
	return cluster.LabelProject + "=" + cluster.Name(p.Name()) + "," + cluster.LabelManagedBy + "=" + cluster.Manager
}

func (t Target) lookAtCluster(ctx context.Context, k *kubectl.Kubectl, p *project.Project) (kubectl.State, error) {
	return k.Look(ctx, cluster.Name(p.Name()), selector(p), cluster.LabelService)
}

// cluster opens the project and finds kubectl and the cluster, where no other project must have the namespace.
func (t Target) cluster(ctx context.Context) (*project.Project, *kubectl.Kubectl, error) {
	p, err := t.project(ctx)
	if err != nil {
		return nil, nil, err
	}
	k, err := t.kubectl(ctx, p)
	if err != nil {
		return nil, nil, err
	}
	// Who may not read the namespace is told by what follows which rights are missing.
	if other, err := sameProject(ctx, k, p); other.Meta.Name != "" && err != nil {
		return nil, nil, err
	}
	return p, k, nil
}

// clusterStatus is the answer of "mage cluster-status -json".
type clusterStatus struct {
	Project   string `json:"project"`
	Context   string `json:"context"`
	Namespace string `json:"namespace"`
	kubectl.State
	// Proofs are those that services left in the data folder, if this machine has it.
	Proofs []proof.Left `json:"proofs"`
	// Watcher is the watcher that takes songs; null where none does, or this machine has no data folder.
	Watcher *leaseholder `json:"watcher"`
	// Paused says since when workers take no song; null where they do, or this machine has no data folder.
	Paused *pause.Pause `json:"paused"`
}

// ClusterStatus prints what the cluster has of the project.
func (t Target) ClusterStatus(ctx context.Context, asJSON bool) error {
	p, k, err := t.cluster(ctx)
	if err != nil {
		return err
	}
	state, err := t.lookAtCluster(ctx, k, p)
	if err != nil {
		return fmt.Errorf("asking for %s on %s: %w", p.Name(), k.Context, err)
	}
	proofs := t.proofsOf(p)
	holder, paused := t.leaseholder(ctx, p), t.pauseOf(p)
	if asJSON {
		return t.UI.JSON(clusterStatus{p.Name(), k.Context, cluster.Name(p.Name()), state, append([]proof.Left{}, proofs...), holder, paused})
	}
	t.noteOthers(p, state, proofs)
	if len(state.Services) == 0 {
		t.UI.Note(`%s is not on %s; "mage cluster-up" starts it there`, p.Name(), k.Context)
		return nil
	}
	t.printCluster(state)
	t.printLeaseholder(holder)
	t.notePaused(paused)
	return nil
}

// seenWithin is how old the proof of a service may be that works: it is written again each minute.
const seenWithin = 3 * time.Minute

// noteOthers says which services of other clusters work on the data folder.
func (t Target) noteOthers(p *project.Project, state kubectl.State, proofs []proof.Left) {
	ours := make(map[string]bool)
	for _, pod := range state.Pods {
		ours[pod.Name] = true
	}
	for _, service := range p.Compose.Services {
		ours[service.Hostname] = true
	}
	var others []string
	for _, one := range proofs {
		if one.Err == nil && one.Engine == proof.Kubernetes && one.Unseen < seenWithin && !ours[one.Host] {
			others = append(others, safetext.Line(fmt.Sprintf("%s on %s (project %s)", one.Host, cmp.Or(one.Node, "no node"), one.Project)))
		}
	}
	if len(others) > 0 {
		t.UI.Note("pods of another cluster, or pods that were killed in the last minutes, work on this data folder: %s; "+
			"two clusters with one share take each other's songs: stop one of them", safetext.List(others, 10, ", "))
	}
}

// proofsOf are the proofs in the data folder. What cannot be read is said.
func (t Target) proofsOf(p *project.Project) []proof.Left {
	if p.Data == "" {
		return nil
	}
	all, _, err := proof.List(p.Data)
	if err != nil {
		t.UI.Note("the proofs of the services are not shown: %v", err)
	}
	return all
}

// printCluster prints the pods of services, and what is wrong.
func (t Target) printCluster(state kubectl.State) {
	var rows [][]string
	for _, s := range state.Services {
		found := false
		for _, pod := range state.Pods {
			if pod.Service == s.Name {
				found = true
				rows = append(rows, []string{s.Name, pod.Name, cmp.Or(pod.Node, "-"), cmp.Or(pod.User, "-"), pod.State, strconv.Itoa(pod.Restarts)})
			}
		}
		if !found {
			rows = append(rows, []string{s.Name, "-", "-", "-", "none", "0"})
		}
	}
	t.UI.Table([]string{"SERVICE", "POD", "NODE", "UID:GID", "STATE", "RESTARTS"}, rows)
	for _, problem := range state.Problems() {
		t.UI.Note("%v", problem)
	}
}

// ClusterLogs prints logs of the project's pods.
func (t Target) ClusterLogs(ctx context.Context, asked Logs) error {
	args, err := asked.Kubectl()
	if err != nil {
		return err
	}
	p, k, err := t.cluster(ctx)
	if err != nil {
		return err
	}
	names, err := stack.Stack{Project: p}.Chosen(composeNames(p, asked.Services))
	if err != nil {
		return err
	}
	of := selector(p)
	if len(names) > 0 {
		for i, name := range names {
			names[i] = cluster.Name(name)
		}
		of += "," + cluster.LabelService + " in (" + strings.Join(slices.Compact(names), ",") + ")"
	}
	args = append([]string{"logs", "--namespace=" + cluster.Name(p.Name()), "--selector=" + of, "--prefix", "--ignore-errors", "--max-log-requests=1000"}, args...)
	lines := t.UI.Others() // what a service writes is not ours
	err = k.Stream(ctx, lines, t.UI.Stderr(), args...)
	_ = lines.Close() // the terminal's trouble
	if err == nil || asked.Follow && ctx.Err() != nil {
		return nil //nolint:nilerr // an interrupt is how following ends
	}
	return fmt.Errorf("reading the logs of %s on %s: %w", p.Name(), k.Context, err)
}

// composeNames puts the Compose names of services, with commas between them, in the place of those that the cluster prints.
func composeNames(p *project.Project, services string) string {
	names := strings.Split(services, ",")
	for i, name := range names {
		if slices.Contains(p.Services(), name) {
			continue
		}
		for _, service := range p.Services() {
			if cluster.Name(service) == strings.TrimSpace(name) {
				names[i] = service
			}
		}
	}
	return strings.Join(names, ",")
}

// ClusterDown removes the services from the cluster; with volumes also the claims, and with them what the cluster keeps for them.
func (t Target) ClusterDown(ctx context.Context, volumes bool, wait *time.Duration) error {
	p, k, err := t.cluster(ctx)
	if err != nil {
		return err
	}
	release, err := t.alone(ctx, p.Root, wait)
	if err != nil {
		return err
	}
	defer release()
	namespace := cluster.Name(p.Name())
	kinds, err := scalers(ctx, k)
	if err != nil {
		return err
	}
	kinds = append(kinds, servicesOfCluster)
	if volumes {
		kinds = append(kinds, claimsOfCluster)
		has, err := t.hasVolumes(ctx, k, p)
		if err != nil {
			return err
		}
		if has { // one that is kept is for a claim that is gone, and for no other
			kinds = append(kinds, volumesOfCluster)
		}
	}
	if err := k.Need(ctx, namespace, slices.Concat(looking, removing(kinds))...); err != nil {
		return err
	}
	if _, err := sameProject(ctx, k, p); err != nil {
		return err
	}
	step := t.UI.Step("removing "+p.Name()+" from "+k.Context, "removed "+p.Name()+" from "+k.Context)
	if err := step.End(t.removeFromCluster(ctx, k, p, kinds)); err != nil {
		return fmt.Errorf("removing %s from %s: %w", p.Name(), k.Context, err)
	}
	return nil
}

// hasVolumes says whether the cluster may have volumes that cluster-up has made for a share. The Compose file need not name the share any
// longer.
func (t Target) hasVolumes(ctx context.Context, k *kubectl.Kubectl, p *project.Project) (bool, error) {
	if p.Cluster.Storage.NFS != "" {
		return true, nil
	}
	namespace := cluster.Name(p.Name())
	may, err := k.May(ctx, namespace, kubectl.Right{Verb: "list", Resource: volumesOfCluster, Cluster: true})
	if err != nil {
		return false, err
	}
	if !may {
		t.UI.Note("you may not list the cluster's volumes: one for a share that the Compose file named earlier stays there")
		return false, nil
	}
	found, err := k.List(ctx, namespace, volumesOfCluster, "--selector="+selector(p))
	return len(found) > 0, err
}

// removeFromCluster removes objects of these kinds, the pods first, and waits until the pods have ended.
func (t Target) removeFromCluster(ctx context.Context, k *kubectl.Kubectl, p *project.Project, kinds []string) error {
	for _, kind := range kinds {
		if err := k.Delete(ctx, cluster.Name(p.Name()), kind, selector(p)); err != nil {
			return err
		}
		for deadline := time.Now().Add(endLimit(p)); kind == servicesOfCluster; {
			state, err := t.lookAtCluster(ctx, k, p)
			if err != nil {
				return err
			}
			if len(state.Pods) == 0 {
				break
			}
			if time.Now().After(deadline) {
				left := state.Pods[0]
				return exit.Fixable(exit.Failed, exit.Fix{Type: "kubectl get node " + left.Node, Note: "shows whether the node answers"},
					"the pod %s on %s has not ended after %s", safetext.Line(left.Name), safetext.Line(left.Node), endLimit(p))
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(500 * time.Millisecond):
			}
		}
	}
	return nil
}
