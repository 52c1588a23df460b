package doctor

import (
	"errors"
	"io/fs"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/docker/stack"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/machine/doctor/probe"
	"github.com/im2-audio/im2/ownership"
)

// expect fails unless an answer has this level, its texts, and a cure where it needs one.
func expect(t *testing.T, name string, a answer, level Result, parts ...string) {
	t.Helper()
	text := strings.Join(append([]string{a.detail}, a.more...), " ") + " fix: " + a.fix
	if a.level != level {
		t.Errorf("%s: %s, want %s: %s", name, a.level, level, text)
	}
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%s: %q is not in: %s", name, part, text)
		}
	}
	if (a.level == OK) != (a.fix == "") {
		t.Errorf("%s: %s with the fix %q", name, a.level, a.fix)
	}
}

func TestAssessMemory(t *testing.T) {
	t.Parallel()
	const gib = 1 << 30
	need := stack.Need{Service: "demucs", Memory: 6 * gib}
	for _, c := range []struct {
		total   int64
		workers int
		level   Result
		part    string
	}{
		{24 * gib, 1, OK, "room for 4"},
		{24 * gib, 4, OK, "4 demucs workers"},
		{24*gib - 1, 4, Fail, "mage up -replicas=3"},
		{8 * gib, 1, OK, "1 demucs worker,"},
		{8*gib - 1, 1, Warn, "give the engine's machine 8.0 GiB"},
		{6 * gib, 1, Warn, "may use 8.0 GiB (mem_limit), and be killed"},
		{6*gib - 1, 1, Fail, "give the engine's machine 6.0 GiB"},
	} {
		expect(t, size(c.total), assessMemory(engine.Capacity{Memory: c.total}, need, 8*gib, 5*gib, c.workers), c.level, c.part)
	}
	expect(t, "no limit", assessMemory(engine.Capacity{Memory: 6 * gib}, need, 0, 5*gib, 1), OK, "room for 1")
	expect(t, "a limit below the peak", assessMemory(engine.Capacity{Memory: 6 * gib}, need, 4*gib, 5*gib, 1), Fail,
		"it may use 4.0 GiB (mem_limit), and a separation takes 5.0 GiB, so it takes no song fix: raise mem_limit of")
}

func TestAssessFolders(t *testing.T) {
	t.Parallel()
	app := &ownership.Owner{UID: 1000, GID: 1000}
	right := folder{path: "data", isDir: true, owner: app, mode: 0o755}
	with := func(change func(*folder)) folder {
		f := right
		f.path = "data/in"
		change(&f)
		return f
	}
	missing := with(func(f *folder) { f.err = &fs.PathError{Op: "lstat", Path: "/x", Err: fs.ErrNotExist} })
	wrong := with(func(f *folder) { f.owner = &ownership.Owner{UID: 0, GID: 1000} })
	for name, c := range map[string]struct {
		seen  []folder
		want  *ownership.Owner
		level Result
		part  string
	}{
		"all right":      {[]folder{right, right}, app, OK, "2 folders of 1000:1000, mode 755"},
		"owner":          {[]folder{right, wrong}, app, Fail, "data/in belongs to 0:1000, not 1000:1000 fix: mage reset-permissions"},
		"three owners":   {[]folder{wrong, wrong, wrong}, app, Fail, "and 1 more"},
		"mode":           {[]folder{right, with(func(f *folder) { f.mode = 0o777 })}, app, Warn, "data/in has mode 777, not 755"},
		"missing":        {[]folder{right, missing}, app, Warn, "1 folder missing: data/in"},
		"cloned":         {[]folder{wrong, missing, missing}, app, Warn, "the other 2 folders missing"},
		"a file":         {[]folder{right, with(func(f *folder) { f.isDir = false })}, app, Fail, "is not a folder"},
		"closed":         {[]folder{right, with(func(f *folder) { f.err = &fs.PathError{Err: fs.ErrPermission} })}, app, Fail, "data/in: permission denied"},
		"owner is shown": {[]folder{wrong}, nil, OK, "1 folder there"},
	} {
		if runtime.GOOS == "windows" && name == "mode" {
			continue
		}
		expect(t, name, assessFolders(c.seen, c.want), c.level, c.part)
	}
}

func TestAssessRoom(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		room  room
		level Result
		part  string
	}{
		{room{"data", "ext4", 10 * gigabyte, 1e6, true}, OK, "10 GB free on ext4"},
		{room{"data", "ext4", 2 * gigabyte, 1e6, true}, Warn, "good to have: 5.0 GB"},
		{room{"data", "ext4", gigabyte - 1, 1e6, true}, Fail, "needed: 1.0 GB"},
		{room{"data", "ext4", 10 * gigabyte, 9, true}, Fail, "only 9 more files"},
		{room{"data", "btrfs", 10 * gigabyte, 0, false}, OK, "btrfs"},
		{room{"data", "tmpfs", 10 * gigabyte, 1e6, true}, Warn, "empty after a restart"},
		{room{"data", "9p", 10 * gigabyte, 0, false}, Warn, "may not keep owners"},
	} {
		expect(t, c.room.kind, assessRoom(c.room, gigabyte, 5*gigabyte, "make room"), c.level, c.part)
	}
	expect(t, "both", worse(ok("a"), failed("fix", "b")), Fail, "a; b", "fix: fix")
	expect(t, "the first", worse(warned("fix a", "a"), warned("fix b", "b")), Warn, "a; b", "fix: fix a")
}

