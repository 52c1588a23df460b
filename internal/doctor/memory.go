package doctor

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/im2-audio/im2/internal/project"
)

// Fit is how many workers find room in an engine's memory; all in bytes. Where a worker has
// no limit nobody knows, which is -1.
func Fit(total, worker int64) int {
	if worker <= 0 {
		return -1
	}
	return int(total / worker)
}

// leastPart of its limit is what a worker needs for a short track: HTDemucs peaks at 5.4 GB of
// the 8 GB that the Compose file gives it, and a longer track adds its samples.
const leastPart = 0.75

// crew is a service's workers.
type crew struct {
	service string
	// workers is how many there are, or are asked for; each may use so many bytes.
	workers int
	each    int64
}

// crewOf returns the workers of the service that the project has for the heavy work, or else
// of the one with the highest limit. There is none where nothing is limited.
func crewOf(p *project.Project) (crew, bool) {
	var found crew
	for _, name := range p.Services() {
		s := p.Compose.Services[name]
		each := int64(s.MemLimit)
		if s.Deploy != nil && s.Deploy.Resources.Limits != nil && s.Deploy.Resources.Limits.MemoryBytes > 0 {
			each = int64(s.Deploy.Resources.Limits.MemoryBytes)
		}
		if each > 0 && (name == project.Worker || each > found.each && found.service != project.Worker) {
			found = crew{service: name, workers: s.GetScale(), each: each}
		}
	}
	return found, found.each > 0
}

// judgeMemory compares what the workers may use with what there is.
func judgeMemory(total int64, c crew) answer {
	fits, need := Fit(total, c.each), int64(c.workers)*c.each
	mend := "give the engine " + size(need) + " of memory"
	if fits >= 1 {
		mend = "mage up -replicas=" + strconv.Itoa(fits)
	}
	text := fmt.Sprintf("%s for %s of at most %s", size(total), plural(c.workers, c.service+" worker"), size(c.each))
	switch {
	case c.workers <= fits:
		return ok("%s; there is room for %d", text, fits)
	case float64(total) >= leastPart*float64(need):
		return warned(mend, "%s: enough for short tracks; with long ones a worker may be killed", text)
	}
	return failed(mend, "%s: too little, workers will be killed", text)
}

// lookMemory compares the engine's memory with the workers that are asked for or run.
func lookMemory(ctx context.Context, _ *Doctor, f *facts) answer {
	total := f.engine.Server.MemTotal
	c, limited := crewOf(f.project)
	if !limited {
		return ok("%s; no service has a memory limit to compare with", size(total))
	}
	c.workers = max(c.workers, 1)
	out, err := f.engine.Output(ctx, f.engine.Command("ps", "--quiet",
		"--filter", "label=com.docker.compose.project="+f.project.Name(), "--filter", "label=com.docker.compose.service="+c.service))
	if err == nil { // "mage up -replicas" may have started more
		c.workers = max(c.workers, len(strings.Fields(string(out))))
	}
	return judgeMemory(total, c)
}

// size is a number of bytes as memory is sold, in powers of 1024.
func size(n int64) string { return humanize.IBytes(uint64(max(n, 0))) }
