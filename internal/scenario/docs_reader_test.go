package scenario_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/im2-audio/im2/internal/usage/manual"
)

// TestEveryTargetHasItsNote fails for a target without an example, for a note of a target
// that there is no more, and for an example that is of another target or cannot be typed.
func TestEveryTargetHasItsNote(t *testing.T) {
	t.Parallel()
	all := knownTargets(t)
	notes := maps.Clone(manual.Notes)
	for _, target := range all.Targets {
		note := notes[target.Name]
		delete(notes, target.Name)
		if len(note.Examples) == 0 {
			t.Errorf("%s has no example in internal/usage/manual/note.go", target.Name)
		}
		for _, example := range note.Examples {
			programs, err := shellPrograms(example[0])
			if err != nil || len(programs) != 1 {
				t.Errorf("%s: %d commands, %v", example[0], len(programs), err)
				continue
			}
			words, ours := programs[0].Mage()
			calls, err := readCalls(all, words)
			if err != nil || !ours || len(calls) != 1 || calls[0].Target != target.Name {
				t.Errorf("%s is no example of %s: %v %v", example[0], target.Name, calls, err)
			}
		}
	}
	for name := range notes {
		t.Errorf("internal/usage/manual/note.go has %q, which is no target", name)
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
		programs, err := shellPrograms(c.line)
		if err != nil || len(programs) != 1 {
			t.Fatalf("%s: %v, %v", c.line, programs, err)
		}
		words, ours := programs[0].Mage()
		calls, err := readCalls(knownTargets(t), words)
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
	if _, ours := (shellProgram{"docker", "ps"}).Mage(); ours {
		t.Error("docker ps is taken for ours")
	}
}

func TestPrograms(t *testing.T) {
	t.Parallel()
	programs, err := shellPrograms("a 'b c' | d && (e \"$F\"); g >out 2>&1  # h")
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
	if _, err := shellPrograms("if"); err == nil {
		t.Error("half a command is taken for one")
	}
}

func TestLike(t *testing.T) {
	t.Parallel()
	call := func(flags map[string]string) docCall { return docCall{Target: "x", Flags: flags} }
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
	if call(nil).Like(docCall{Target: "y"}) {
		t.Error("targets do not count")
	}
}

const testPage = "# A *title*: `x`, y_z & more\n" + // line 1
	"Text with `mage up\n-fix` and\n[a link](b.md#c) and ![an image](d.png).\n" +
	"\n| a | b |\n" + // 6
	"|---|---|\n" +
	"| `one` | [two](#two) |\n" + // 8
	"```console\n" +
	"$ mage status\n" + // 10
	"SERVICE\n" +
	"\n" +
	"$ go test \\\n" +
	"    ./...\n" +
	"ok\n" + // 15
	"```\n" +
	"## Twice\n" +
	"- item:\n" +
	"\n" +
	"  ```sh\n" + // 20
	"  # remark\n" +
	"  mage down  # stop\n" +
	"  ```\n" +
	"## Twice\n" +
	"```\n" + // 25
	"mage build -x\n" +
	"```\n" +
	"```\nnot a command\n```\n" +
	"```yaml\n$ neither\n```\n"

func TestParse(t *testing.T) {
	t.Parallel()
	p := parsePage([]byte(testPage))
	var commands []string
	for _, c := range p.Commands() {
		commands = append(commands, pieces(append([]docPiece{c.docPiece}, c.Output...)))
	}
	for what, c := range map[string]struct{ got, want string }{
		"anchors":  {strings.Join(p.Anchors, " "), "a-title-x-y_z--more twice twice-1"},
		"links":    {pieces(p.Links), "4:b.md#c 4:d.png 8:#two"},
		"spans":    {pieces(p.Spans), "1:x 2:mage up -fix 8:one"},
		"commands": {strings.Join(commands, " | "), "10:mage status 11:SERVICE | 13:go test  ./... 15:ok | 22:mage down  # stop | 26:mage build -x"},
	} {
		if c.got != c.want {
			t.Errorf("%s are %q, want %q", what, c.got, c.want)
		}
	}
}

func pieces(all []docPiece) string {
	var texts []string
	for _, p := range all {
		texts = append(texts, fmt.Sprintf("%d:%s", p.Line, p.Text))
	}
	return strings.Join(texts, " ")
}
