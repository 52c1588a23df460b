package manual_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/im2-audio/im2/internal/usage/manual"
)

func targets(t *testing.T) []manual.Target {
	t.Helper()
	all, err := manual.Targets(filepath.Join("..", "..", "..", "magefiles"))
	if err != nil || len(all) < 10 {
		t.Fatalf("read %d targets: %v", len(all), err)
	}
	return all
}

// TestThePageIsCurrent holds docs/targets.md to the code.
func TestThePageIsCurrent(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", filepath.FromSlash(manual.Page)))
	if err != nil {
		t.Fatal(err)
	}
	if string(text) != manual.Markdown(targets(t)) {
		t.Errorf(`%s is not what the code says; "go generate ./internal/usage/manual" writes it`, manual.Page)
	}
}

// TestGeneratedCodeIsCurrent holds magefiles/targets.go and cmd/im2/commands.go to targets/.
func TestGeneratedCodeIsCurrent(t *testing.T) {
	t.Parallel()
	home := filepath.Join("..", "..", "..")
	targets := os.DirFS(filepath.Join(home, "targets"))
	wrappers, err := manual.Wrappers(targets, os.DirFS(filepath.Join(home, "magefiles")))
	if err != nil {
		t.Fatal(err)
	}
	commands, err := manual.Commands(targets)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]byte{manual.WrapperFile: wrappers, manual.CommandsFile: commands} {
		have, err := os.ReadFile(filepath.Join(home, filepath.FromSlash(name)))
		if err != nil || !bytes.Equal(have, want) {
			t.Errorf(`%s is not what targets/ says (%v); "go generate ./internal/usage/manual" writes it`, name, err)
		}
	}
}

// TestWhatMageCompilesIsNoTarget: Mage puts a file beside the targets for a moment.
func TestWhatMageCompilesIsNoTarget(t *testing.T) {
	t.Parallel()
	const target = "// Up starts it.\nfunc Up(ctx context.Context) error { return nil }\n"
	targets := fstest.MapFS{"stack.go": {Data: []byte("package targets\n\n" + target)}}
	got, err := manual.Wrappers(targets, fstest.MapFS{"mage_output_file.go": {Data: []byte("package main\n\nfunc Up(ctx context.Context) error {}\n")}})
	if err != nil || !strings.Contains(string(got), "func Up(") {
		t.Errorf("%v: %s", err, got)
	}
}

// TestEveryTargetHasItsNote fails for a target without an example, for a note of a target
// that there is no more, and for an example that is of another target or cannot be typed.
func TestEveryTargetHasItsNote(t *testing.T) {
	t.Parallel()
	all := targets(t)
	notes := manual.Notes()
	for _, target := range all {
		note := notes[target.Name]
		delete(notes, target.Name)
		if len(note.Examples) == 0 {
			t.Errorf("%s has no example in internal/usage/manual/note.go", target.Name)
		}
		for _, example := range note.Examples {
			programs, err := manual.Programs(example.Command)
			if err != nil || len(programs) != 1 {
				t.Errorf("%s: %d commands, %v", example.Command, len(programs), err)
				continue
			}
			words, ours := programs[0].Mage()
			calls, err := manual.Calls(all, words)
			if err != nil || !ours || len(calls) != 1 || calls[0].Target != target.Name {
				t.Errorf("%s is no example of %s: %v %v", example.Command, target.Name, calls, err)
			}
		}
	}
	for name := range notes {
		t.Errorf("internal/usage/manual/note.go has %q, which is no target", name)
	}
}

