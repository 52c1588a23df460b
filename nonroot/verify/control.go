package verify

import (
	"context"
	"slices"

	"github.com/im2-audio/im2/nonroot"
)

// controlFor is how long the container of root stays when nobody removes it.
const controlFor = "60s"

// control puts a container of root before the checks, which must find it out: a check that
// passes everything proves nothing.
func (p *prover) control(ctx context.Context) ([]Finding, error) {
	id, err := p.output(ctx, "run", "--detach", "--rm", "--label", p.label, "--pull", "never", "--network", "none",
		"--user", "0:0", "--name", p.container("control"), p.Image, "hold", controlFor)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return []Finding{found(State, nonroot.Error, ByEngine, "the container of root did not start, so the checks are not proven: %s", said(err))}, nil
	}
	defer p.remove(ctx, id)
	l, err := p.lookOnce(ctx, id, ProgramPath)
	if err != nil {
		return nil, err
	}
	if !l.steady {
		return []Finding{found(State, nonroot.Error, ByEngine, "the container of root did not stay, so the checks are not proven: %s", l.unsteady)}, nil
	}
	w := want{strict: true, uid: int64(p.user().UID), gid: int64(p.user().GID), asked: "the app user", toldUID: -1, toldGID: -1}
	return judgeControl(judge(w, l.seen, p.surroundings(), imageFiles{Image: "none"})), nil
}

// judgeControl turns what the checks said of a container of root around.
func judgeControl(all []Finding) []Finding {
	var results []Finding
	for _, check := range []Check{Users, Capabilities, ExecUser, SystemWrites} {
		i := slices.IndexFunc(all, func(f Finding) bool { return f.Check == check })
		switch {
		case i < 0:
			results = append(results, found(check, nonroot.Error, "", "this check is broken: it said nothing of a container of root"))
		case all[i].Level == nonroot.Error:
			results = append(results, found(check, nonroot.OK, all[i].By, "finds a container of root out: %s", all[i].Detail))
		default:
			results = append(results, found(check, nonroot.Error, all[i].By,
				"this check is broken: of a container of root it says %q (%s); believe none of its answers", all[i].Level, all[i].Detail))
		}
	}
	return results
}
