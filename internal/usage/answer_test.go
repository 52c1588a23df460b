package usage

import (
	"slices"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	u := read(t)
	cases := []struct{ line, want string }{
		{"build", ""},
		{"BUILD -Module=demucs -FORCE up -replicas=2 status", ""},
		{"demucsCache -fetch=false", ""},
		{"demucs-cache reset-permissions -dryRun=0", ""},
		{"retry -all", ""},
		{"separate -song.mp3 -again", ""},
		{"separate -stem=vocals song.mp3", `"separate" has no flag "-stem=vocals"; did you mean "-stems=vocals"?`},
		{"separate a.wav b.wav", `there is no target "b.wav"; "separate" takes one FILE at a time: mage separate FILE [FLAGS]`},
		{"logs demucs", `there is no target "demucs"; for a service: mage logs -service=demucs`},
		{"build organizer", `there is no target "organizer"; for a module: mage build -module=organizer`},
		{"logs status", ""},
		{"new loudness -dryRun", ""},
		{"down biuld", `there is no target "biuld"; did you mean "build"? "mage" shows all targets`},
		{"frobnicate", `there is no target "frobnicate"; "mage" shows all targets`},
		{"build -modul=x", `"build" has no flag "-modul=x"; did you mean "-module=x"?`},
		{"build --force", `"build" has no flag "--force"; did you mean "-force"?`},
		{"build -dry-run", `"build" has no flag "-dry-run"; did you mean "-dryRun"?`},
		{"build -job", `"build" has no flag "-job"; did you mean "-jobs=NUMBER"?`},
		{"up -zzz", `"up" has no flag "-zzz"; it has -replicas, -web, -webUpload, -wait`},
		{"lint -f", `"lint" takes no flags, got "-f"; "mage help lint" explains it`},
		{"down -wait=soon", `"-wait=soon" of "down": "soon" is not a time such as 30s or 10m`},
		{"build -module demucs", `"-module" of "build" needs its value after a "=": -module=demucs`},
		{"build -jobs", `"-jobs" of "build" needs its value after a "=": -jobs=NUMBER`},
		{"build -jobs=two", `"-jobs=two" of "build": "two" is not a whole number`},
		{"build -force=maybe", `"-force=maybe" of "build": "maybe" is not true or false`},
		{"build -", `"build" has no flag "-"; it has -module, -force, -pull, -push, -jobs, -dryRun, -json, -wait`},
		{"new", `"new" needs its NAME: mage new NAME [FLAGS]`},
		{"new -user=me loudness", `"-user=me" in "new": flags come after the NAME: mage new NAME [FLAGS]`},
		{"up -replicas=2 new", `"new" needs its NAME: mage new NAME [FLAGS]`},
	}
	for _, c := range cases {
		got := ""
		if err := u.Check(strings.Fields(c.line)); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.line, got, c.want)
		}
	}
}

func TestAnswer(t *testing.T) {
	t.Parallel()
	u := read(t)
	cases := []struct {
		line string
		env  map[string]string
		want string // the beginning of the text; "" where Mage is to go on, "!" for an error
	}{
		{line: ""},
		{line: "help"},
		{line: "build"},
		{line: "-l biuld"},
		{line: "biuld", env: map[string]string{"MAGEFILE_LIST": "1"}},
		{line: "-h"},
		{line: "-h build"},
		{line: "build", env: map[string]string{"MAGEFILE_HELP": "1"}},
		{line: "-nonsense build"},
		{line: "-h reset-permissions", want: "mage reset-permissions [FLAGS]\n"},
		{line: "reset-permissions", env: map[string]string{"MAGEFILE_HELP": "1"}, want: "mage reset-permissions [FLAGS]\n"},
		{line: "-h biuld", want: "!"},
		{line: "help build", want: "mage build [FLAGS]\n"},
		{line: "HELP new", want: "mage new NAME [FLAGS]\n"},
		{line: "help biuld", want: "!"},
		{line: "build -module=x --help", want: "mage build [FLAGS]\n"},
		{line: "down up -h", want: "mage up [FLAGS]\n"},
		{line: "biuld -h", want: "!"},
		{line: "-v -t 5m biuld", want: "!"},
		{line: "-v -t 5m build"},
	}
	for _, c := range cases {
		text, err := u.Answer(strings.Fields(c.line), func(name string) string { return c.env[name] }, 80)
		switch {
		case c.want == "!":
			if err == nil || text != "" {
				t.Errorf("%q: no error, but %q", c.line, text)
			}
		case err != nil || !strings.HasPrefix(text, c.want) || (c.want == "") != (text == ""):
			t.Errorf("%q: %q, %v; want %q", c.line, text, err, c.want)
		}
	}
}

func TestComplete(t *testing.T) {
	t.Parallel()
	u := read(t)
	values := func(project, _, name string) []Candidate {
		switch name {
		case "module":
			return []Candidate{{Value: "demucs" + project}, {Value: "watcher" + project}}
		case "state":
			return []Candidate{{Value: "done"}, {Value: "failed"}}
		case "file":
			return []Candidate{{Value: Files}}
		}
		return nil
	}
	cases := []struct {
		line string
		want []string
	}{
		{"mage res", []string{"reset-permissions", "restart", "resume"}},
		{"mage build -mod", []string{"-module="}},
		{"mage build -force -f", nil},
		{"mage build -module=", []string{"-module=demucs", "-module=watcher"}},
		{"mage build -module=w", []string{"-module=watcher"}},
		{"mage -w /there build -module=w", []string{"-module=watcher/there"}},
		{"mage -w=/there build -module=w", []string{"-module=watcher/there"}},
		{"mage -w ", []string{Folders}},
		{"mage -t ", nil},
		{"mage -h demucs", []string{"demucscache"}},
		{"mage -", []string{"-l", "-h", "-v", "-f", "-t", "-w"}},
		{"mage jobs -state=failed,d", []string{"-state=failed,done"}},
		{"mage build -force=f", []string{"-force=false"}},
		{"mage build -jobs=", nil},
		{"mage build -none=", nil},
		{"mage separate ", []string{Files}},
		{"mage separate x.mp3 -a", []string{"-again"}},
		{"mage new name ver", []string{"verify"}},
		{"mage down ver", []string{"verify"}},
		{"mage down -", []string{"-wait="}},
		{"mage down -wait=", nil},
		{"mage lint -", nil},
		{"mage nonsense -", nil},
		{"mage demucs-cache -", []string{"-fetch=false", "-model=", "-precision=", "-wait="}},
	}
	for _, c := range cases {
		var got []string
		for _, candidate := range u.Complete(c.line, values) {
			got = append(got, candidate.Value)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%q: got %q, want %q", c.line, got, c.want)
		}
	}
	if all := u.Complete("mage ", values); len(all) != len(u.Targets) || all[0].Text == "" {
		t.Errorf("an empty word: %v", all)
	}
	if all := u.Complete("mage", values); len(all) != 0 {
		t.Errorf("no word at all: %v", all)
	}
}
