package proof

import (
	"encoding/json"
	"strings"
	"testing"
)

// right is the status of a process of a hardened container, as Linux 6 writes it.
const right = `Name:	watcher
Umask:	0022
State:	R (running)
Tgid:	7
Pid:	7
PPid:	1
Uid:	1000	1000	1000	1000
Gid:	1000	1000	1000	1000
FDSize:	64
Groups:	1000 
NStgid:	7
Threads:	5
SigQ:	0/15424
CapInh:	0000000000000000
CapPrm:	0000000000000000
CapEff:	0000000000000000
CapBnd:	0000000000000000
CapAmb:	0000000000000000
NoNewPrivs:	1
Seccomp:	2
Seccomp_filters:	1
Speculation_Store_Bypass:	thread vulnerable
`

// with is the right status with a field that has another value.
func with(t *testing.T, name, value string) string {
	t.Helper()
	before, rest, ok := strings.Cut(right, "\n"+name+":\t")
	_, after, _ := strings.Cut(rest, "\n")
	if !ok {
		t.Fatalf("there is no field %s", name)
	}
	return before + "\n" + name + ":\t" + value + "\n" + after
}

func TestEachRightThatIsTooMuchIsRefused(t *testing.T) {
	t.Parallel()
	const zero, kill = "0000000000000000", "0000000000000020"
	for _, c := range []struct{ field, value, what, fix string }{
		{"Uid", "0\t1000\t1000\t1000", "runs as root: its real, effective, saved and file system UIDs are 0 1000 1000 1000", "a user other than 0"},
		{"Uid", "1000\t0\t1000\t1000", "UIDs are 1000 0 1000 1000", "a user other than 0"},
		{"Uid", "1000\t1000\t0\t1000", "UIDs are 1000 1000 0 1000", "a user other than 0"},
		{"Uid", "1000\t1000\t1000\t0", "UIDs are 1000 1000 1000 0", "a user other than 0"},
		{"Gid", "0\t1000\t1000\t1000", "runs in root's group: its real, effective, saved and file system GIDs are 0 1000 1000 1000", "a group other than 0"},
		{"Gid", "1000\t0\t1000\t1000", "GIDs are 1000 0 1000 1000", "a group other than 0"},
		{"Gid", "1000\t1000\t0\t1000", "GIDs are 1000 1000 0 1000", "a group other than 0"},
		{"Gid", "1000\t1000\t1000\t0", "GIDs are 1000 1000 1000 0", "a group other than 0"},
		{"Groups", "1000 0 ", "its supplementary groups are 1000 0", "no group 0 in group_add"},
		{"CapEff", kill, "it has capabilities (CapEff " + kill + ")", "cap_drop: [ALL]"},
		{"CapPrm", kill, "it can give itself capabilities (CapPrm " + kill + ")", "cap_drop: [ALL]"},
		{"CapInh", kill, "files can give it capabilities (CapInh " + kill + ")", "cap_drop: [ALL]"},
		{"CapBnd", kill, "not all capabilities were dropped (CapBnd " + kill + ")", "cap_drop: [ALL]"},
		{"CapAmb", kill, "programs that it starts have capabilities (CapAmb " + kill + ")", "cap_drop: [ALL]"},
		{"CapBnd", "8000000000000000", "CapBnd 8000000000000000", "cap_drop: [ALL]"},
		{"NoNewPrivs", "0", "NoNewPrivs 0", `security_opt: ["no-new-privileges:true"]`},
	} {
		r, err := parseStatus(with(t, c.field, c.value))
		if err != nil {
			t.Errorf("%s %s: %v", c.field, c.value, err)
		}
		r.ReadOnlyRoot = true
		if n := len(r.Problems()); n != 1 {
			t.Errorf("%s %s: %d problems; want 1", c.field, c.value, n)
		}
		err = r.Check(Compose)
		if err == nil || !strings.Contains(err.Error(), c.what) || !strings.Contains(err.Error(), "; fix: set "+c.fix) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s %s: %v; want %q and the fix %q, in one line", c.field, c.value, err, c.what, c.fix)
		}
		if _, err := parseStatus(with(t, c.field, "x"+zero)); err == nil {
			t.Errorf("%s that is no number was read", c.field)
		}
	}
	r, err := parseStatus(right)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Check(Compose); err == nil || !strings.Contains(err.Error(), "its root file system is not mounted read-only; fix: set read_only: true") {
		t.Errorf("with a writable root: %v", err)
	}
	r.ReadOnlyRoot = true
	if err := r.Check(Compose); err != nil {
		t.Errorf("nothing is wrong with it: %v", err)
	}
	if r.Seccomp != 2 || len(r.Groups) != 1 {
		t.Errorf("rights = %+v", r)
	}
}

