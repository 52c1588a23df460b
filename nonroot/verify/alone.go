package verify

import (
	"context"
	"encoding/json"

	"github.com/im2-audio/im2/internal/helper/probe"
)

// beside runs our program in a container that shares the process IDs of another one, where it cannot run in that. It
// sees the processes, and nothing where the engine refuses that.
func (p *prover) beside(ctx context.Context, id string) *probe.Sight {
	sight := new(probe.Sight)
	if p.lookAlone(ctx, sight, "--pid", "container:"+id) != nil {
		return new(probe.Sight)
	}
	return sight
}

// lookAlone runs our program in a container without rights, which has the options beside its own.
func (p *prover) lookAlone(ctx context.Context, sight *probe.Sight, options ...string) error {
	args := append([]string{
		"run", "--rm", "--label", p.label, "--pull", "never", "--network", "none", "--log-driver", "none",
		"--read-only", "--security-opt", "no-new-privileges", "--cap-drop", "ALL", "--user", "65534:65534",
	}, options...)
	text, err := p.output(ctx, append(args, p.Image, "look", p.name("write"))...)
	if err != nil {
		return err
	}
	return json.Unmarshal([]byte(text), sight)
}

// readMaps finds out which IDs of this machine those of containers are. A container of our own says so: none of the
// project's could forge it.
func (p *prover) readMaps(ctx context.Context) error {
	var sight probe.Sight
	if !p.around.mapped {
		return nil
	}
	if err := p.lookAlone(ctx, &sight); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		p.note("which IDs of this machine those of containers are is not known: %s", said(err))
		return nil
	}
	p.around.uidMap, p.around.gidMap = parseMap(sight.UIDMap), parseMap(sight.GIDMap)
	return nil
}
