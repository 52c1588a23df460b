package verify

import (
	"context"
	"slices"

	"github.com/im2-audio/im2/nonroot"
)

// controlFor is how long the container of root stays when nobody removes it.
const controlFor = "60s"

// control runs a container of root through the checks, which must find root in it: a check that passes everything, or
// fails everything, proves nothing.
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
	o, err := p.observeOnce(ctx, container{id: id}, ProgramPath)
	if err != nil {
		return nil, err
	}
	if !o.steady {
		return []Finding{found(State, nonroot.Error, ByEngine, "the container of root did not stay, so the checks are not proven: %s", o.unsteady)}, nil
	}
	w := want{strict: true, uid: int64(p.user().UID), gid: int64(p.user().GID), asked: "the app user", toldUID: -1, toldGID: -1}
	o.files.Image = "none"
	return checkControl(check(w, o, p.around)), nil
}

// checkControl turns around what the checks said of a container of root. A check that fails for another reason than
// root, such as that it saw nothing, would do so beside any container: it is not proven by that.
func checkControl(all []Finding) []Finding {
	var results []Finding
	for _, name := range []Check{Users, Capabilities, ExecUser, SystemWrites} {
		i := slices.IndexFunc(all, func(f Finding) bool { return f.Check == name })
		switch {
		case i < 0:
			results = append(results, found(name, nonroot.Error, "", "this check is broken: it said nothing of a container of root"))
		case all[i].Level == nonroot.Error && all[i].root:
			results = append(results, found(name, nonroot.OK, all[i].By, "finds a container of root out: %s", all[i].Detail))
		case all[i].Level == nonroot.Error:
			results = append(results, found(name, nonroot.Error, all[i].By,
				"this check is not proven: it did not see that a container of root is root, and said %q; believe none of its answers", all[i].Detail))
		default:
			results = append(results, found(name, nonroot.Error, all[i].By,
				"this check is broken: of a container of root it says %q (%s); believe none of its answers", all[i].Level, all[i].Detail))
		}
	}
	return results
}
