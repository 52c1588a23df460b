package project_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/im2-audio/im2/internal/project"
)

// taken are Compose files that take in data/in, or another file %s, in all ways that there are, and what messages call it.
var taken = map[string]struct {
	files map[string]string
	what  string
}{
	"include":                       {map[string]string{"compose.yml": "include: [%s]"}, "the included Compose file"},
	"include, long":                 {map[string]string{"compose.yml": "include: [{path: [a.yml, %s]}]"}, "the included Compose file"},
	"include, by a variable":        {map[string]string{"compose.yml": "include: ['${COMPOSE_PROJECT_NAME:+%s}']"}, "the included Compose file"},
	"include, second document":      {map[string]string{"compose.yml": "services: {}\n---\ninclude: [%s]"}, "the included Compose file"},
	"include, hidden key":           {map[string]string{"compose.yml": "\"inc\\x6cude\": [%s]"}, "the included Compose file"},
	"include, merged":               {map[string]string{"compose.yml": "x-a: &a {include: [%s]}\n<<: *a"}, "the included Compose file"},
	"include of an include":         {map[string]string{"compose.yml": "include: [sub/b.yml]", "sub/b.yml": "include: [../%s]"}, "the included Compose file"},
	"include of the third":          {map[string]string{"compose.yml": "include: [sub/b.yml]", "sub/b.yml": "include: [deep/c.yml]", "sub/deep/c.yml": "include: [../../%s]"}, "the included Compose file"},
	"include, other folder":         {map[string]string{"compose.yml": "include: [{path: sub/b.yml, project_directory: .}]", "sub/b.yml": "include: [%s]"}, "the included Compose file"},
	"include, its variables":        {map[string]string{"compose.yml": "include: [{path: a.yml, env_file: %s}]"}, "an env_file of an include"},
	"include, several":              {map[string]string{"compose.yml": "include: [{path: a.yml, env_file: [a.env, %s]}]"}, "an env_file of an include"},
	"include, by its variables":     {map[string]string{"compose.yml": "include: [{path: sub/b.yml, env_file: a.env}]", "sub/b.yml": "include: ['../${B}%s']"}, "the included Compose file"},
	"include, by a .env":            {map[string]string{"compose.yml": "include: [sub/b.yml]", "sub/b.yml": "include: ['../${B}%s']", "sub/.env": "B=\n"}, "the included Compose file"},
	"extends":                       {map[string]string{"compose.yml": "services: {a: {extends: {file: %s, service: a}}}"}, "the extended Compose file"},
	"extends of an extended one":    {map[string]string{"compose.yml": "services: {a: {extends: {file: sub/b.yml, service: b}}}", "sub/b.yml": "services: {b: {extends: c}, c: {extends: {file: ../%s, service: a}}}"}, "the extended Compose file"},
	"extends of an included one":    {map[string]string{"compose.yml": "include: [sub/b.yml]", "sub/b.yml": "services: {b: {extends: {file: ../%s, service: a}}}"}, "the extended Compose file"},
	"extends, overridden":           {map[string]string{"compose.yml": "services: {a: {extends: {file: %s, service: a}}}\n---\nservices: {a: {extends: {file: a.yml, service: a}}}"}, "the extended Compose file"},
	"extends, by a link":            {map[string]string{"compose.yml": "services: {a: {extends: {file: 'link/../%s', service: a}}}"}, "the extended Compose file"},
	"included, by default a folder": {map[string]string{"compose.yml": "include: [{path: a.yml, project_directory: data}]"}, "an env_file of an include"},
}

