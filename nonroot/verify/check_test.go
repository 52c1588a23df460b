package verify

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/im2-audio/im2/internal/helper/probe"
	"github.com/im2-audio/im2/internal/policy"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/nonroot"
	"github.com/im2-audio/im2/nonroot/internal/capability"
)

// good is a process of the app user as the targets' own services have it.
func good() process {
	caps := map[string]capability.Set{"effective": 0, "permitted": 0, "inheritable": 0, "bounding": 0, "ambient": 0}
	ids := []int64{1000, 1000, 1000, 1000}
	return process{pid: "7", name: "app", uids: ids, gids: ids, groups: []int64{1000}, caps: caps, newPrivs: 1, seccomp: 2, umask: "0022"}
}

// locked is a container that has all that our own services have.
func locked() inspected {
	var i inspected
	i.Config.User = "1000:1000"
	i.HostConfig.CapDrop = []string{"ALL"}
	i.HostConfig.SecurityOpt = []string{"no-new-privileges:true"}
	i.HostConfig.ReadonlyRootfs = true
	i.HostConfig.NetworkMode, i.HostConfig.IpcMode = "none", "private"
	return i
}

func ours() want {
	return want{strict: true, known: true, uid: 1000, gid: 1000, asked: "1000:1000", toldUID: 1000, toldGID: 1000, data: true}
}

func others() want {
	return want{known: true, uid: 1000, gid: 1000, asked: "1000:1000", toldUID: 1000, toldGID: 1000}
}

const status = "Name:\tapp\nUmask:\t0022\nState:\tS (sleeping)\nPid:\t7\nUid:\t1000\t1000\t1000\t1000\nGid:\t1000\t1000\t1000\t1000\nGroups:\t1000 \n" +
	"CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapBnd:\t00000000a80425fb\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n"

// right is all that is to be seen of a container in which everything is right.
func right() observation {
	return observation{
		inspected: locked(), processes: []process{good(), good()}, by: ByHost, files: imageFiles{Image: "sha256:1"},
		sight: &probe.Sight{Self: status, Writes: []probe.Write{{Folder: "/", Reason: "read-only file system"}}},
	}
}

func all() surroundings { return surroundings{seccomp: true} }

func TestEverythingRightIsFound(t *testing.T) {
	t.Parallel()
	for _, f := range check(ours(), right(), all()) {
		if f.Level != nonroot.OK {
			t.Errorf("%s: %s: %s", f.Check, f.Level, f.Detail)
		}
	}
}