// What the kernel does not say is not taken for good.
func TestAStatusWithoutAFieldIsAnError(t *testing.T) {
	t.Parallel()
	for _, name := range strings.Fields("Uid Gid Groups CapInh CapPrm CapEff CapBnd CapAmb NoNewPrivs Seccomp") {
		text := strings.Replace(right, "\n"+name+":", "\nx"+name+":", 1)
		if _, err := parseStatus(text); err == nil || !strings.Contains(err.Error(), "the kernel does not say "+name) {
			t.Errorf("without %s: %v", name, err)
		}
	}
	for _, text := range []string{with(t, "Uid", "1000"), with(t, "Gid", "1000 1000 1000 1000 1000")} {
		if _, err := parseStatus(text); err == nil || !strings.Contains(err.Error(), "four IDs") {
			t.Errorf("with other than four IDs: %v", err)
		}
	}
	if r, err := parseStatus(with(t, "Groups", "")); err != nil || len(r.Groups) != 0 {
		t.Errorf("without groups: %v, %v", r.Groups, err)
	}
}

// all is more than root can have: each thing that is wrong is said, and each fix once.
func TestEverythingThatIsWrongIsSaid(t *testing.T) {
	t.Parallel()
	r := Rights{Groups: []int64{0}, Effective: 1, Permitted: 1, Inheritable: 1, Bounding: 1, Ambient: 1}
	err := r.Check(Compose)
	if n := len(r.Problems()); n != 10 || err == nil || strings.Count(err.Error(), "cap_drop") != 1 {
		t.Errorf("%d problems: %v", n, err)
	}
}

func TestParseRefusesWhatIsNoProof(t *testing.T) {
	t.Parallel()
	whole, err := json.Marshal(sample("watcher", "c0ffee"))
	if err != nil {
		t.Fatal(err)
	}
	if p, err := parse(whole); err != nil || p.Host != "c0ffee" || p.Rights.Check(Compose) != nil {
		t.Errorf("parse = %+v, %v", p, err)
	}
	for name, text := range map[string]string{
		"empty":           "",
		"no JSON":         "watcher",
		"more behind it":  string(whole) + "{}",
		"unknown field":   strings.Replace(string(whole), "{", `{"x":1,`, 1),
		"another version": strings.Replace(string(whole), `"version":1`, `"version":2`, 1),
		"no service":      strings.Replace(string(whole), `"watcher"`, `""`, 1),
		"a path":          strings.Replace(string(whole), `"watcher"`, `"../x"`, 1),
		"no host":         strings.Replace(string(whole), `"c0ffee"`, `""`, 1),
		"a long text":     strings.Replace(string(whole), `"im2"`, `"`+strings.Repeat("x", 600)+`"`, 1),
		"no set":          strings.Replace(string(whole), `"effective":"`, `"effective":"x`, 1),
		"null":            "null",
	} {
		if name != "empty" && text == string(whole) {
			t.Errorf("%s: nothing was changed", name)
		}
		if p, err := parse([]byte(text)); err == nil {
			t.Errorf("%s: parse = %+v", name, p)
		}
	}
	// IDs that are not there are root's.
	p, err := parse([]byte(strings.Replace(string(whole), `"uids":[1000,1000,1000,1000]`, `"uids":[1000]`, 1)))
	if err != nil || p.Rights.Check(Compose) == nil {
		t.Errorf("a proof with one UID: %+v, %v", p, err)
	}
}

func TestNewReadsTheEnvironment(t *testing.T) {
	t.Parallel()
	env := map[string]string{ProjectVariable: "p", NodeVariable: "n", ImageVariable: strings.Repeat("ü", 600)}
	get := func(name string) string { return env[name] }
	p := New("watcher", "v1", "h", "id", Rights{}, get)
	if p.Engine != "compose" || p.Project != "p" || p.Node != "n" || len(p.Image) > mostText || p.Data != "id" || p.Version != Version {
		t.Errorf("New = %+v", p)
	}
	env["KUBERNETES_SERVICE_HOST"] = "10.0.0.1"
	if p := New("watcher", "v1", "h", "id", Rights{}, get); p.Engine != "kubernetes" {
		t.Errorf("engine = %q in a pod", p.Engine)
	}
	env[EngineVariable] = "nomad"
	if p := New("watcher", "v1", "h", "id", Rights{}, get); p.Engine != "nomad" {
		t.Errorf("engine = %q where it is named", p.Engine)
	}
}

// sample is the proof of a hardened container.
func sample(service, host string) Proof {
	rights, _ := parseStatus(right)
	rights.ReadOnlyRoot = true
	return New(service, "v1", host, "", rights, func(name string) string { return map[string]string{ProjectVariable: "im2"}[name] })
}

// In a pod, no cure starts containers beside the cluster's.
func TestTheCureIsOneForTheEngine(t *testing.T) {
	t.Parallel()
	for engine, want := range map[string]string{Compose: `"mage up"`, Kubernetes: `"mage cluster-up"`} {
		_, noID := CheckID(t.TempDir(), "AAAABBBBCCCCDDDD", engine)
		for _, err := range []error{Rights{}.Check(engine), noID} {
			if err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), "mage restart", "mage up"), want) {
				t.Errorf("%s: %v", engine, err)
			}
		}
	}
	none := func(string) string { return "" }
	pod := func(name string) string { return map[string]string{"KUBERNETES_SERVICE_HOST": "10.0.0.1"}[name] }
	if Engine(none) != Compose || Engine(pod) != Kubernetes {
		t.Errorf("Engine = %q and %q", Engine(none), Engine(pod))
	}
}