// takes makes a project that takes in a file, data/in unless it is elsewhere. Its other files are there.
func takes(t *testing.T, files map[string]string, in string) (root string) {
	t.Helper()
	files = maps.Clone(files)
	for name, text := range map[string]string{".env": "APP_USER_ID=1000\nAPP_GROUP_ID=1000\n", "a.yml": "services: {a: {image: x}}\n", "a.env": "A=1\nB=\n"} {
		files[name] = text
	}
	files["compose.yml"] += "\n---\nx-im2: {data: data}\nname: demo\nservices: {z: {image: x}}\n"
	root = t.TempDir()
	for _, folder := range []string{"data", "sub/deep", "elsewhere", "link"} {
		if err := os.MkdirAll(filepath.Join(root, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(root, name), []byte(strings.ReplaceAll(text, "%s", in)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestWhatIsTakenInIsNotInTheDataFolder(t *testing.T) {
	t.Parallel()
	for name, c := range taken {
		for what, to := range map[string]string{"data/in": "", "elsewhere/link": "../data/in", "elsewhere/later": "link", "elsewhere/folder/new/later": "../data"} {
			root := takes(t, c.files, what)
			switch what {
			case "elsewhere/later": // a link to a link to what services may make
				if err := os.Symlink("../data/later", filepath.Join(root, "elsewhere/link")); err != nil {
					t.Fatal(err)
				}
				fallthrough
			case "elsewhere/link":
				if err := os.Symlink(to, filepath.Join(root, what)); err != nil {
					t.Fatal(err)
				}
			case "elsewhere/folder/new/later":
				if err := os.Symlink(to, filepath.Join(root, "elsewhere/folder")); err != nil {
					t.Fatal(err)
				}
			}
			text := "services: {a: {image: x}}\n"
			if strings.Contains(c.what, "env_file") {
				text = "A=1\n"
			}
			if err := os.WriteFile(filepath.Join(root, "data/in"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := project.Open(t.Context(), root, nil)
			if err == nil || !strings.Contains(err.Error(), "reading "+c.what+" ") || !strings.Contains(err.Error(), "it is in the data folder data") {
				t.Errorf("%s, %s: %v", name, what, err)
			}
			if strings.HasSuffix(what, "later") || strings.Contains(name, "by default") {
				continue // compose-go wants it to be there
			}
			if _, _, err := project.Examine(t.Context(), root, nil); err != nil {
				t.Errorf("%s, %s: the audit of it: %v", name, what, err)
			}
		}
	}
}

// What compose-go takes in from elsewhere is read as it is.
func TestWhatIsTakenInIsRead(t *testing.T) {
	t.Parallel()
	for name, c := range taken {
		root := takes(t, c.files, "elsewhere/in")
		text := "services: {a: {image: x}}\n"
		if strings.Contains(c.what, "env_file") {
			text = "A=1\n"
		}
		if err := os.WriteFile(filepath.Join(root, "elsewhere/in"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if p, err := project.Open(t.Context(), root, nil); !strings.Contains(name, "by default") && (err != nil || p.Compose.Services["z"].Image != "x") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// compose-go would follow each of these ways, for years.
func TestWaysOfDependenciesAreBounded(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{{"depends_on", "s%d"}, {"links", "'s%d:x%[1]d'"}, {"volumes_from", "'s%d:ro'"}, {"depends_on", "'${NONE:-}s%d'"}} {
		key, entry := c[0], c[1]
		var text strings.Builder
		text.WriteString("services:\n")
		for i := range 60 {
			var others []string
			for j := range i {
				others = append(others, fmt.Sprintf(entry, j))
			}
			fmt.Fprintf(&text, "  s%d: {image: x, %s: [%s]}\n", i, key, strings.Join(others, ", "))
		}
		root := write(t, map[string]string{"compose.yml": "include: [a.yml]\n", "a.yml": text.String()})
		alone := write(t, map[string]string{"compose.yml": text.String()})
		for _, root := range []string{root, alone} {
			_, _, err := project.Examine(t.Context(), root, nil)
			if err == nil || !strings.Contains(err.Error(), "services depend on each other in more than 1000000 ways") {
				t.Errorf("%s: %v", key, err)
			}
		}
	}
}

// Neither takes an audit a Compose file that comes to gigabytes.
func TestValuesAreBounded(t *testing.T) {
	t.Parallel()
	for what, text := range map[string]string{
		"services": "services:\n" + many(20_000, "  s%d: {image: x}\n"),
		"keys":     "services: {z: {image: x}}\n" + many(30_000, "x-%d: 1\n"), // decoded, each is compared with each
		"anchors":  "x-a: &a {" + many(100, "k%d: 1, ") + "}\nservices: {z: {image: x}}\n" + many(260, "x-%d: *a\n"),
	} {
		_, _, err := project.Examine(t.Context(), write(t, map[string]string{"compose.yml": text}), nil)
		if err == nil || !strings.Contains(err.Error(), "more than the 25000 values that are audited") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func many(n int, format string) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, format, i)
	}
	return text.String()
}