// TestJudge changes one thing at a time. own and other are what it is for our own services and
// for others.
func TestJudge(t *testing.T) { //nolint:funlen // a table of cases
	t.Parallel()
	second := func(change func(*process)) func(*observation) {
		return func(s *observation) { change(&s.processes[1]) }
	}
	for _, c := range []struct {
		name       string
		change     func(*observation)
		check      Check
		own, other nonroot.Level
		detail     string
	}{
		{"root", second(func(p *process) { p.uids = []int64{0, 0, 0, 0} }), Users, nonroot.Error, nonroot.Error, `process 7 ("app") is root`},
		{"saved UID of root", second(func(p *process) { p.uids = []int64{1000, 1000, 0, 1000} }), Users, nonroot.Error, nonroot.Error, "1000,1000,0,1000"},
		{"another user", second(func(p *process) { p.uids = []int64{1001, 1001, 1001, 1001} }), Users, nonroot.Error, nonroot.Error, "UIDs 1001, asked for was 1000:1000"},
		{"another group", second(func(p *process) { p.gids = []int64{1000, 50, 50, 50} }), Users, nonroot.Error, nonroot.Error, "GIDs 1000,50,50,50"},
		{"a UID of nobody", second(func(p *process) { p.uids = []int64{-1, -1, -1, -1} }), Users, nonroot.Error, nonroot.Error, "does not have"},
		{"one more group", second(func(p *process) { p.groups = []int64{1000, 27} }), Users, nonroot.Error, nonroot.OK, ""},
		{"root's group", second(func(p *process) { p.groups = []int64{1000, 0} }), Users, nonroot.Error, nonroot.Warning, "group 0"},
		{"no process", func(s *observation) { s.processes = nil }, Users, nonroot.Error, nonroot.Error, "no process was seen"},
		{"the engine's word", func(s *observation) { s.by, s.only = ByEngine, "far away" }, Users, nonroot.OK, nonroot.OK, "by the engine's word alone: far away"},
		{"unmapped", func(s *observation) {
			s.by = ByEngine
			s.processes = fromEngine([][]string{{"1", "101000", "101000"}}, true)
		}, Users, nonroot.Warning, nonroot.Warning, "userns-remapped"},
		{"remapped, and one behind the first is root of the machine", func(s *observation) {
			s.by = ByEngine
			s.processes = []process{{pid: "7", newPrivs: -1, seccomp: -1}, {pid: "8", uids: []int64{0}, gids: []int64{0}, newPrivs: -1, seccomp: -1}}
		}, Users, nonroot.Error, nonroot.Error, "process 8 is root"},
		{"remapped, and root of the machine", func(s *observation) {
			s.by = ByEngine
			s.processes = fromEngine([][]string{{"1", "0", "0"}}, true)
		}, Users, nonroot.Error, nonroot.Error, "is root"},

		{"an effective capability", second(func(p *process) { p.caps["effective"] = 1 }), Capabilities, nonroot.Error, nonroot.Error, "effective set: CHOWN"},
		{"a bounding capability", second(func(p *process) { p.caps["bounding"] = 1 << 21 }), Capabilities, nonroot.Error, nonroot.Error, "bounding set: SYS_ADMIN"},
		{"nothing dropped", func(s *observation) { s.inspected.HostConfig.CapDrop = nil }, Capabilities, nonroot.Error, nonroot.Warning, ""},
		{"added, not asked for", func(s *observation) { s.inspected.HostConfig.CapAdd = []string{"CAP_KILL"} }, Capabilities, nonroot.Error, nonroot.Error, "KILL was added"},
		{"capabilities by the engine alone", func(s *observation) { s.by = ByEngine }, Capabilities, nonroot.OK, nonroot.OK, "could not be seen"},

		{"privileges to be had, asked not to", second(func(p *process) { p.newPrivs = 0 }), NewPrivs, nonroot.Error, nonroot.Error, "a process goes without"},
		{"privileges to be had", func(s *observation) {
			s.inspected.HostConfig.SecurityOpt = nil
			s.processes[0].newPrivs = 0
		}, NewPrivs, nonroot.Error, nonroot.Warning, "not in force"},
		{"by the engine's default", func(s *observation) { s.inspected.HostConfig.SecurityOpt = nil }, NewPrivs, nonroot.OK, nonroot.OK, "in force"},
		{"asked not to have it", func(s *observation) {
			s.inspected.HostConfig.SecurityOpt = []string{"no-new-privileges:false"}
			s.processes[0].newPrivs = 0
		}, NewPrivs, nonroot.Error, nonroot.Warning, "not in force"},
		{"new privileges by configuration", func(s *observation) { s.by = ByEngine }, NewPrivs, nonroot.OK, nonroot.OK, "by the configuration"},

		{"not filtered", second(func(p *process) { p.seccomp = 0 }), Seccomp, nonroot.Error, nonroot.Error, "no option"},
		{"unconfined", func(s *observation) { s.inspected.HostConfig.SecurityOpt = []string{"seccomp=unconfined"} }, Seccomp, nonroot.Error, nonroot.Warning, "as was asked for"},
		{"unconfined, the old way", func(s *observation) { s.inspected.HostConfig.SecurityOpt = []string{"seccomp:unconfined"} }, Seccomp, nonroot.Error, nonroot.Warning, ""},
		{"filter not seen", second(func(p *process) { p.seccomp = -1 }), Seccomp, nonroot.OK, nonroot.OK, "could not be seen"},

		{"privileged", func(s *observation) { s.inspected.HostConfig.Privileged = true }, Privileged, nonroot.Error, nonroot.Error, ""},
		{"host's pid", func(s *observation) { s.inspected.HostConfig.PidMode = "host" }, Namespaces, nonroot.Error, nonroot.Error, "pid"},
		{"host's ipc and network", func(s *observation) {
			s.inspected.HostConfig.IpcMode, s.inspected.HostConfig.NetworkMode = "host", "host"
		}, Namespaces, nonroot.Error, nonroot.Error, "ipc, net"},
		{"host's uts", func(s *observation) { s.inspected.HostConfig.UTSMode = "host" }, Namespaces, nonroot.Error, nonroot.Error, "uts"},
		{"host's userns without effect", func(s *observation) { s.inspected.HostConfig.UsernsMode = "host" }, Namespaces, nonroot.Warning, nonroot.Warning, "no effect"},
		{"socket", func(s *observation) {
			s.inspected.Mounts = []mounted{{Type: "bind", Source: "/var/run/docker.sock", Destination: "/s"}}
		}, EngineSocket, nonroot.Error, nonroot.Error, "/s"},
		{"a device", func(s *observation) { s.inspected.HostConfig.DeviceCgroupRules = []string{"c 1:3 r"} }, Devices, nonroot.Error, nonroot.Warning, ""},
		{"a disk", func(s *observation) {
			s.inspected.HostConfig.Devices = []struct{ PathOnHost, PathInContainer string }{{PathOnHost: "/dev/sda"}}
		}, Devices, nonroot.Error, nonroot.Error, "/dev/sda"},
		{"a rule for disks", func(s *observation) { s.inspected.HostConfig.DeviceCgroupRules = []string{"b 8:* rmw"} }, Devices, nonroot.Error, nonroot.Error, "b 8"},
		{"writable root", func(s *observation) { s.inspected.HostConfig.ReadonlyRootfs = false }, ReadOnlyRoot, nonroot.Error, nonroot.Warning, ""},

		{"exec is root", func(s *observation) { s.sight.Self = strings.ReplaceAll(status, "1000\t1000", "0\t0") }, ExecUser, nonroot.Error, nonroot.Error, "root"},
		{"exec is another", func(s *observation) { s.sight.Self = strings.ReplaceAll(status, "1000\t1000", "7\t7") }, ExecUser, nonroot.Error, nonroot.Error, "7:7"},
		{"exec by configuration", func(s *observation) { s.sight = nil }, ExecUser, nonroot.OK, nonroot.OK, "1000:1000"},
		{"exec by the image's id", func(s *observation) { s.sight, s.imageUID = nil, "0" }, ExecUser, nonroot.Error, nonroot.Error, "root"},

		{"a write", func(s *observation) { s.sight.Writes = append(s.sight.Writes, probe.Write{Folder: "/etc", Made: true}) }, SystemWrites, nonroot.Error, nonroot.Error, "/etc"},
		{"a write that a full disk prevented", func(s *observation) {
			s.sight.Writes = append(s.sight.Writes, probe.Write{Folder: "/etc", Reason: "no space left on device", Unclear: true})
		}, SystemWrites, nonroot.Warning, nonroot.Warning, "no space left"},
		{"no write tried, read-only", func(s *observation) { s.sight = nil }, SystemWrites, nonroot.OK, nonroot.OK, "not tried"},
		{"no write tried", func(s *observation) { s.sight, s.inspected.HostConfig.ReadonlyRootfs = nil, false }, SystemWrites, nonroot.Warning, nonroot.Warning, "not tried"},
		{"no write tried, mounted", func(s *observation) {
			s.sight = nil
			s.inspected.Mounts = []mounted{{Type: "volume", Destination: "/etc", RW: true}}
		}, SystemWrites, nonroot.Error, nonroot.Error, "mounted writable"},
	} {
		for _, held := range []struct {
			to    want
			level nonroot.Level
		}{{ours(), c.own}, {others(), c.other}} {
			s := right()
			c.change(&s)
			f := pick(t, check(held.to, s, all()), c.check)
			if f.Level != held.level || !strings.Contains(f.Detail, c.detail) {
				t.Errorf("%s, strict %v: %s (%s), want %s with %q", c.name, held.to.strict, f.Level, f.Detail, held.level, c.detail)
			}
		}
	}
}

