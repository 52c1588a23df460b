package kubectl

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/safetext"
)

const (
	// every is how often Wait reads the state.
	every = time.Second
	// grace is how long something may look bad before Wait gives up: the cluster tries again.
	grace = 15 * time.Second
	// forNodes is how long a pod may find no node: some clusters get new ones then.
	forNodes = time.Minute
	// forVolumes is how long a volume may be missing: a node that is slow to attach one says so, too.
	forVolumes = time.Minute
)

// Wait reads the state until all services that are wanted are healthy, and returns the last one. tell is called once for
// each service that is. The error says what keeps a service from it; one that another try cannot fix comes at once. Restarts
// before the first look are not held against a pod: what caused them may be fixed. What is wrong with pods of earlier versions
// keeps no new one from being healthy, and is said only at the limit.
func (k *Kubectl) Wait(ctx context.Context, limit time.Duration, look func(context.Context) (State, error), tell func(Service, []Pod)) (State, error) {
	deadline := time.Now().Add(limit)
	since, told := make(map[string]time.Time), make(map[string]bool)
	var before map[string]int
	for {
		state, err := look(ctx)
		if err != nil {
			return state, err
		}
		before = state.forgive(before)
		waiting := 0
		for _, s := range state.Services {
			if s.Ready < s.Want || s.Old > 0 {
				waiting++
			} else if !told[s.Name] {
				told[s.Name] = true
				tell(s, state.of(s.Name))
			}
		}
		if waiting == 0 && len(state.Services) > 0 {
			return state, nil
		}
		troubles := state.troubles(false)
		for what := range since {
			if !slices.ContainsFunc(troubles, func(t trouble) bool { return t.what == what }) {
				delete(since, what)
			}
		}
		for _, t := range troubles {
			if since[t.what].IsZero() {
				since[t.what] = time.Now()
			}
			if time.Since(since[t.what]) >= t.patience {
				return state, t.err
			}
		}
		if time.Now().After(deadline) {
			if all := state.troubles(true); len(all) > 0 {
				return state, all[0].err
			}
			return state, exit.Errorf(exit.Failed, "not all services are healthy after %s", limit)
		}
		select {
		case <-ctx.Done():
			return state, fmt.Errorf("waiting until every service is healthy: %w", ctx.Err())
		case <-time.After(every):
		}
	}
}

// forgive makes the pods count the restarts since the first look; before has those of each pod then, and is nil at that look.
func (s *State) forgive(before map[string]int) map[string]int {
	if before == nil {
		before = make(map[string]int)
		for _, p := range s.Pods {
			before[p.Name] = p.Restarts
		}
	}
	s.Pods = slices.Clone(s.Pods)
	for i, p := range s.Pods {
		s.Pods[i].before = before[p.Name]
	}
	return before
}

// Failing returns the names of pods that do not run because of an error, in a namespace: Kubernetes waits longer from one try of them
// to the next, and what takes their place is tried at once.
func (s *State) Failing() []string {
	var names []string
	for _, p := range s.Pods {
		if slices.Contains(noImage, p.State) || slices.Contains(noContainer, p.State) || slices.Contains(ends, p.State) {
			names = append(names, p.Name)
		}
	}
	return names
}

// Problems returns what is wrong, whether or not another try may fix it.
func (s *State) Problems() []error {
	var all []error
	for _, t := range s.troubles(true) {
		all = append(all, t.err)
	}
	return all
}

func (s *State) of(service string) []Pod {
	var pods []Pod
	for _, p := range s.Pods {
		if p.Service == service {
			pods = append(pods, p)
		}
	}
	return pods
}

// trouble is what keeps a service from being healthy.
type trouble struct {
	what     string        // tells it from others
	patience time.Duration // how long it may last
	err      error
}

