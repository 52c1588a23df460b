package verify

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/im2-audio/im2/nonroot"
	"github.com/im2-audio/im2/ownership"
)

// fitting is the proof of the container of right.
func fitting() Proof {
	four := []int64{1000, 1000, 1000, 1000}
	return Proof{
		Service: "app", Host: "c0ffee", Engine: "compose", Project: "shop", Data: "ID",
		UIDs: four, GIDs: four, Groups: []int64{1000}, NoNewPrivs: true, Seccomp: 2, ReadOnlyRoot: true,
	}
}

// asked is a prover of the project shop with these proofs, and what it observed of the service app.
func asked(proofs Proofs, err error) (*prover, observation) {
	o := right()
	o.steady, o.container.service, o.inspected.Config.Hostname = true, "app", "c0ffee"
	p := &prover{project: &types.Project{Name: "shop"}}
	p.Conventions = &nonroot.Conventions{User: ownership.Owner{UID: 1000, GID: 1000}}
	p.Proofs = func() (Proofs, error) { return proofs, err }
	return p, o
}

func proven(p *prover, o observation) Report {
	r := Report{Services: []Service{{Service: "app"}}}
	p.proven(&r, []observation{o})
	return r
}

func TestAProofIsComparedWithWhatIsSeen(t *testing.T) {
	t.Parallel()
	four := func(n int64) []int64 { return []int64{n, n, n, n} }
	for _, c := range []struct {
		name   string
		change func(*Proof, *observation)
		level  nonroot.Level
		want   string
	}{
		{"the same", func(*Proof, *observation) {}, nonroot.OK, "says the same"},
		{"a second process", func(_ *Proof, o *observation) { o.processes[0].uids = four(7) }, nonroot.OK, "says the same"},
		{"the engine's word", func(_ *Proof, o *observation) {
			o.by, o.processes = ByEngine, []process{{uids: []int64{1000}, gids: []int64{1000}, newPrivs: -1, seccomp: -1}}
		}, nonroot.OK, "says the same"},
		{"quiet", func(one *Proof, _ *observation) { one.Unseen = time.Hour }, nonroot.Note, "1h0m0s ago"},
		{"another UID is seen", func(_ *Proof, o *observation) { o.processes[0].uids, o.processes[1].uids = four(0), four(0) }, nonroot.Error, "UIDs are 0, and not 1000"},
		{"another GID is seen", func(_ *Proof, o *observation) { o.processes[0].gids, o.processes[1].gids = four(5), four(5) }, nonroot.Error, "GIDs are 5, and not 1000"},
		{"another group is seen", func(one *Proof, _ *observation) { one.Groups = nil }, nonroot.Error, "groups are 1000, and not none"},
		{"a capability is seen", func(_ *Proof, o *observation) {
			for i := range o.processes {
				o.processes[i].caps["bounding"] = 1 << 5
			}
		}, nonroot.Error, "the bounding set is KILL, and not none"},
		{"new privileges are seen", func(_ *Proof, o *observation) { o.processes[0].newPrivs, o.processes[1].newPrivs = 0, 0 }, nonroot.Error, "NoNewPrivs is 0"},
		{"no filter is seen", func(_ *Proof, o *observation) { o.processes[0].seccomp, o.processes[1].seccomp = 0, 0 }, nonroot.Error, "Seccomp is 0, and not 2"},
		{"a writable root is seen", func(_ *Proof, o *observation) { o.inspected.HostConfig.ReadonlyRootfs = false }, nonroot.Error, "it says true, and the engine false"},
		{"no process is seen", func(_ *Proof, o *observation) { o.processes = nil }, nonroot.Error, "no process"},
		{"it says what it must not be", func(one *Proof, _ *observation) { one.Problems = []string{"it runs as root"} }, nonroot.Error, "it runs as root"},
		{"another app user", func(one *Proof, o *observation) {
			one.UIDs, o.processes[0].uids, o.processes[1].uids = four(1001), four(1001), four(1001)
		}, nonroot.Error, "it runs as 1001:1000, and the app user is 1000:1000"},
		{"another folder", func(one *Proof, _ *observation) { one.Data = "other" }, nonroot.Error, `in the data folder "other", and this one is "ID"`},
		{"another project", func(one *Proof, _ *observation) { one.Project = "mall" }, nonroot.Error, "of the project mall"},
		{"no project", func(one *Proof, _ *observation) { one.Project = "" }, nonroot.OK, "says the same"},
	} {
		one := fitting()
		p, o := asked(Proofs{}, nil)
		c.change(&one, &o)
		p.Proofs = func() (Proofs, error) { return Proofs{Services: []string{"app"}, Data: "ID", Found: []Proof{one}}, nil }
		checks := proven(p, o).Services[0].Checks
		if len(checks) != 1 || checks[0].Check != SelfProof || checks[0].Level != c.level || !strings.Contains(checks[0].Detail, c.want) {
			t.Errorf("%s: %+v; want %s and %q", c.name, checks, c.level, c.want)
		}
	}
}