func pick(t *testing.T, all []Finding, check Check) Finding {
	t.Helper()
	for _, f := range all {
		if f.Check == check {
			return f
		}
	}
	t.Fatalf("no finding about %s", check)
	return Finding{}
}

func TestCapabilitiesThatTheComposeFileAsksFor(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		want want
		add  []string
		caps capability.Set
		is   nonroot.Level
	}{
		{"exactly that", want{strict: true, known: true, capAdd: []string{"NET_BIND_SERVICE"}}, []string{"NET_BIND_SERVICE"}, 1 << 10, nonroot.OK},
		{"more than that", want{strict: true, known: true, capAdd: []string{"NET_BIND_SERVICE"}}, []string{"NET_BIND_SERVICE"}, 3 << 10, nonroot.Error},
		{"as good as root", want{known: true, capAdd: []string{"SYS_ADMIN"}}, []string{"CAP_SYS_ADMIN"}, 1 << 21, nonroot.Error},
		{"everything", want{known: true, capAdd: []string{"ALL"}}, []string{"ALL"}, 0, nonroot.Error},
	} {
		s := right()
		s.inspected.HostConfig.CapAdd = c.add
		s.processes[0].caps["bounding"] = c.caps
		if f := checkCapabilities(c.want, s); f.Level != c.is {
			t.Errorf("%s: %s (%s), want %s", c.name, f.Level, f.Detail, c.is)
		}
	}
}

