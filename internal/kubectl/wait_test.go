package kubectl_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/im2-audio/im2/internal/kubectl"
)

// steps returns one state after the other, and the last one again.
func steps(states ...kubectl.State) func(context.Context) (kubectl.State, error) {
	i := -1
	return func(context.Context) (kubectl.State, error) {
		i = min(i+1, len(states)-1)
		return states[i], nil
	}
}

func wants(ready int, pods ...kubectl.Pod) kubectl.State {
	return kubectl.State{Services: []kubectl.Service{{Name: "web", Want: 1, Ready: ready}}, Pods: pods}
}

func TestWaitingEnds(t *testing.T) {
	t.Parallel()
	pod := func(state, why string, restarts int) kubectl.Pod {
		return kubectl.Pod{Service: "web", Name: "web-1", Node: "a", State: state, Why: why, Restarts: restarts}
	}
	refused := wants(0)
	refused.Services[0].Refused = `pods "web-1" is forbidden: violates PodSecurity "restricted:latest": runAsUser=0`
	quota := wants(0)
	quota.Services[0].Refused = "exceeded quota"
	unmet := wants(0)
	unmet.Claims = []kubectl.Claim{{Name: "data", Phase: "Pending", Why: "no class"}}
	old := wants(1, pod("healthy", "", 0))
	old.Services[0].Old = 1
	before := pod("CrashLoopBackOff", "exit code 3", 9)
	before.Old, before.Name = true, "web-0"
	for name, c := range map[string]struct {
		states []kubectl.State
		want   string // "" for no error
		after  time.Duration
	}{
		"healthy at once":          {[]kubectl.State{wants(1)}, "", 0},
		"healthy in the end":       {[]kubectl.State{{}, wants(0), wants(0, pod("starting", "", 0)), wants(1)}, "", 3 * time.Second},
		"an old pod is left":       {[]kubectl.State{old, old, wants(1)}, "", 2 * time.Second},
		"pulled at the second try": {[]kubectl.State{wants(0, pod("ErrImagePull", "busy", 0)), wants(0, pod("ImagePullBackOff", "busy", 0)), wants(1)}, "", 2 * time.Second},
		"cannot be pulled":         {[]kubectl.State{wants(0, pod("ErrImagePull", "no host", 0)), wants(0, pod("ImagePullBackOff", "no host", 0))}, "a cannot pull the image of web: no host", 15 * time.Second},
		"crashes":                  {[]kubectl.State{wants(0, pod("starting", "", 0)), wants(0, pod("CrashLoopBackOff", "exit code 3", 2))}, "web does not stay up on a: CrashLoopBackOff: exit code 3", time.Second},
		"crashed before":           {[]kubectl.State{wants(0, pod("CrashLoopBackOff", "exit code 3", 5)), wants(0, pod("starting", "", 6)), wants(1)}, "", 2 * time.Second},
		"crashes as before":        {[]kubectl.State{wants(0, pod("starting", "", 5)), wants(0, pod("CrashLoopBackOff", "exit code 3", 7))}, "web does not stay up on a: CrashLoopBackOff: exit code 3", time.Second},
		"the old one crashes":      {[]kubectl.State{wants(0), wants(0, before, pod("starting", "", 0)), wants(0, before, pod("starting", "", 0)), wants(1)}, "", 3 * time.Second},
		"both crash":               {[]kubectl.State{wants(0), wants(0, before, pod("CrashLoopBackOff", "exit code 4", 2))}, "web does not stay up on a: CrashLoopBackOff: exit code 4", time.Second},
		"only the old one is bad":  {[]kubectl.State{wants(0), wants(0, before)}, "web does not stay up on a: CrashLoopBackOff: exit code 3", 2*time.Minute + time.Second},
		"mounted at the third try": {[]kubectl.State{wants(0, pod("FailedMount", "timed out", 0)), wants(0, pod("FailedMount", "timed out", 0)), wants(1)}, "", 2 * time.Second},
		"cannot be mounted":        {[]kubectl.State{wants(0, pod("FailedMount", "timed out", 0))}, "a cannot start web: FailedMount: timed out; fix: ", time.Minute},
		"a key is missing":         {[]kubectl.State{wants(0, pod("CreateContainerConfigError", "no key", 0))}, "a cannot start web: CreateContainerConfigError: no key; fix: ", time.Minute},
		"refused by admission":     {[]kubectl.State{refused}, `it violates PodSecurity "restricted:latest": runAsUser=0`, 0},
		"a quota":                  {[]kubectl.State{quota}, "the cluster makes no pod of web: exceeded quota", 15 * time.Second},
		"no storage":               {[]kubectl.State{unmet}, "the claim data for the data folder is not met: no class", 15 * time.Second},
		"no room":                  {[]kubectl.State{wants(0, pod("Unschedulable", "too little memory", 0))}, "no node takes web: too little memory", time.Minute},
		"starts for ever":          {[]kubectl.State{wants(0, pod("starting", "", 0))}, "not all services are healthy after 2m0s", 2*time.Minute + time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				began, told := time.Now(), 0
				_, err := new(kubectl.Kubectl).Wait(t.Context(), 2*time.Minute, steps(c.states...), func(kubectl.Service, []kubectl.Pod) { told++ })
				if took := time.Since(began); took != c.after {
					t.Errorf("after %s, want %s", took, c.after)
				}
				if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
					t.Errorf("error %v, want %q", err, c.want)
				}
				if (told == 1) != (c.want == "") {
					t.Errorf("told %d times", told)
				}
			})
		})
	}
}

func TestWaitingCanBeInterrupted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := new(kubectl.Kubectl).Wait(ctx, time.Minute, steps(wants(0)), func(kubectl.Service, []kubectl.Pod) {})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}
