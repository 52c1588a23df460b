package verify

import (
	"archive/tar"
	"bytes"
	"slices"
	"strings"
	"testing"
)

func TestStatus(t *testing.T) {
	t.Parallel()
	remapped := parseMap("         0     100000      65536\n")
	text := strings.ReplaceAll(status, "1000\t1000", "101000\t100000")
	p, err := parseStatus(text, remapped.inside, remapped.inside)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(p.uids, []int64{1000, 0, 1000, 0}) || p.caps["bounding"] != 0xa80425fb || p.newPrivs != 1 || p.seccomp != 2 || p.umask != "0022" || p.name != "app" {
		t.Errorf("read %+v", p)
	}
	if !slices.Equal(p.groups, []int64{-1}) { // 1000 is nobody in there
		t.Errorf("groups %v", p.groups)
	}
	// A kernel before 4.7 has no umask, one before 4.10 no NoNewPrivs.
	old, err := parseStatus("Pid:\t1\nUid:\t1 1 1 1\nGid:\t1 1 1 1\n", nil, nil)
	if err != nil || old.umask != "" || old.newPrivs != -1 || old.seccomp != -1 || len(old.caps) != 0 {
		t.Errorf("read %+v, %v", old, err)
	}
	if _, err := parseStatus("Name:\tx\n", nil, nil); err == nil {
		t.Error("a status without IDs was read")
	}
	if alive("Name:\tx\nState:\tZ (zombie)\n") || !alive(status) {
		t.Error("zombies are not told apart")
	}
}

func TestMaps(t *testing.T) {
	t.Parallel()
	m := parseMap("         0     100000      65536\n     70000       5000          2\n")
	for inside, outside := range map[int64]int64{0: 100000, 1000: 101000, 65535: 165535, 70001: 5001} {
		if got := m.outside(inside); got != outside {
			t.Errorf("%d is %d outside, want %d", inside, got, outside)
		}
		if got := m.inside(outside); got != inside {
			t.Errorf("%d is %d inside, want %d", outside, got, inside)
		}
	}
	if m.outside(65536) != -1 || m.inside(1000) != -1 || parseMap("").inside(1) != -1 {
		t.Error("an ID that is not mapped has a translation")
	}
}

func TestEngineSocket(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]bool{
		"/var/run/docker.sock":        true,
		"/run/docker.sock":            true,
		"/var/run":                    true,
		"/run":                        true,
		"/":                           true,
		"/var":                        false, // /var/run is a link, which leads nowhere inside
		"/run/containerd":             true,
		"/run/user/1000/docker.sock":  true,
		"/run/user/1000":              true,
		"/srv/elsewhere/docker.sock":  true,
		"/run/mysqld":                 false,
		"/run/docker.sock.d":          false,
		"/home/me/pipeline-data":      false,
		"/var/run/../run/docker.sock": true,
	} {
		_, got := engineSocket([]mounted{{Type: "bind", Source: source}}, []string{"/run/user/1000/docker.sock"}, nil)
		if got != want {
			t.Errorf("%s: %v, want %v", source, got, want)
		}
	}
	bound := []mounted{{Type: "volume", Name: "x_run", Source: "/var/lib/docker/volumes/x_run/_data"}}
	if _, got := engineSocket(bound, nil, map[string]string{"x_run": "/var/run"}); !got {
		t.Error("a volume that is bound to /var/run was passed")
	}
	if _, got := engineSocket(bound, nil, nil); got {
		t.Error("a plain volume was taken for a socket")
	}
}

func TestResolveUser(t *testing.T) {
	t.Parallel()
	files := imageFiles{Image: "x", Users: "root:x:0:0::/:/bin/sh\napp:x:1001:1002::/:\nbad\n", Groups: "staff:x:20:app\nbad\n"}
	for _, c := range []struct {
		user     string
		files    imageFiles
		uid, gid int64
	}{
		{"", files, 0, 0},
		{":", files, 0, 0},
		{":20", files, 0, 20},
		{"00", files, 0, 0},
		{"app", files, 1001, 1002},
		{"app:staff", files, 1001, 20},
		{"1001", files, 1001, 1002},
		{"4242", files, 4242, 0},
		{"4242:7", files, 4242, 7},
		{"nobody", files, -1, -1},
		{"app:none", files, 1001, -1},
		{"1000:1000", imageFiles{}, 1000, 1000},
		{"1000:staff", imageFiles{}, 1000, -1},
		{"2147483648", files, -1, -1}, // the engine takes no such ID
		{"1000", imageFiles{}, 1000, -1},
		{"app", imageFiles{}, -1, -1},
		{"", imageFiles{}, 0, -1},
	} {
		if uid, gid := c.files.resolve(c.user); uid != c.uid || gid != c.gid {
			t.Errorf("%q is %d:%d, want %d:%d", c.user, uid, gid, c.uid, c.gid)
		}
	}
}