// TestTheAuditSaysTheSame: for each capability, a service that adds it is refused by the audit if and
// only if its container is refused here, whichever set of its process holds it.
func TestTheAuditSaysTheSame(t *testing.T) {
	t.Parallel()
	for i, c := range capability.Known() {
		refused := audited(t, c.Name)
		for _, sets := range [][]string{nil, {"bounding"}, {"bounding", "inheritable"}, {"bounding", "permitted", "effective"}, {"bounding", "permitted", "inheritable", "ambient"}} {
			for _, strict := range []bool{true, false} {
				s := right()
				s.inspected.HostConfig.CapAdd = []string{"CAP_" + c.Name}
				for _, set := range sets {
					s.processes[1].caps[set] = 1 << i
				}
				f := checkCapabilities(want{strict: strict, known: true, capAdd: []string{c.Name}, capDrop: []string{"ALL"}}, s)
				if (f.Level == nonroot.Error) != refused {
					t.Errorf("%s in %q, strict %v: verify says %s (%s), and audit refuses it: %v", c.Name, sets, strict, f.Level, f.Detail, refused)
				}
			}
		}
		// By the engine's default alone, it is refused where a process holds it.
		s := right()
		s.inspected.HostConfig.CapDrop = nil
		s.processes[0].caps["effective"] = 1 << i & capability.Asked(nil, nil, false)
		f := checkCapabilities(others(), s)
		if holds := s.processes[0].caps["effective"].ToRoot() != 0; (f.Level == nonroot.Error) != holds {
			t.Errorf("%s by default: %s (%s), want a failure: %v", c.Name, f.Level, f.Detail, holds)
		}
	}
}