// troubles returns what is wrong, the causes first; with old, also with pods of earlier versions, after those of the newest.
func (s *State) troubles(old bool) []trouble {
	var all []trouble
	for _, c := range s.Claims {
		if c.Phase != bound && c.Why != "" {
			all = append(all, trouble{"claim " + c.Name, grace, exit.Fixable(exit.Failed,
				exit.Fix{Note: "make a volume or a storage class with the access mode ReadWriteMany for it, see docs/cluster.md"},
				"the claim %s for the data folder is not met: %s", c.Name, safetext.Line(c.Why))})
		}
	}
	for _, service := range s.Services {
		if service.Refused != "" {
			all = append(all, refused(service))
		}
	}
	var earlier []trouble
	for _, p := range s.Pods {
		switch t, is := p.trouble(); {
		case is && p.Old:
			earlier = append(earlier, t)
		case is:
			all = append(all, t)
		}
	}
	if old {
		all = append(all, earlier...)
	}
	return all
}

func refused(s Service) trouble {
	t := trouble{what: "refused " + s.Name, patience: grace}
	text := safetext.Line(s.Refused)
	if _, rule, is := strings.Cut(text, "violates PodSecurity"); is { // the same pod is refused again and again
		t.patience = 0
		t.err = exit.Fixable(exit.Failed, exit.Fix{Type: "mage audit", Note: "names the keys of the Compose file that cause it"},
			"the cluster makes no pod of %s: it violates PodSecurity%s", s.Name, rule)
		return t
	}
	t.err = exit.Errorf(exit.Failed, "the cluster makes no pod of %s: %s", s.Name, text)
	return t
}

// Kubernetes' words for what is wrong with a pod, and "failed".
var (
	noImage     = []string{"ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull"}
	noContainer = []string{"CreateContainerConfigError", "CreateContainerError"}
	ends        = []string{"CrashLoopBackOff", "RunContainerError", "StartError", "failed"}
	noVolume    = []string{"FailedMount", "FailedAttachVolume"}
)

// notFound is what the kubelet says of a Secret or ConfigMap that a pod needs.
var notFound = regexp.MustCompile(`\b(secret|configmap) "([\w./-]+)" not found`)

// trouble returns what is wrong with a pod that is not healthy; false where nothing is known to be.
func (p *Pod) trouble() (trouble, bool) {
	t := trouble{what: p.Name, patience: grace}
	why := safetext.Line(p.Why)
	switch {
	case slices.Contains(noImage, p.State):
		registry, _, _ := strings.Cut(p.Image, "/")
		t.err = exit.Fixable(exit.Failed, exit.Fix{Note: "the nodes must reach the registry " + registry + " and be allowed to pull from it, see docs/cluster.md"},
			"%s cannot pull the image of %s: %s", p.Node, p.Service, why)
	case slices.Contains(noContainer, p.State), slices.Contains(noVolume, p.State):
		t.patience = forVolumes
		t.err = exit.Fixable(exit.Failed, p.missing(), "%s cannot start %s: %s: %s", p.Node, p.Service, p.State, why)
	case slices.Contains(ends, p.State):
		if p.Restarts-p.before > 1 { // the cluster has tried again
			t.patience = 0
		}
		t.err = exit.Fixable(exit.Failed, exit.Fix{Type: "mage cluster-logs -service=" + p.Service, Note: "says more"},
			"%s does not stay up on %s: %s: %s", p.Service, p.Node, p.State, why)
	case p.State == "Unschedulable":
		t.patience = forNodes
		t.err = exit.Errorf(exit.Failed, "no node takes %s: %s", p.Service, why)
	default:
		return t, false
	}
	return t, true
}

// missing is how to make what a pod cannot start without. The namespace is there by then.
func (p *Pod) missing() exit.Fix {
	found := notFound.FindStringSubmatch(p.Why)
	if found == nil {
		return exit.Fix{Type: "kubectl -n " + p.namespace + " describe pod " + p.Name, Note: "says more"}
	}
	kind := "configmap"
	if found[1] == "secret" {
		kind = "secret generic"
	}
	return exit.Fix{
		Type: fmt.Sprintf("kubectl -n %s create %s %s --from-file=NAME=FILE", p.namespace, kind, found[2]),
		Note: "where NAME is its name in the Compose file, and FILE has the content",
	}
}
