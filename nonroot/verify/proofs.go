package verify

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/im2-audio/im2/nonroot"
	"github.com/im2-audio/im2/nonroot/internal/capability"
)

// A Proof is what a service says of itself, in a project whose services do that: on this machine, and on others where nothing
// can be seen from here. Whoever controls a service can forge it. So a proof is compared with what is seen where something
// is, never taken for it, and one that is not there is a failure like one that says something else.
type Proof struct {
	// Service is the name of the program, Host the host name of its container, Node the machine, Engine the engine and Project
	// the project or the cluster; Node, Engine and Project may be empty.
	Service, Host, Node, Engine, Project string
	// Data says which data folder it works in; empty where it does not say.
	Data string
	// UIDs and GIDs are the real, effective, saved and file system IDs, Groups the supplementary ones.
	UIDs, GIDs, Groups []int64
	// Capabilities are the sets "effective", "permitted", "inheritable", "bounding" and "ambient", as in capabilities(7).
	Capabilities map[string]uint64
	// NoNewPrivs, Seccomp and ReadOnlyRoot are as in /proc/PID/status, and as the mount of "/" is.
	NoNewPrivs   bool
	Seccomp      int
	ReadOnlyRoot bool
	// Problems are what the service itself should have refused, each in a few words.
	Problems []string
	// Unseen is how long ago the service was there.
	Unseen time.Duration
}

// Proofs are the proofs of a project.
type Proofs struct {
	// Services are those of whose containers each must have left a proof.
	Services []string
	// Data says which data folder it is now, as in [Proof.Data]; empty where that is not known.
	Data string
	// Found are those that there are.
	Found []Proof
	// Unusable says what could not be read, each in one line.
	Unusable []string
}

// late is how long a service is not seen that is there no more: it says every minute that it is.
const late = 3 * time.Minute

// Claims checks what services say of themselves, and nothing else: for a machine that has none of their containers, or no
// engine. All of it is in [Report.Elsewhere]. Of the options, Service, Conventions and Proofs count. The error is an
// *[UnknownServiceError], or a *[NotRunningError] where no proof is there.
func Claims(project *types.Project, o Options) (Report, error) {
	start, p := time.Now(), newProver(project, o)
	if err := p.known(); err != nil {
		return Report{}, err
	}
	r := Report{Project: project.Name, Services: []Service{}, Control: []Finding{}}
	p.proven(&r, nil)
	if len(r.Elsewhere) == 0 && len(r.Data) == 0 {
		return Report{}, &NotRunningError{Project: project.Name, Service: o.Service}
	}
	r.Seconds = time.Since(start).Seconds()
	r.count()
	return r, nil
}

// proven adds to the report what the services say of themselves. all are the observations of r.Services.
func (p *prover) proven(r *Report, all []observation) {
	if p.Proofs == nil {
		return
	}
	proofs, err := p.Proofs()
	if err != nil {
		r.Data = append(r.Data, found(SelfProof, nonroot.Error, "", "the proofs of the services cannot be read: %v", err).remedy(ResetRights))
		return
	}
	here := make(map[string]bool)
	for i, o := range all {
		host := o.inspected.Config.Hostname
		if host == "" || o.container.foreign || !o.steady {
			continue
		}
		here[host] = true
		ours := slices.DeleteFunc(slices.Clone(proofs.Found), func(one Proof) bool { return one.Host != host })
		if len(ours) == 0 && !o.container.oneOff && slices.Contains(proofs.Services, o.container.service) {
			r.Services[i].Checks = append(r.Services[i].Checks, found(SelfProof, nonroot.Error, ByHost,
				"it left no proof of itself: it could not write one, or was told to check nothing").remedy(ReadLogs))
		}
		for _, one := range ours {
			r.Services[i].Checks = append(r.Services[i].Checks, p.compare(one, proofs.Data, o))
		}
	}
	for _, one := range proofs.Found {
		if !here[one.Host] && (p.Service == "" || p.Service == one.Service) {
			s := Service{Service: one.Service, Container: one.Host, Node: one.Node, Checks: []Finding{p.elsewhere(one, proofs.Data)}}
			r.Elsewhere = append(r.Elsewhere, s)
		}
	}
	if len(proofs.Unusable) > 0 && p.Service == "" {
		const most = 3
		text := strings.Join(proofs.Unusable[:min(most, len(proofs.Unusable))], "; ")
		if more := len(proofs.Unusable) - most; more > 0 {
			text += fmt.Sprintf("; and %d more", more)
		}
		r.Data = append(r.Data, found(SelfProof, nonroot.Warning, ByHost, "cannot be used: %s", text))
	}
}