func TestAProofThatIsMissing(t *testing.T) {
	t.Parallel()
	expected := Proofs{Services: []string{"app"}}
	for _, c := range []struct {
		name   string
		proofs Proofs
		change func(*observation)
		want   int
	}{
		{"of a service that leaves one", expected, func(*observation) {}, 1},
		{"of another service", Proofs{}, func(*observation) {}, 0},
		{"of a container on which nobody counts", expected, func(o *observation) { o.container.oneOff = true }, 0},
		{"of a foreign container", expected, func(o *observation) { o.container.foreign = true }, 0},
		{"of a container that does not run", expected, func(o *observation) { o.steady = false }, 0},
	} {
		p, o := asked(c.proofs, nil)
		c.change(&o)
		checks := proven(p, o).Services[0].Checks
		if len(checks) != c.want || c.want > 0 && (checks[0].Level != nonroot.Error || checks[0].Remedy != ReadLogs) {
			t.Errorf("%s: %+v", c.name, checks)
		}
	}
	p, o := asked(expected, errors.New("no"))
	if r := proven(p, o); len(r.Data) != 1 || r.Data[0].Level != nonroot.Error {
		t.Errorf("proofs that cannot be read: %+v", r)
	}
	p.Proofs = nil
	if r := proven(p, o); len(r.Data)+len(r.Services[0].Checks)+len(r.Elsewhere) != 0 {
		t.Errorf("a project without proofs: %+v", r)
	}
}

func TestProofsOfOtherMachines(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(*Proof)
		level  nonroot.Level
		want   string
	}{
		{"right", func(*Proof) {}, nonroot.OK, `compose, project "shop", as 1000:1000, seen in the last minutes`},
		{"root", func(one *Proof) { one.Problems = []string{"it runs as root"} }, nonroot.Error, "it runs as root"},
		{"another folder", func(one *Proof) { one.Data = "other" }, nonroot.Error, `the data folder "other"`},
		{"another project", func(one *Proof) { one.Project = "mall" }, nonroot.Warning, `project "mall", as 1000:1000, seen in the last minutes: another project works on this data folder`},
		{"gone", func(one *Proof) { one.Unseen, one.Problems = 4*time.Minute, []string{"x"} }, nonroot.Note, "last seen 4m0s ago: its machine is cut off, or it was killed"},
	} {
		one := fitting()
		one.Host, one.Node = "other", "n2"
		c.change(&one)
		p, o := asked(Proofs{Data: "ID", Found: []Proof{fitting(), one}}, nil)
		r := proven(p, o)
		if len(r.Elsewhere) != 1 || r.Elsewhere[0].Node != "n2" || r.Elsewhere[0].Checks[0].Level != c.level || !strings.Contains(r.Elsewhere[0].Checks[0].Detail, c.want) {
			t.Errorf("%s: %+v; want %s and %q", c.name, r.Elsewhere, c.level, c.want)
		}
		r.count()
		if failed := r.Result == nonroot.Error; failed != (c.level == nonroot.Error) {
			t.Errorf("%s: result %s", c.name, r.Result)
		}
		if p.Service = "web"; len(proven(p, o).Elsewhere) != 0 {
			t.Errorf("%s: of another service than is asked for", c.name)
		}
	}
	p, o := asked(Proofs{Unusable: slices.Repeat([]string{"x: no"}, 5)}, nil)
	if r := proven(p, o); len(r.Data) != 1 || r.Data[0].Level != nonroot.Warning || r.Data[0].Detail != "cannot be used: x: no; x: no; x: no; and 2 more" {
		t.Errorf("what is no proof: %+v", r.Data)
	}
}

// What a proof says takes nothing away from what is seen.
func TestAProofExcusesNothing(t *testing.T) {
	t.Parallel()
	p, o := asked(Proofs{Services: []string{"app"}, Data: "ID", Found: []Proof{fitting()}}, nil)
	o.processes[1].uids = []int64{0, 0, 0, 0}
	r := Report{Services: []Service{{Service: "app", Checks: check(ours(), o, all())}}}
	before := slices.Clone(r.Services[0].Checks)
	p.proven(&r, []observation{o})
	if !slices.Equal(r.Services[0].Checks[:len(before)], before) || before[0].Level != nonroot.Error {
		t.Errorf("checks = %+v", r.Services[0].Checks)
	}
}

func TestClaims(t *testing.T) {
	t.Parallel()
	project := &types.Project{Name: "shop", Services: types.Services{"app": {Name: "app"}}}
	one := fitting()
	one.Problems = []string{"it runs as root"}
	o := Options{Proofs: func() (Proofs, error) {
		return Proofs{Services: []string{"app"}, Data: "ID", Found: []Proof{fitting(), one}}, nil
	}}
	r, err := Claims(project, o)
	if err != nil || r.Result != nonroot.Error || r.Failures != 1 || len(r.Elsewhere) != 2 || r.Services == nil || r.Control == nil {
		t.Errorf("Claims = %+v, %v", r, err)
	}
	var none *NotRunningError
	if _, err := Claims(project, Options{Proofs: func() (Proofs, error) { return Proofs{}, nil }}); !errors.As(err, &none) {
		t.Errorf("without a proof: %v", err)
	}
	if _, err := Claims(project, Options{}); !errors.As(err, &none) {
		t.Errorf("without proofs: %v", err)
	}
	var unknown *UnknownServiceError
	if _, err := Claims(project, Options{Service: "web", Proofs: o.Proofs}); !errors.As(err, &unknown) {
		t.Errorf("of no service: %v", err)
	}
}
