package doctor

import (
	"context"
	"fmt"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"

	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/docker/stack"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/pipeline/execution"
)

// heaviest returns the service that needs the most memory: the worker, or else the one that reserves the most.
// It reports false if none reserves any.
func heaviest(p *project.Project) (types.ServiceConfig, stack.Need, bool) {
	var service types.ServiceConfig
	var most stack.Need
	for _, name := range p.Services() {
		s := p.Compose.Services[name]
		need := stack.NeedOf(s)
		if need.Memory > 0 && (name == project.Worker || need.Memory > most.Memory && most.Service != project.Worker) {
			service, most = s, need
		}
	}
	return service, most, most.Memory > 0
}

// assessMemory compares what workers need with what there is. limit is what each may use at most, 0 for no limit,
// and peak what each does use, 0 if that is not known.
func assessMemory(has engine.Capacity, need stack.Need, limit, peak int64, workers int) answer {
	most := need.Most(has)
	text := fmt.Sprintf("%s for %s, each of which needs %s", size(has.Memory), english.Plural(workers, need.Service+" worker", ""), size(need.Memory))
	switch {
	case most == 0:
		return failed("give the engine's machine "+size(need.Memory)+" of memory", "%s: too little for one", text)
	case workers > most:
		return failed(fmt.Sprintf("mage up -replicas=%d", most), "%s: there is room for %d, so some will be killed", text, most)
	case limit > 0 && limit < peak:
		fix := fmt.Sprintf("raise mem_limit of %s to %s", need.Service, size(peak))
		if low := execution.Low.Need(); low < peak && low <= limit {
			fix += ", or set DEMUCS_MEMORY=low"
		}
		return failed(fix,
			"%s: it may use %s (mem_limit), and a separation takes %s, so it takes no song", text, size(limit), size(peak))
	case limit > has.Memory:
		return warned("give the engine's machine "+size(limit)+" of memory", "%s: it may use %s (mem_limit), and be killed", text, size(limit))
	}
	return ok("%s; there is room for %d", text, most)
}

func checkMemory(ctx context.Context, _ *Doctor, f *facts) answer {
	return inForce(compareMemory(ctx, f), f.project, f.engine.Server)
}

func compareMemory(ctx context.Context, f *facts) answer {
	has, err := f.engine.Capacity(ctx)
	if err != nil {
		return failed(hungEngine, "%s", cause(err))
	}
	service, need, known := heaviest(f.project)
	if !known {
		return ok("%s; no service reserves memory (mem_reservation) to compare with", size(has.Memory))
	}
	workers := need.Fitting(has)
	if workers == 0 {
		workers = max(1, service.GetScale())
	}
	out, err := f.engine.Output(ctx, f.engine.Command("ps", "--quiet",
		"--filter", "label=com.docker.compose.project="+f.project.Name(), "--filter", "label=com.docker.compose.service="+need.Service))
	if running := len(strings.Fields(string(out))); err == nil && running > 0 { // "mage up -replicas" may have started others
		workers = running
	}
	var peak int64
	if need.Service == project.Worker && f.project.ModelCache() != "" {
		peak = execution.Memory(f.project.Settings.Get(project.DemucsMemory).Value).Need()
	}
	return assessMemory(has, need, limitOf(service), peak, workers)
}

// inForce warns of limits that services ask for and that the engine does not keep.
func inForce(a answer, p *project.Project, server engine.Server) answer {
	var memory, pids bool
	for _, name := range p.Services() {
		s := p.Compose.Services[name]
		memory = memory || limitOf(s) > 0
		pids = pids || s.PidsLimit > 0 || s.Deploy != nil && s.Deploy.Resources.Limits != nil && s.Deploy.Resources.Limits.Pids > 0
	}
	var without []string
	if memory && !server.MemoryLimit {
		without = append(without, "memory")
	}
	if pids && !server.PidsLimit {
		without = append(without, "processes")
	}
	if len(without) == 0 {
		return a
	}
	return worse(a, warned("start the engine by systemd on a machine with cgroup v2", "limits of %s are asked for, and this engine keeps none", strings.Join(without, " and ")))
}

func limitOf(s types.ServiceConfig) int64 {
	if s.MemLimit == 0 && s.Deploy != nil && s.Deploy.Resources.Limits != nil {
		return int64(s.Deploy.Resources.Limits.MemoryBytes)
	}
	return int64(s.MemLimit)
}

func size(n int64) string { return humanize.IBytes(uint64(max(n, 0))) }