func TestAssessClocks(t *testing.T) {
	t.Parallel()
	off := func(d time.Duration) *offset { return &offset{d} }
	expect(t, "agree", assessClocks([]clock{{"a", off(time.Second), "m"}, {"b", off(-time.Second), "m"}, {"c", nil, "m"}}), OK, ": a, b; not asked: c")
	expect(t, "off", assessClocks([]clock{{"a", off(0), "m"}, {"b", off(-3 * time.Second), "mb"}}), Warn, "b: 3s behind", "fix: mb")
	expect(t, "wrong", assessClocks([]clock{{"a", off(3 * time.Second), "ma"}, {"b", off(time.Hour), "mb"}}), Fail, "b: 1h0m0s ahead", "fix: mb")
	expect(t, "wrong first", assessClocks([]clock{{"b", off(time.Hour), "mb"}, {"a", off(3 * time.Second), "ma"}}), Fail, "fix: mb")
	expect(t, "none", assessClocks([]clock{{"a", nil, "m"}}), OK, "nothing to compare")
}

func TestOffsetIsOnlyWhatTheQuestionDoesNotExplain(t *testing.T) {
	t.Parallel()
	before := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	after := before.Add(3 * time.Second)
	for at, want := range map[time.Duration]time.Duration{0: 0, time.Second: 0, 3 * time.Second: 0, 5 * time.Second: 2 * time.Second, -time.Second: -time.Second} {
		if got := offsetOf(before.Add(at), before, after).by; got != want {
			t.Errorf("at %s: %s, want %s", at, got, want)
		}
	}
}

func TestAssessHanded(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("elsewhere every engine is in a virtual machine")
	}
	asked := ownership.Owner{UID: 1000, GID: 1000}
	const plain, rootless = "0 0 4294967295\n", "0 500 1\n1 100000 65536\n"
	give := func(table string, here, inContainer uint32) handed {
		return handed{
			sight: probe.Sight{UIDMap: table, GIDMap: table, Host: &probe.File{Owner: ownership.Owner{UID: inContainer, GID: inContainer}}, Made: &probe.File{Owner: asked}},
			own:   probe.File{Owner: ownership.Owner{UID: 500, GID: 500}}, made: probe.File{Owner: ownership.Owner{UID: here, GID: here}},
		}
	}
	mapped := engine.Server{SecurityOptions: []string{"name=rootless"}}
	expect(t, "plain", assessHanded(give(plain, 1000, 500), asked, engine.Server{}, "/d"), OK, "a file of 1000:1000 in containers belongs to 1000:1000 here fix: ")
	expect(t, "rootless", assessHanded(give(rootless, 100999, 0), asked, mapped, "/d"), OK,
		"belongs to 100999:100999 here: the engine is rootless (UIDs 0-0 are 500-500, 1-65536 are 100000-165535)", "a file of 500:500 here belongs to 0:0 in containers")
	expect(t, "rootless, otherwise", assessHanded(give(rootless, 4, 0), asked, mapped, "/d"), Fail, "not to 100999:100999")
	expect(t, "nobody", assessHanded(give(plain, 65534, 500), asked, engine.Server{}, "/d"), Fail, "65534:65534 here, not to 1000:1000", "a file system with owners")
	expect(t, "desktop", assessHanded(give(plain, 500, 1000), asked, engine.Server{OperatingSystem: "Docker Desktop"}, "/d"), OK, "virtual machine")
	denied := give(plain, 0, 0)
	denied.sight.Made, denied.sight.Denied = nil, "open /mnt/container: permission denied"
	expect(t, "denied", assessHanded(denied, asked, engine.Server{}, "/d"), Fail, "permission denied")
}

func TestAssessBase(t *testing.T) {
	t.Parallel()
	expect(t, "itself", assessBase("debian:trixie", "debian:trixie", "docker-container"), OK, "debian:trixie is available")
	expect(t, "stand-in", assessBase("debian:trixie", "im2/base:trixie", "docker"), OK, "in place of debian:trixie")
	expect(t, "unseen", assessBase("debian:trixie", "im2/base:trixie", "docker-container"), Fail, "docker buildx use default")
}

func TestPlugin(t *testing.T) {
	t.Parallel()
	a, fine := plugin("Docker Buildx", engine.Plugin{}, "0.17.0")
	expect(t, "none", a, Fail, "Docker Buildx is missing; needed: 0.17.0", "fix: mage setup")
	b, old := plugin("Docker Buildx", engine.Plugin{Version: "v0.9.1"}, "0.17.0")
	expect(t, "old", b, Fail, "v0.9.1 is too old", "fix: mage setup")
	c, good := plugin("Docker Buildx", engine.Plugin{Version: "v0.37.2"}, "0.17.0")
	expect(t, "good", c, OK, "v0.37.2")
	if fine || old || !good {
		t.Errorf("%v %v %v", fine, old, good)
	}
}

func TestComplaint(t *testing.T) {
	t.Parallel()
	failed := errors.New("exit status 1")
	for out, want := range map[string]string{
		"#1 x\n#5 0.3 im2-doctor: it has the digest a,\tnot b\nERROR: failed to solve\n": "it has the digest a, not b",
		"#1 x\nERROR: failed to solve: no space left\n":                                  "failed to solve: no space left",
		"": "exit status 1",
	} {
		if got := complaint([]byte(out), failed); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	for text, want := range map[string]string{"x: no space left on device": "docker builder prune", "on network bridge: y": hungEngine, "z": "docker buildx inspect --bootstrap"} {
		if got := fixBuild(text); got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
	missing := exit.Fixable(exit.Missing, exit.Fix{Type: "mage setup", Note: "installs it"}, "it is\nmissing")
	if got := cause(missing); got != "it is missing" {
		t.Errorf("got %q", got)
	}
	if got := field([]byte("Name:  x\nDriver:   docker\n"), "Driver:"); got != "docker" {
		t.Errorf("got %q", got)
	}
}
