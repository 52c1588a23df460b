package inputs

import (
	"io/fs"
	"strings"
	"testing"
)

func TestWhyAnImageIsStale(t *testing.T) { //nolint:funlen // a table of cases
	t.Parallel()
	file := func(path, content string) File { return File{Path: path, Mode: 0o644, Content: content} }
	cases := []struct {
		name     string
		old, now Inputs
		want     string
	}{
		{"nothing", full(), full(), ""},
		{"the Dockerfile", Inputs{Dockerfile: "1"}, Inputs{Dockerfile: "2"}, "Dockerfile changed"},
		{
			"the Dockerfile, which is in the context, too",
			Inputs{Dockerfile: "1", Files: []File{file("Dockerfile", "1")}},
			Inputs{Dockerfile: "2", Files: []File{file("Dockerfile", "2")}},
			"Dockerfile changed",
		},
		{
			"the ignore file, which is in the context, too",
			Inputs{Ignore: "1", Files: []File{file(".dockerignore", "1")}},
			Inputs{Ignore: "2", Files: []File{file(".dockerignore", "2")}},
			"ignore file changed",
		},
		{"the platform", Inputs{Platform: "a"}, Inputs{Platform: "b"}, "platform a -> b"},
		{"the build section", Inputs{Definition: "a"}, Inputs{Definition: "b"}, "its build section in the Compose file changed"},
		{"the project", Inputs{Project: "a"}, Inputs{Project: "b"}, "Compose project a -> b"},
		{"a file", Inputs{Files: []File{file("a", "1")}}, Inputs{Files: []File{file("a", "2")}}, "a changed"},
		{"a new file", Inputs{}, Inputs{Files: []File{file("a", "1")}}, "a added"},
		{"a file that is gone", Inputs{Files: []File{file("a", "1")}}, Inputs{}, "a removed"},
		{"a mode", Inputs{Files: []File{file("a", "1")}}, Inputs{Files: []File{{"a", 0o755, "1"}}}, "a mode -rw-r--r-- -> -rwxr-xr-x"},
		{"a mode and a content", Inputs{Files: []File{file("a", "1")}}, Inputs{Files: []File{{"a", 0o755, "2"}}}, "a changed"},
		{"a file that is a link now", Inputs{Files: []File{file("a", "1")}}, Inputs{Files: []File{{"a", fs.ModeSymlink, "b"}}}, "a changed"},
		{
			"several files",
			Inputs{Files: []File{file("a", "1"), file("b", "1"), file("c", "1")}},
			Inputs{Files: []File{file("a", "1"), file("b", "2"), file("d", "1")}},
			"b changed (+2 more)",
		},
		{"a name that a terminal would obey", Inputs{}, Inputs{Files: []File{file("a\x1b[2J\n", "1")}}, `"a\x1b[2J\n" added`},
		{"a name in another script", Inputs{}, Inputs{Files: []File{file("größe 1", "1")}}, "größe 1 added"},
		{"the base", Inputs{Images: map[string]string{"a": "1"}}, Inputs{Images: map[string]string{"a": "2"}}, "base image changed"},
		{
			"one of two bases",
			Inputs{Images: map[string]string{"a": "1", "b": "1"}},
			Inputs{Images: map[string]string{"a": "1", "b": "2"}},
			"base image b changed",
		},
		{"another base", Inputs{Images: map[string]string{"a": "1"}}, Inputs{Images: map[string]string{"b": "2"}}, "base image changed"},
		{
			"another base that the Dockerfile explains",
			Inputs{Dockerfile: "1", Images: map[string]string{"a": "1"}},
			Inputs{Dockerfile: "2", Images: map[string]string{"b": "2"}},
			"Dockerfile changed",
		},
		{"an additional context", Inputs{Contexts: map[string]string{"a": "1"}}, Inputs{Contexts: map[string]string{"a": "2"}}, "additional context a changed"},
		{"all at once", Inputs{}, full(), "Dockerfile changed, argument A added, platform  -> linux/amd64, its build section in the Compose file changed, " +
			"Compose project  -> demo, ignore file changed, f added, additional context c changed"},
	}
	for _, c := range cases {
		if got := strings.Join(Compare(c.old, c.now), ", "); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestArgumentsThatChanged(t *testing.T) {
	t.Parallel()
	none := map[string]string{}
	cases := []struct {
		old, now map[string]string
		want     string
	}{
		{map[string]string{"GO_VERSION": "1"}, map[string]string{"GO_VERSION": "2"}, "GO_VERSION 1 -> 2"},
		{none, map[string]string{"A": ""}, "argument A added"},
		{map[string]string{"A": ""}, none, "argument A removed"},
		{map[string]string{"IMAGE": "", "USER_ID": "1"}, map[string]string{"IMAGE": "x y", "USER_ID": "2"}, `IMAGE "" -> "x y", USER_ID 1 -> 2`},
		{map[string]string{"gid": "1"}, map[string]string{"gid": "\x1b[2J"}, `gid 1 -> "\x1b[2J"`},
		{map[string]string{"IMAGE": "1"}, map[string]string{"IMAGE": strings.Repeat("x", 61)}, `IMAGE 1 -> "` + strings.Repeat("x", 60) + `"`},
		{map[string]string{"API_TOKEN": "s"}, map[string]string{"API_TOKEN": "t"}, "argument API_TOKEN changed"},
		{map[string]string{"dbPassword": "s"}, map[string]string{"dbPassword": "t"}, "argument dbPassword changed"},
		{map[string]string{"DB_URL": "postgres://a?user=u&pass=p"}, map[string]string{"DB_URL": "postgres://a?user=u&pass=q"}, "argument DB_URL changed"},
		{none, map[string]string{"SSH_PRIVATE": "s"}, "argument SSH_PRIVATE added"},
	}
	for _, c := range cases {
		if got := strings.Join(compareArgs(c.old, c.now), ", "); got != c.want {
			t.Errorf("%v -> %v: got %q, want %q", c.old, c.now, got, c.want)
		}
	}
}
