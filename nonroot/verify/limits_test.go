package verify

import (
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/im2-audio/im2/nonroot"
	"github.com/im2-audio/im2/ownership"
)

func TestLimitsThatAreAskedFor(t *testing.T) {
	t.Parallel()
	deploy := &types.DeployConfig{Resources: types.Resources{Limits: &types.Resource{MemoryBytes: 1 << 20, Pids: 7}}}
	for _, c := range []struct {
		name         string
		asked        types.ServiceConfig
		memory, pids int64
		can          bool
		want         nonroot.Level
		detail       string
	}{
		{"none", types.ServiceConfig{ContainerSpec: types.ContainerSpec{MemLimit: -1, PidsLimit: -1}}, 0, -1, false, nonroot.OK, "none is asked for"},
		{"both", types.ServiceConfig{ContainerSpec: types.ContainerSpec{MemLimit: 256 << 20, PidsLimit: 64}}, 256 << 20, 64, true, nonroot.OK, "memory: 256 MiB, 64 processes"},
		{"by the other key", types.ServiceConfig{Deploy: deploy}, 1 << 20, 7, true, nonroot.OK, "memory: 1.0 MiB, 7 processes"},
		{"one is not set", types.ServiceConfig{ContainerSpec: types.ContainerSpec{MemLimit: 1 << 20, PidsLimit: 7}}, 1 << 20, 0, true, nonroot.Error, "not set: 7 processes"},
		{"more than that", types.ServiceConfig{ContainerSpec: types.ContainerSpec{MemLimit: 1 << 20}}, 2 << 20, 0, true, nonroot.Error, "not set: memory: 1.0 MiB"},
		{"an engine that cannot", types.ServiceConfig{ContainerSpec: types.ContainerSpec{MemLimit: 1 << 20, PidsLimit: 7}}, 0, 0, false, nonroot.Warning, "not in force: memory: 1.0 MiB, 7 processes"},
	} {
		var w want
		w.memory, w.pids = limits(c.asked)
		i := locked()
		i.HostConfig.Memory, i.HostConfig.PidsLimit = c.memory, &c.pids
		f := checkLimits(w, i, surroundings{limitsMemory: c.can, limitsPids: c.can})
		if f.Level != c.want || !strings.Contains(f.Detail, c.detail) {
			t.Errorf("%s: %s (%s), want %s with %q", c.name, f.Level, f.Detail, c.want, c.detail)
		}
	}
}

// What containers make belongs to others on this machine where the engine translates IDs, also where nothing
// is known of the container's processes.
func TestOwnersOfARootlessEngine(t *testing.T) {
	t.Parallel()
	p := newProver(noServices(), Options{})
	table := parseMap("0 500 1\n1 100000 65536\n")
	p.around.uidMap, p.around.gidMap = table, table
	if got := p.owner(new(observation)); got != "100999:100999" {
		t.Errorf("the canary should belong to %s", got)
	}
	if got, known := p.around.outside(p.user()); !known || got != (ownership.Owner{UID: 100999, GID: 100999}) {
		t.Errorf("the data should belong to %s, known: %v", got, known)
	}
	if got, known := p.around.outside(ownership.Owner{UID: 70000, GID: 1}); known {
		t.Errorf("a UID beyond the table is %s", got)
	}
}
