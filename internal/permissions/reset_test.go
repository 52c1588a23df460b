package permissions

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/permissions/message"
	"github.com/im2-audio/im2/internal/run"
	"github.com/im2-audio/im2/ownership"
)

func TestDecide(t *testing.T) {
	t.Parallel()
	owner := ownership.Owner{UID: 1001, GID: 1001}
	problem := []ownership.Problem{{Path: "closed", Reason: "permission denied"}}
	left := []ownership.Problem{{Path: "mount", Reason: "another file system", Skip: ownership.SkipMount}}
	cases := []struct {
		name  string
		euid  int
		found ownership.Summary
		want  way
	}{
		{"everything is right", 1001, ownership.Summary{Seen: 9}, nothing},
		{"everything is right and another's", 2000, ownership.Summary{Seen: 9}, nothing},
		{"no numbers on this system", -1, ownership.Summary{Seen: 9}, nothing},
		{"only modes, of one's own", 1001, ownership.Summary{Seen: 9, ModesChanged: 2}, directly},
		{"only modes, of another's", 2000, ownership.Summary{Seen: 9, ModesChanged: 2}, throughEngine},
		{"an owner", 1001, ownership.Summary{Seen: 9, OwnersChanged: 1}, throughEngine},
		{"an owner and modes", 1001, ownership.Summary{Seen: 9, OwnersChanged: 1, ModesChanged: 5}, throughEngine},
		{"a folder that this user may not see into", 1001, ownership.Summary{Seen: 9, Problems: problem}, throughEngine},
		{"only what nobody would touch", 1001, ownership.Summary{Seen: 9, Problems: left}, nothing},
		{"that, and more than is listed", 1001, ownership.Summary{Seen: 9, Problems: left, MoreProblems: 3}, throughEngine},
		{"that, and an owner", 1001, ownership.Summary{Seen: 9, OwnersChanged: 1, Problems: left}, throughEngine},
	}
	for _, c := range cases {
		if got := decide(c.euid, owner, c.found); got != c.want {
			t.Errorf("%s: got %d, want %d", c.name, got, c.want)
		}
	}
}

// tree makes data/{in,file,out->..,loop->in,gone->nowhere} in a project's folder.
func tree(t *testing.T) (root, data string) {
	t.Helper()
	root = t.TempDir()
	data = filepath.Join(root, "data")
	if err := errors.Join(
		os.MkdirAll(filepath.Join(data, "in", "deep"), 0o700), os.WriteFile(filepath.Join(data, "file"), nil, 0o600),
		os.Symlink("..", filepath.Join(data, "out")), os.Symlink("in", filepath.Join(data, "loop")),
		os.Symlink("nowhere", filepath.Join(data, "gone")), os.Symlink("data", filepath.Join(root, "alias")),
	); err != nil {
		t.Fatal(err)
	}
	return root, data
}

func TestBelow(t *testing.T) {
	t.Parallel()
	root, data := tree(t)
	for named, want := range map[string]string{
		"": ".", ".": ".", "data": ".", data: ".",
		"in": "in", "in/": "in", "data/in": "in", "./data/in/../in": "in", filepath.Join(data, "in", "deep"): "in/deep",
		"loop/deep": "in/deep", "out/data/in": "in", // links that end inside
	} {
		if got, err := Below(root, data, named); err != nil || got != want {
			t.Errorf("-path=%s is %q, %v, want %q", named, got, err, want)
		}
	}
	for _, named := range []string{"..", "data/..", root, "/", "/etc", "out", "file", "gone", "missing", "in/../../data2", "\x00"} {
		_, err := Below(root, data, named)
		var coded *exit.Error
		if !errors.As(err, &coded) || coded.Code != exit.Unusable || !strings.Contains(err.Error(), "-path=") {
			t.Errorf("-path=%q: got %v", named, err)
		}
	}
	if err := os.Symlink("/", filepath.Join(root, "up")); err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []string{filepath.Join(root, "alias"), filepath.Join(root, "up", "etc"), filepath.Join(data, "file"), filepath.Join(root, "missing")} {
		var coded *exit.Error
		if _, err := Below(root, wrong, ""); !errors.As(err, &coded) || coded.Code != exit.Unusable {
			t.Errorf("data folder %s: got %v", wrong, err)
		}
	}
}