func TestReadFiles(t *testing.T) {
	t.Parallel()
	archive := new(bytes.Buffer)
	w := tar.NewWriter(archive)
	for _, h := range []tar.Header{
		{Name: "usr/bin/su", Mode: 0o4755, Typeflag: tar.TypeReg},
		{Name: "usr/bin/wall", Mode: 0o2755, Gid: 5, Typeflag: tar.TypeReg},
		{Name: "usr/bin/lock", Mode: 0o2644, Typeflag: tar.TypeReg},
		{Name: "usr/bin/ping", Mode: 0o755, Typeflag: tar.TypeReg, PAXRecords: map[string]string{capabilityRecord: "\x01"}},
		{Name: "usr/bin/sudo", Linkname: "usr/bin/su", Typeflag: tar.TypeLink},
		{Name: "var/mail/", Mode: 0o2775, Typeflag: tar.TypeDir},
		{Name: "usr/bin/sh", Mode: 0o4777, Linkname: "dash", Typeflag: tar.TypeSymlink},
		{Name: "etc/passwd", Mode: 0o644, Typeflag: tar.TypeReg, Size: 4},
	} {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			if _, err := w.Write([]byte("a:b:")); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	broken := bytes.NewReader(archive.Bytes()[:700])
	files, err := readFiles(archive)
	want := []string{"/usr/bin/ping (capabilities)", "/usr/bin/su (user 0)", "/usr/bin/sudo (user 0)", "/usr/bin/wall (group 5)"}
	if err != nil || !slices.Equal(files.Setuid, want) || files.Users != "a:b:" {
		t.Errorf("got %+v, %v", files, err)
	}
	if _, err := readFiles(broken); err == nil {
		t.Error("an archive that ends early was taken for whole")
	}
}

func TestRing(t *testing.T) {
	t.Parallel()
	whole := dataMount{"/data", "/p/data", true}
	part := dataMount{"/cache", "/p/data/models", true}
	reader := dataMount{"/data", "/p/data", false}
	hidden := dataMount{"/data/models", "/p/data/models", false}
	for _, c := range []struct {
		name string
		all  [][]dataMount
		want []leg
	}{
		{"nobody", nil, nil},
		{"one alone", [][]dataMount{{whole}}, []leg{{0, 0, place{"/data", "."}, "/p/data", place{"/data", "."}}}},
		{"two", [][]dataMount{{whole}, {whole}}, []leg{{0, 1, place{"/data", "."}, "/p/data", place{"/data", "."}}, {1, 0, place{"/data", "."}, "/p/data", place{"/data", "."}}}},
		{"a part too", [][]dataMount{{whole, part}, {whole}}, []leg{
			{0, 1, place{"/data", "."}, "/p/data", place{"/data", "."}},
			{0, 1, place{"/cache", "."}, "/p/data/models", place{"/data", "models"}},
			{1, 0, place{"/data", "."}, "/p/data", place{"/data", "."}},
		}},
		{"past one who only reads", [][]dataMount{{whole}, {reader}, {whole}}, []leg{{0, 2, place{"/data", "."}, "/p/data", place{"/data", "."}}, {2, 0, place{"/data", "."}, "/p/data", place{"/data", "."}}}},
		{"none sees it", [][]dataMount{{part}, {}}, []leg{{0, 0, place{"/cache", "."}, "/p/data/models", place{"/cache", "."}}}},
	} {
		if got := ring(c.all, nil); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	// Folders of the data folder, too, where no other mount is in the way.
	want := []leg{
		{0, 0, place{"/data", "."}, "/p/data", place{"/data", "."}},
		{0, 0, place{"/data", "queue"}, "/p/data/queue", place{"/data", "queue"}},
	}
	if got := ring([][]dataMount{{whole, hidden}}, []string{"/p/data/queue", "/p/data/models", "/p/other"}); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestDataMounts(t *testing.T) {
	t.Parallel()
	got := dataMounts("/p/data", []mounted{
		{Type: "bind", Source: "/p/data/models", Destination: "/cache", RW: true},
		{Type: "bind", Source: "/p/data", Destination: "/data", RW: true},
		{Type: "bind", Source: "/p", Destination: "/app"},
		{Type: "bind", Source: "/elsewhere", Destination: "/e", RW: true},
		{Type: "volume", Source: "/p/data", Destination: "/v", RW: true},
		{Type: "volume", Name: "out", Source: "/engine/out/_data", Destination: "/out", RW: true},
		{Type: "volume", Name: "far", Source: "/engine/far/_data", Destination: "/far", RW: true},
	}, map[string]string{"out": "/p/data/output", "far": ":/p/data"})
	want := []dataMount{{"/data", "/p/data", true}, {"/app/data", "/p/data", false}, {"/cache", "/p/data/models", true}, {"/out", "/p/data/output", true}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if dataMounts("", []mounted{{Type: "bind", Source: "/p"}}, nil) != nil {
		t.Error("a project without a data folder has one")
	}
}
