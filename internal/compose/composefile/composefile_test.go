package composefile_test

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/im2-audio/im2/internal/compose/composefile"
)

func open(t *testing.T, files map[string]string, paths ...string) (*composefile.Set, error) {
	t.Helper()
	return composefile.Open(paths, func(path string) ([]byte, error) {
		text, ok := files[path]
		if !ok {
			return nil, fs.ErrNotExist
		}
		return []byte(text), nil
	})
}

func TestWhereThingsStand(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"/p/compose.yaml": "\ufeffinclude: [more/db.yaml, {path: [more/two.yaml]}]\r\n" +
			"x-base: &base\r\n  user: \"0:0\"\r\n  read_only: true\r\n" +
			"services:\r\n  web:\r\n    <<: *base\r\n    image: web\r\n  \"ü\":\r\n    {image: x, user: root}\r\n" +
			"  job:\r\n    extends: {file: more/common.yaml, service: base}\r\n" +
			"  kid:\r\n    extends: web\r\n",
		"/p/override.yaml":    "services:\n  web:\n    read_only: false\n",
		"/p/more/db.yaml":     "services:\n  db:\n    user: postgres\n",
		"/p/more/two.yaml":    "services:\n  two: {build: {args: [A=1, B=2]}}\n",
		"/p/more/common.yaml": "services:\n  base:\n    image: x\n    privileged: true\n",
	}
	s, err := open(t, files, "/p/compose.yaml", "/p/override.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]string{
		"web user":       "/p/compose.yaml:3:3",
		"web read_only":  "/p/override.yaml:3:5",
		"web image":      "/p/compose.yaml:8:5",
		"ü user":         "/p/compose.yaml:10:16",
		"job privileged": "/p/more/common.yaml:4:5",
		"kid user":       "/p/compose.yaml:3:3",
		"db user":        "/p/more/db.yaml:3:5",
		"two build args": "/p/more/two.yaml:2:17",
		"web nothing":    "",
		"nobody user":    "",
	} {
		words := strings.Fields(query)
		got := ""
		if place, ok := s.Find(words[0], words[1:]...); ok {
			got = fmt.Sprintf("%s:%d:%d", place.File.Path, place.Node().Line, place.Node().Column)
			if key := words[len(words)-1]; !strings.HasPrefix(string(place.File.Text[place.File.Offset(place.Node().Line, place.Node().Column):]), key) {
				t.Errorf("%s: the offset is not where %q stands", query, key)
			}
		}
		if got != want {
			t.Errorf("%s stands at %q, want %q", query, got, want)
		}
	}
	if two, ok := s.Find("two", "build", "args"); !ok || len(two.Items()) != 2 {
		t.Errorf("the items of a list: %v", two)
	}
}

func TestHostileFiles(t *testing.T) {
	t.Parallel()
	var bomb strings.Builder
	bomb.WriteString("a0: &a0 [x]\n")
	for i := range 12 {
		fmt.Fprintf(&bomb, "a%d: &a%d [%s]\n", i+1, i+1, strings.Repeat(fmt.Sprintf("*a%d, ", i), 9)+fmt.Sprintf("*a%d", i))
	}
	if _, err := open(t, map[string]string{"f": bomb.String()}, "f"); !errors.Is(err, composefile.ErrTooLarge) {
		t.Errorf("aliases of aliases: %v", err)
	}
	if _, err := open(t, map[string]string{"f": "a: [\n"}, "f"); err == nil {
		t.Errorf("no YAML: %v", err)
	}
	loop := map[string]string{"/a": "include: [/a, /b]\nservices: {x: {extends: x}, y: {extends: {file: /b, service: y}}}\n", "/b": "include: [/a]\nservices: {y: {extends: {file: /a, service: y}}}\n"}
	s, err := open(t, loop, "/a")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"x", "y", "z"} {
		if _, ok := s.Find(name, "user"); ok {
			t.Errorf("found a user of %s", name)
		}
	}
}