// audited reports whether the audit refuses a service for a capability that it adds.
func audited(t *testing.T, name string) bool {
	t.Helper()
	dir := t.TempDir()
	text := "x-im2: {data: ./data}\nservices: {web: {image: web, user: \"1000:1000\", cap_drop: [ALL], cap_add: [" + name + "]}}\n"
	for file, text := range map[string]string{"docker-compose.yml": text, ".env": "APP_USER_ID=1000\nAPP_GROUP_ID=1000\n"} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p, problems, err := project.Examine(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	report, err := nonroot.Audit(t.Context(), p.Compose, policy.Audit(p, problems))
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(report.Findings, func(f nonroot.Finding) bool { return f.Rule == "C04" })
	if i >= 0 && (report.Findings[i].Level != nonroot.Error || !strings.Contains(report.Findings[i].Message, capability.Of(name).String())) {
		t.Errorf("%s: %+v", name, report.Findings[i])
	}
	return i >= 0
}

// A container that is older than its Compose file is held to the file.
func TestWhatTheComposeFileAsksForNow(t *testing.T) {
	t.Parallel()
	p := newProver(&types.Project{Services: types.Services{"db": {ContainerSpec: types.ContainerSpec{
		User: "1001:1001", CapDrop: []string{"ALL"}, SecurityOpt: []string{"no-new-privileges"}, ReadOnly: true,
	}}}}, Options{})
	old := right()
	old.inspected.HostConfig.CapDrop, old.inspected.HostConfig.SecurityOpt, old.inspected.HostConfig.ReadonlyRootfs = nil, nil, false
	for i := range old.processes {
		old.processes[i].newPrivs = 0
	}
	w := p.wants("db", old.inspected.Config.User, nil, imageFiles{})
	for _, name := range []Check{Users, Capabilities, NewPrivs, ReadOnlyRoot, ExecUser} {
		if f := pick(t, check(w, old, all()), name); f.Level != nonroot.Error {
			t.Errorf("%s: %s (%s); want a failure", name, f.Level, f.Detail)
		}
	}
}

func TestSetuidFilesAreWeighed(t *testing.T) {
	t.Parallel()
	some := imageFiles{Image: "x", Setuid: []string{"/usr/bin/su (user 0)"}}
	free := right()
	free.processes[0].newPrivs = 0
	for _, c := range []struct {
		name  string
		seen  observation
		files imageFiles
		is    nonroot.Level
	}{
		{"none", right(), imageFiles{Image: "x"}, nonroot.OK},
		{"without effect", right(), some, nonroot.Note},
		{"with effect", free, some, nonroot.Error},
		{"not looked at", right(), imageFiles{Why: "gone"}, nonroot.Warning},
	} {
		c.seen.files = c.files
		if f := checkSetuid(c.seen); f.Level != c.is {
			t.Errorf("%s: %s (%s), want %s", c.name, f.Level, f.Detail, c.is)
		}
	}
}

func TestUmask(t *testing.T) {
	t.Parallel()
	for mask, level := range map[string]nonroot.Level{"0022": nonroot.OK, "0077": nonroot.Error, "0000": nonroot.Error, "": nonroot.Warning} {
		s := right()
		s.processes[0].umask, s.processes[1].umask = mask, mask
		if f := checkUmask(s); f.Level != level {
			t.Errorf("%q: %s (%s), want %s", mask, f.Level, f.Detail, level)
		}
	}
	s := right() // the init program's is not the service's
	s.processes[1].umask = "0077"
	if f := checkUmask(s); f.Level != nonroot.Error || s.umask() != "0077" {
		t.Errorf("one of two: %s (%s)", f.Level, f.Detail)
	}

	// A health check has the umask of containerd, which is 0000 where dockerd 29 started that.
	for _, by := range []Way{ByHost, ByContainer} {
		s = right()
		s.by, s.inspected.State.Pid = by, 70
		first, engine := "1", "0"
		if by == ByHost {
			first, engine = "70", "60"
		}
		s.processes[0].pid, s.processes[0].parent = first, engine
		s.processes[1].pid, s.processes[1].parent = "71", first
		health := s.processes[1]
		health.pid, health.parent, health.umask = "72", engine, "0000"
		sleep := health
		sleep.pid, sleep.parent = "73", "72"
		s.processes = append(s.processes, health, sleep)
		if f := checkUmask(s); f.Level != nonroot.OK {
			t.Errorf("%s, a health check: %s (%s)", by, f.Level, f.Detail)
		}
		s.processes[2].parent = "71"
		if f := checkUmask(s); f.Level != nonroot.Error {
			t.Errorf("%s, what the service started: %s (%s)", by, f.Level, f.Detail)
		}
		s.processes[0].umask, s.processes[2].umask = "0000", "0022"
		if f := checkUmask(s); f.Level != nonroot.Error {
			t.Errorf("%s, the first process: %s (%s)", by, f.Level, f.Detail)
		}
	}
}

func TestCanary(t *testing.T) {
	t.Parallel()
	part := func(owner string, mode fs.FileMode, err error) []canaryPart {
		return []canaryPart{{what: "file", owner: "1000:1000", mode: 0o644, right: 0o644}, {what: "folder", owner: owner, mode: mode, right: 0o755, err: err}}
	}
	for _, c := range []struct {
		name  string
		parts []canaryPart
		local bool
		is    nonroot.Level
	}{
		{"right", part("1000:1000", 0o755, nil), true, nonroot.OK},
		{"another owner", part("0:0", 0o755, nil), true, nonroot.Error},
		{"another owner, translated", part("501:20", 0o755, nil), false, nonroot.Warning},
		{"another mode", part("1000:1000", 0o700, nil), true, nonroot.Error},
		{"another mode, far away", part("1000:1000", 0o700, nil), false, nonroot.Error},
		{"not there", part("", 0, fs.ErrNotExist), true, nonroot.Error},
		{"not here", part("", 0, fs.ErrNotExist), false, nonroot.Warning},
		{"closed", part("", 0, errors.New("closed")), false, nonroot.Error},
		{"a system without owners", part("", 0o755, nil), false, nonroot.Warning},
	} {
		if f := checkCanary("1000:1000", c.parts, c.local); f.Level != c.is {
			t.Errorf("%s: %s (%s), want %s", c.name, f.Level, f.Detail, c.is)
		}
	}
}
