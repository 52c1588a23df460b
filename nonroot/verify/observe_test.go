package verify

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/im2-audio/im2/nonroot"
	"github.com/im2-audio/im2/ownership"
)

// noServices is a Compose file without any.
func noServices() *types.Project { return &types.Project{Name: "x"} }

// proc makes a folder like /proc with one process.
func proc(t *testing.T, folder, pid string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(folder, pid, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, pid, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheKernelsWord(t *testing.T) {
	t.Parallel()
	const everybody = "0 0 4294967295\n"
	ours := map[string]string{"status": status, "cgroup": "0::/docker/abc\n", "uid_map": everybody, "gid_map": everybody}
	with := func(name, text string) map[string]string {
		changed := map[string]string{name: text}
		for n, old := range ours {
			if n != name {
				changed[n] = old
			}
		}
		return changed
	}
	root := strings.ReplaceAll(status, "1000\t1000", "0\t0")
	zombie := strings.Replace(status, "S (sl", "Z (zo", 1)
	renamed := with("uid_map", "1000 0 1\n")
	renamed["status"] = root
	headless := with("status", zombie)
	headless["task/7/status"], headless["task/9/status"] = zombie, root
	remapped := with("uid_map", "0 100000 65536\n")
	remapped["status"] = strings.ReplaceAll(status, "Uid:\t1000\t1000\t1000\t1000", "Uid:\t100000\t100000\t100000\t100000")
	for _, c := range []struct {
		name      string
		processes map[string]map[string]string
		uids      []int64 // the effective ones
		why       string
	}{
		{"two", map[string]map[string]string{"7": ours, "8": ours}, []int64{1000, 1000}, ""},
		{"one has ended", map[string]map[string]string{"7": ours}, []int64{1000}, ""},
		{"one is a zombie", map[string]map[string]string{"7": ours, "8": with("status", zombie)}, []int64{1000}, ""},
		{"a thread stayed root", map[string]map[string]string{"7": with("task/9/status", root)}, []int64{1000, 0}, ""},
		{"threads that are alike are one", map[string]map[string]string{"7": with("task/9/status", status)}, []int64{1000}, ""},
		{"only its first thread has ended", map[string]map[string]string{"7": headless}, []int64{0}, ""},
		{"root with another name for itself", map[string]map[string]string{"7": ours, "8": renamed}, []int64{1000, 0}, ""},
		{"root of the machine with another name in all of the container", map[string]map[string]string{"7": renamed}, []int64{0}, ""},
		{"root of a namespace", map[string]map[string]string{"7": remapped}, []int64{0}, ""},
		{"a stranger's number", map[string]map[string]string{"7": ours, "8": with("cgroup", "0::/user.slice\n")}, nil, "not in this machine's"},
		{"none is here", nil, nil, "has none of the processes"},
	} {
		p := proverWith(t, nil)
		for pid, files := range c.processes {
			proc(t, p.Proc, pid, files)
		}
		var o observation
		o.inspected.ID = "abc"
		why := p.fromHost(&o, []string{"7", "8"}, false)
		var uids []int64
		for _, one := range o.processes {
			if c.why == "" {
				uids = append(uids, one.uids[1])
			}
		}
		if !slices.Equal(uids, c.uids) || (why == "") != (c.why == "") || !strings.Contains(why, c.why) {
			t.Errorf("%s: %v, %q", c.name, uids, why)
		}
	}
}

func TestWants(t *testing.T) {
	t.Parallel()
	value := func(s string) *string { return &s }
	build := func(uid, gid string) *types.BuildConfig {
		return &types.BuildConfig{Args: types.MappingWithEquals{"USER_ID": value(uid), "GROUP_ID": value(gid)}}
	}
	project := &types.Project{Services: types.Services{
		"own":   {WorkloadSpec: types.WorkloadSpec{Build: build("1000", "20")}},
		"fixed": {WorkloadSpec: types.WorkloadSpec{Build: build("0", "0")}},
		"image": {},
	}}
	for _, c := range []struct {
		service string
		data    string
		strict  bool
		known   bool
		uid     int64
	}{
		{"own", "/p/data", true, true, 1000},
		{"own", "", false, true, 7}, // no x-im2: another's project
		{"fixed", "/p/data", false, true, 7},
		{"image", "/p/data", false, true, 7},
		{"orphan", "/p/data", false, false, 7},
	} {
		var o Options
		if c.data != "" {
			o.Conventions = &nonroot.Conventions{Data: c.data, User: ownership.Owner{UID: 1000, GID: 20}}
		}
		if w := newProver(project, o).wants(c.service, "7:7", nil, imageFiles{}); w.strict != c.strict || w.known != c.known || w.uid != c.uid || w.toldUID != 7 {
			t.Errorf("%s with %q: %+v", c.service, c.data, w)
		}
	}
}

// A group that the container has yet, and its Compose file no more, is one that nobody asks for.
func TestGroupsAreThoseOfTheComposeFile(t *testing.T) {
	t.Parallel()
	p := newProver(&types.Project{Services: types.Services{"own": {ContainerSpec: types.ContainerSpec{GroupAdd: []string{"27"}}}}}, Options{})
	if w := p.wants("own", "7:7", []string{"999"}, imageFiles{}); !slices.Equal(w.groups, []int64{27}) {
		t.Errorf("groups %v; want those of the file", w.groups)
	}
	if w := p.wants("orphan", "7:7", []string{"999"}, imageFiles{}); !slices.Equal(w.groups, []int64{999}) {
		t.Errorf("groups %v; want the container's", w.groups)
	}
}

func TestStandInIsLikeIt(t *testing.T) {
	t.Parallel()
	i := locked()
	i.ID = "abc"
	i.HostConfig.GroupAdd = []string{"7"}
	i.HostConfig.CapAdd = []string{"KILL"}
	p := proverWith(t, nil)
	p.Image, p.label = "im2/verify:1", "l=1"
	got := strings.Join(p.standIn(i, "take", "/x"), " ")
	want := "run --rm --label l=1 --pull never --network none --log-driver none --volumes-from abc --user 1000:1000 --group-add 7" +
		" --cap-drop ALL --cap-add KILL --security-opt no-new-privileges:true --read-only im2/verify:1 take /x"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// exporter is an engine whose images have one setuid file.
type exporter struct {
	fake
	exports int
	err     error
}

func (e *exporter) Docker(ctx context.Context, stdin io.Reader, stdout io.Writer, args ...string) error {
	if args[0] == "create" && !slices.Contains(args, labelProject+"=") {
		return errors.New("the container would be one of the image's project")
	}
	if args[0] != "export" {
		return e.fake.Docker(ctx, stdin, stdout, args...)
	}
	e.exports++
	if e.err != nil {
		return e.err
	}
	w := tar.NewWriter(stdout)
	return errors.Join(w.WriteHeader(&tar.Header{Name: "bin/su", Mode: 0o4755, Typeflag: tar.TypeReg}), w.Close())
}

// What is remembered is believed of the image that it was seen of, and of no other; what
// failed is not remembered.
func TestImagesAreRemembered(t *testing.T) {
	t.Parallel()
	const id = "sha256:0123456789abcdef"
	e := new(exporter)
	p := proverWith(t, e)
	p.Cache = t.TempDir()
	look := func(want, exports int) {
		t.Helper()
		files, err := (&scans{prover: p}).of(t.Context(), id)
		if err != nil || len(files.Setuid) != want || e.exports != exports {
			t.Errorf("%+v, %v, %d exports, want %d", files, err, e.exports, exports)
		}
	}
	e.err = errors.New("no engine")
	look(0, 1)
	e.err = nil
	look(1, 2)
	look(1, 2)
	kept := filepath.Join(p.Cache, "sha256-0123456789abcdef.json")
	for _, text := range []string{"{", `{"image": "sha256:other", "setuid": []}`} {
		if err := os.WriteFile(kept, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		e.exports = 2
		look(1, 3)
	}
	known := &scans{prover: p}
	p.Cache, e.exports = "", 0
	for range 2 {
		if _, err := known.of(t.Context(), id); err != nil {
			t.Error(err)
		}
	}
	if e.exports != 1 {
		t.Errorf("one run looked %d times into one image", e.exports)
	}
}

func TestStates(t *testing.T) {
	t.Parallel()
	zero := 0
	p := &types.Project{Services: types.Services{"none": {Scale: &zero}, "one": {}}}
	state := func(status string, code int) inspected {
		var i inspected
		i.State.Status, i.State.ExitCode = status, code
		return i
	}
	if f := checkMissing(p, "none"); f.Level != nonroot.Note {
		t.Errorf("%+v", f)
	}
	if f := checkMissing(p, "one"); f.Level != nonroot.Error {
		t.Errorf("%+v", f)
	}
	for _, c := range []struct {
		status string
		code   int
		want   nonroot.Level
	}{{"exited", 0, nonroot.Note}, {"exited", 1, nonroot.Error}, {"paused", 0, nonroot.Error}, {"dead", 0, nonroot.Error}, {"created", 0, nonroot.Error}} {
		if f := checkStopped(state(c.status, c.code)); f.Level != c.want {
			t.Errorf("%s %d: %+v", c.status, c.code, f)
		}
	}
}

func TestSaid(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Error response from daemon: container rootfs is marked read-only":                                                      "container rootfs is marked read-only",
		"warning\nOCI runtime exec failed: exec failed: unable to start container process: exec /x: permission denied: unknown": "exec /x: permission denied: unknown",
		"docker: Error response from daemon: No such image: im2/verify:1\n\nRun 'docker run --help' for more information":       "No such image: im2/verify:1",
		"": "running",
	} {
		if got := said(&CommandError{Stderr: text, Err: errors.New("exit status 1")}); !strings.HasPrefix(got, want) {
			t.Errorf("%q is %q", text, got)
		}
	}
}