// compare compares what a service says with what was seen of its container.
func (p *prover) compare(one Proof, data string, o observation) Finding {
	if wrong := p.wrong(one, data); wrong != "" {
		return found(SelfProof, nonroot.Error, ByService, "%s", wrong)
	}
	if one.Project != "" && one.Project != p.project.Name {
		return found(SelfProof, nonroot.Error, ByService, "it says that it is of the project %s", one.Project)
	}
	if engine := o.inspected.HostConfig.ReadonlyRootfs; one.ReadOnlyRoot != engine {
		return found(SelfProof, nonroot.Error, ByService, "whether its root is read-only: it says %t, and the engine %t", one.ReadOnlyRoot, engine)
	}
	differs := "no process of it was seen"
	for i, process := range o.processes {
		switch text := one.differs(process); {
		case text == "":
			return p.agrees(one)
		case i == 0:
			differs = text
		}
	}
	return found(SelfProof, nonroot.Error, ByService, "it says something else than what is seen: %s", differs)
}

func (p *prover) agrees(one Proof) Finding {
	if one.Unseen > late {
		return found(SelfProof, nonroot.Note, ByService, "it says the same, and has said so for the last time %s ago", one.Unseen.Round(time.Second))
	}
	return found(SelfProof, nonroot.OK, ByService, "it says the same of itself")
}

// wrong says what a service says of itself that must not be; "" for nothing.
func (p *prover) wrong(one Proof, data string) string {
	switch {
	case len(one.Problems) > 0:
		return strings.Join(one.Problems, "; ")
	case data != "" && one.Data != data:
		return fmt.Sprintf("it works in the data folder %q, and this one is %q", one.Data, data)
	case p.Conventions != nil && len(one.UIDs) > 0 && len(one.GIDs) > 0 && (one.UIDs[0] != int64(p.user().UID) || one.GIDs[0] != int64(p.user().GID)):
		return fmt.Sprintf("it runs as %d:%d, and the app user is %s", one.UIDs[0], one.GIDs[0], p.user())
	}
	return ""
}

// elsewhere checks what a service says of which nothing is seen here.
func (p *prover) elsewhere(one Proof, data string) Finding {
	seen := "seen in the last minutes"
	if one.Unseen > late {
		seen = fmt.Sprintf("last seen %s ago", one.Unseen.Round(time.Second))
	}
	text := fmt.Sprintf("%s, project %q, as %s:%s, %s", one.Engine, one.Project, ids(one.UIDs), ids(one.GIDs), seen)
	wrong := p.wrong(one, data)
	switch {
	case one.Unseen > late:
		return found(SelfProof, nonroot.Note, ByService, "%s: its machine is cut off, or it was killed", text)
	case wrong != "":
		return found(SelfProof, nonroot.Error, ByService, "%s: %s", text, wrong)
	case one.Project != "" && one.Project != p.project.Name:
		return found(SelfProof, nonroot.Warning, ByService, "%s: another project works on this data folder; stop one of them", text)
	}
	return found(SelfProof, nonroot.OK, ByService, "%s", text)
}

// differs says what a proof has that the kernel or the engine says otherwise of a process; "" for nothing. What was not seen is
// not compared.
func (one Proof) differs(p process) string {
	for _, pair := range []struct {
		what       string
		says, seen []int64
	}{{"UIDs", one.UIDs, p.uids}, {"GIDs", one.GIDs, p.gids}} {
		n := min(len(pair.says), len(pair.seen)) // the engine says one of four
		if !slices.Equal(pair.says[:n], pair.seen[:n]) {
			return fmt.Sprintf("%s are %s, and not %s", pair.what, ids(pair.seen), ids(pair.says))
		}
	}
	if p.caps == nil {
		return ""
	}
	if says, seen := slices.Sorted(slices.Values(one.Groups)), slices.Sorted(slices.Values(p.groups)); !slices.Equal(says, seen) {
		return fmt.Sprintf("groups are %s, and not %s", ids(seen), ids(says))
	}
	for _, set := range capSets {
		seen, known := p.caps[set[1]]
		if says := capability.Set(one.Capabilities[set[1]]); known && says != seen {
			return fmt.Sprintf("the %s set is %s, and not %s", set[1], seen, says)
		}
	}
	if p.newPrivs >= 0 && one.NoNewPrivs != (p.newPrivs == 1) {
		return fmt.Sprintf("NoNewPrivs is %d", p.newPrivs)
	}
	if p.seccomp >= 0 && one.Seccomp != p.seccomp {
		return fmt.Sprintf("Seccomp is %d, and not %d", p.seccomp, one.Seccomp)
	}
	return ""
}