func TestTargets(t *testing.T) {
	t.Parallel()
	reset, ok := manual.Find(targets(t), "resetPermissions")
	if !ok || reset.Name != "reset-permissions" || !strings.HasPrefix(reset.Help, "gives the data folder the app user as owner, 755 and 644.\n") {
		t.Errorf("reset-permissions is %+v", reset)
	}
	if got := reset.Usage(); got != "mage reset-permissions [-dryRun] [-json] [-path=FOLDER]" {
		t.Errorf("its usage is %q", got)
	}
	for name, want := range map[string]manual.Flag{
		"BENCH":        {Name: "files", Type: "int", Does: "files in the tree", Default: "500000"},
		"demucs-cache": {Name: "fetch", Type: "bool", Does: "download and prepare the model", Default: "true"},
		"logs":         {Name: "follow", Type: "bool", Does: "print new lines until interrupted"},
	} {
		target, _ := manual.Find(targets(t), name)
		if got, ok := target.Flag(want.Name); !ok || got != want {
			t.Errorf("%s -%s is %+v, want %+v", name, want.Name, got, want)
		}
	}
}

func TestCalls(t *testing.T) {
	t.Parallel()
	cases := []struct {
		line, want, err string
	}{
		{line: "mage", want: "mage"},
		{line: "mage -l", want: "mage -l"},
		{line: "mage up", want: "mage up"},
		{line: "mage help", want: "mage help"},
		{line: "mage help up", want: "mage help up"},
		{line: "mage up -replicas=2 -h", want: "mage help up"},
		{line: "mage UP -Replicas=2", want: "mage up -replicas=2"},
		{line: "go run magefile.go setup up", want: "mage setup|mage up"},
		{line: "go tool mage -w ../x -d . audit -fix", want: "mage audit -fix=true"},
		{line: "sudo env PATH=$PATH mage retry -all", want: "mage retry -all"},
		{line: `A=1 mage separate "a b.mp3" -again down`, want: "mage separate a b.mp3 -again=true|mage down"},
		{line: "mage retry", err: "retry needs id"},
		{line: "mage nosuch", err: `no target "nosuch"`},
		{line: "mage up -fix", err: "up has no flag -fix"},
		{line: "mage up extra", err: `no target "extra"`},
	}
	for _, c := range cases {
		programs, err := manual.Programs(c.line)
		if err != nil || len(programs) != 1 {
			t.Fatalf("%s: %v, %v", c.line, programs, err)
		}
		words, ours := programs[0].Mage()
		calls, err := manual.Calls(targets(t), words)
		var got []string
		for _, call := range calls {
			got = append(got, call.String())
		}
		switch {
		case !ours:
			t.Errorf("%s is not ours", c.line)
		case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("%s: error %v, want %q", c.line, err, c.err)
		case c.err == "" && (err != nil || strings.Join(got, "|") != c.want):
			t.Errorf("%s: %q, %v; want %q", c.line, got, err, c.want)
		}
	}
	if _, ours := (manual.Program{"docker", "ps"}).Mage(); ours {
		t.Error("docker ps is taken for ours")
	}
}

func TestPrograms(t *testing.T) {
	t.Parallel()
	programs, err := manual.Programs("a 'b c' | d && (e \"$F\"); g >out 2>&1  # h")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range programs {
		got = append(got, strings.Join(p, ","))
	}
	if want := []string{"a,b c", "d", "e,$F", "g"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, err := manual.Programs("if"); err == nil {
		t.Error("half a command is taken for one")
	}
}

func TestLike(t *testing.T) {
	t.Parallel()
	call := func(flags map[string]string) manual.Call { return manual.Call{Target: "x", Flags: flags} }
	cases := []struct {
		one, other map[string]string
		want       bool
	}{
		{nil, map[string]string{}, true},
		{map[string]string{"a": "1"}, map[string]string{"a": "2"}, true},
		{map[string]string{"a": "1"}, map[string]string{"b": "1"}, false},
		{map[string]string{"a": "1"}, nil, false},
		{map[string]string{"a": "true"}, map[string]string{"a": "false"}, false},
		{map[string]string{"a": "true"}, map[string]string{"a": "text"}, false},
	}
	for _, c := range cases {
		if got := call(c.one).Like(call(c.other)); got != c.want {
			t.Errorf("%v like %v: %v", c.one, c.other, got)
		}
		if got := call(c.other).Like(call(c.one)); got != c.want {
			t.Errorf("%v like %v: %v", c.other, c.one, got)
		}
	}
	if call(nil).Like(manual.Call{Target: "y"}) {
		t.Error("targets do not count")
	}
}