func TestArguments(t *testing.T) {
	t.Parallel()
	folder := `/srv/a,b "c":d/data`
	root := arguments("n", "image", task{data: folder, user: "0:0", args: []string{"-uid=1"}})
	for _, want := range []string{
		"--rm", "--pull=never", "--network=none", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges",
		"--cap-add=CHOWN", "--cap-add=FOWNER", "--cap-add=DAC_READ_SEARCH", "--pids-limit=64",
	} {
		if !slices.Contains(root, want) {
			t.Errorf("%q is not in %q", want, root)
		}
	}
	if i := slices.Index(root, "image"); i < 0 || !slices.Equal(root[i+1:], []string{"-uid=1"}) {
		t.Errorf("the command gets %q", root)
	}
	fields, err := csv.NewReader(strings.NewReader(root[slices.Index(root, "--mount")+1])).Read()
	if err != nil || !slices.Equal(fields, []string{"type=bind", "source=" + folder, "target=" + folder}) {
		t.Errorf("the mount is %q, %v", fields, err)
	}
	dry := strings.Join(arguments("n", "image", task{data: folder, user: "0:0", dry: true}), " ")
	if strings.Contains(dry, "CHOWN") || strings.Contains(dry, "FOWNER") || !strings.Contains(dry, "--cap-add=DAC_READ_SEARCH") {
		t.Errorf("a dry run gets %q", dry)
	}
	if maps := arguments("n", "image", task{user: "0:0", userns: "host"}); slices.Contains(maps, "--mount") || !slices.Contains(maps, "--userns=host") {
		t.Errorf("without a folder: %q", maps)
	}
	user := arguments("n", "image", task{data: "/data", user: "7:8"})
	if strings.Contains(strings.Join(user, " "), "cap-add") || user[slices.Index(user, "--user")+1] != "7:8" {
		t.Errorf("the app user gets %q", user)
	}
}

func TestLinesAreHeardWhole(t *testing.T) {
	t.Parallel()
	var seen []int64
	l := &lines{hear: func(m message.Message) { seen = append(seen, m.Seen) }}
	for _, part := range []string{`{"se`, "en\":1}\n{\"seen\":2}\n", `{"seen":3}`, "\n"} {
		if n, err := l.Write([]byte(part)); n != len(part) || err != nil {
			t.Fatal(n, err)
		}
	}
	if !slices.Equal(seen, []int64{1, 2, 3}) || l.err != nil {
		t.Errorf("heard %v, %v", seen, l.err)
	}
	if _, _ = l.Write([]byte("nonsense\n")); l.err == nil {
		t.Error("nonsense was heard without an error")
	}
}

// On an engine that translates IDs, root alone would set the wrong ones.
func TestWhatRootMayDo(t *testing.T) {
	t.Parallel()
	refusal := exit.Errorf(exit.Missing, "building: no go")
	for remapped, want := range map[string]string{
		"": "no go; fix: " + byRoot.String(), engine.UsernsRemapped: "no go",
		engine.Rootless: `no go; fix: "sudo chown -R $(id -u):$(id -g) /data", then "mage reset-permissions"`,
	} {
		r := &Resetter{remapped: remapped}
		if err := r.word("/data", refusal); !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%q: %v", remapped, err)
		}
	}
	if got, want := (&Resetter{remapped: engine.Rootless}).ByRoot("/my songs").Type, "sudo chown -R $(id -u):$(id -g) '/my songs'"; got != want {
		t.Errorf("a folder with a space: %s", got)
	}
	silent := exit.Fixable(exit.Missing, engine.StartRootless, "no answer")
	if text, fix := withOwn(silent, byRoot); text != "no answer" || fix != engine.StartRootless {
		t.Errorf("a rootless engine that does not answer: %q; fix: %v", text, fix)
	}
}

func TestWord(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		err  error
		code exit.Code
		want string
	}{
		{"an interrupt", fmt.Errorf("running: %w", context.Canceled), exit.Interrupted, "the next run goes on"},
		{"a data folder that is none", exit.Errorf(exit.Unusable, "it is no folder"), exit.Unusable, "it is no folder"},
		{"no Go to build with", exit.Errorf(exit.Missing, "building: no go"), exit.Missing, byRoot.String()},
		{"the engine's refusal", &run.Error{Stderr: "docker: no such mount", Err: errors.New("exit status 125")}, exit.Failed, "engine: no such mount; fix: " + byRoot.String()},
		{"no result", errors.New("it ended without a result"), exit.Failed, "without a result"},
	} {
		err := exit.Outermost(new(Resetter).word("/data", c.err))
		var coded *exit.Error
		if !errors.As(err, &coded) || coded.Code != c.code || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v", c.name, err)
		}
	}
}
