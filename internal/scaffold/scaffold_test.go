package scaffold

import (
	"bytes"
	"errors"
	"go/format"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/im2-audio/im2/internal/exit"
)

// home is this checkout.
func home(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// write makes a project of files.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(dir, "project")
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// tree is what is in a folder: names, and the texts of files.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		if d.IsDir() {
			all[name+"/"] = ""
			return nil
		}
		text, err := os.ReadFile(path)
		all[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func prepare(t *testing.T, root, name string, environ ...string) (Service, error) {
	t.Helper()
	return Prepare(t.Context(), Request{Root: root, Environ: environ, Name: name, User: DefaultUser})
}

func mustPrepare(t *testing.T, root string, environ ...string) Service {
	t.Helper()
	s, err := prepare(t, root, "echo", environ...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestTheWatcherIsWhatTheTemplateMakes holds the services that are there, the template and
// what is made of it together.
func TestTheWatcherIsWhatTheTemplateMakes(t *testing.T) {
	t.Parallel()
	modules := filepath.Join(home(t), "modules")
	template, err := os.ReadFile(filepath.Join(modules, templateFile))
	if err != nil {
		t.Fatal(err)
	}
	if own, err := files.ReadFile("files/" + templateFile); err != nil || !bytes.Equal(own, template) {
		t.Errorf("internal/scaffold/files/%s is not modules/%s (%v): copy it", templateFile, templateFile, err)
	}
	for _, name := range []string{"watcher", "organizer"} {
		want, err := os.ReadFile(filepath.Join(modules, name, "Dockerfile"))
		if err != nil {
			t.Fatal(err)
		}
		s := Service{Name: name, User: DefaultUser, Mount: templateData, templateFrom: "../" + templateFile, Kind: Pipeline}
		got, err := s.dockerfile(string(template))
		if err != nil || got != string(want) {
			t.Errorf("a new %s would have another Dockerfile (%v):\n%s", name, err, got)
		}
	}
	s := Service{Name: "x", User: "somebody", Kind: Shell, templateFrom: "T"}
	got, err := s.dockerfile(strings.ReplaceAll(string(template), "\n", "\r\n"))
	if err != nil || strings.Count(got, "\r\n") != strings.Count(got, "\n") {
		t.Errorf("line ends are mixed (%v): %q", err, got)
	}
	for _, want := range []string{
		"# The x, after T.", "ENV HOME=/home/somebody", `"$(id -u somebody):$(id -g somebody)"`, "WORKDIR /home/somebody",
		"COPY --chmod=0755 x.sh /usr/local/bin/x",
	} {
		if !strings.Contains(got, want+"\r\n") && !strings.Contains(got, want+" ") {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
	for _, not := range []string{templateData, templateUser, "install -d"} {
		if strings.Contains(got, not) {
			t.Errorf("%q is in\n%s", not, got)
		}
	}
	if _, err := s.dockerfile("FROM scratch\n"); err == nil {
		t.Error("no error for a template without the program")
	}
}

// TestHardeningIsOurs holds what other projects get to what our own services have.
func TestHardeningIsOurs(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(home(t), "docker-compose.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var ours struct {
		Service map[string]any `yaml:"x-service"`
	}
	if err := yaml.Unmarshal(text, &ours); err != nil {
		t.Fatal(err)
	}
	delete(ours.Service, "volumes") // the project's own
	want, _ := yaml.Marshal(ours.Service)
	var theirs map[string]any
	if err := yaml.Unmarshal(template, &theirs); err != nil {
		t.Fatal(err)
	}
	delete(theirs, "build")
	delete(theirs, "volumes")
	got, _ := yaml.Marshal(theirs)
	if !bytes.Equal(got, want) {
		t.Errorf("got\n%s\nwant what x-service has:\n%s", got, want)
	}
}

func TestKinds(t *testing.T) { //nolint:funlen // a table of cases
	t.Parallel()
	service := "package service\n"
	for _, c := range []struct {
		name    string
		files   map[string]string
		environ []string
		folder  string // where, relative to the project
		kind    Kind
		mount   string
		compose string // the line of the Compose file
		made    string // a file that is made there, and what is in it
		has     string
	}{
		{
			"a project like ours",
			map[string]string{
				"docker-compose.yml": "x-im2: {go: ./modules}\nservices: {}\n", "go.mod": "module example.com/m\n",
				"pipeline/service/service.go": service, "modules/" + templateFile: templateCopy + "\n",
			},
			nil, "modules/echo", Pipeline, "/pipeline-data", "docker-compose.yml:3",
			"main.go", `"example.com/m/pipeline/service"`,
		},
		{
			"Go in a module",
			map[string]string{"compose.yaml": "x-im2: {go: ./svc, data: ./d}\nservices:\n  a: {image: b, volumes: [\"./d:/srv\"]}\n", "go.mod": "module m\n"},
			nil, "svc/echo", Go, "/srv", "compose.yaml:5",
			"Dockerfile", "# The echo, after IM2's Dockerfile.template.",
		},
		{
			"paths that need care",
			map[string]string{
				"compose.yml": "x-im2: {go: '../go', data: 'my data/$d'}\nservices: {a: {image: b, volumes: [{type: bind, source: 'my data/$$d', target: /my data}]}}\n",
			},
			nil, "../go/echo", Go, "/pipeline-data", "compose.yml:2",
			"go.mod", "module example.com/echo\n",
		},
		{
			"Go without a module",
			map[string]string{"compose.yml": "x-im2: {go: ./svc}\n"},
			nil, "svc/echo", Go, "/pipeline-data", "compose.yml:4",
			"go.mod", "module example.com/echo\n",
		},
		{
			"no Go, contexts in one folder",
			map[string]string{"docker-compose.yaml": "services:\n  a: {build: ./services/a}\n  b: {build: ./services/b}\n"},
			nil, "services/echo", Shell, "", "docker-compose.yaml:4",
			"echo.sh", "echo: refusing to run as root",
		},
		{
			"no Go, contexts here and there",
			map[string]string{"docker-compose.yml": "services:\n  a: {build: ./services/a}\n  b: {build: ./b}\n"},
			nil, "modules/echo", Shell, "", "docker-compose.yml:4",
			".dockerignore", "!echo.sh",
		},
		{
			"an override that has services first in its line",
			map[string]string{"docker-compose.yml": "services: {a: {image: b}}\n", "docker-compose.override.yml": "services:\n  a: {init: true}\n"},
			nil, "modules/echo", Shell, "", "docker-compose.yml:1",
			"README.md", "# echo\n",
		},
		{
			"the first of COMPOSE_FILE that has services",
			map[string]string{"one.yml": "name: x\n", "two.yml": "services:\n  a: {image: b}\n", ".env": "COMPOSE_FILE=one.yml:two.yml\n"},
			nil, "modules/echo", Shell, "", "two.yml:4",
			"echo.sh", "/tmp/echo.health",
		},
		{
			"none of COMPOSE_FILE has services",
			map[string]string{"one.yml": "services:\n", "two.yml": "x-a: 1\n"},
			[]string{"COMPOSE_FILE=one.yml,two.yml", "COMPOSE_PATH_SEPARATOR=,"},
			"modules/echo", Shell, "", "one.yml:2",
			"echo.sh", "/tmp/echo.health",
		},
		{
			"variables that are set nowhere",
			map[string]string{"docker-compose.yml": "services:\n  a:\n    image: ${NOT_SET:?}\n    env_file: not-there\n"},
			nil, "modules/echo", Shell, "", "docker-compose.yml:6",
			"echo.sh", "/tmp/echo.health",
		},
		{
			"an empty Compose file",
			map[string]string{"docker-compose.yml": ""},
			nil, "modules/echo", Shell, "", "docker-compose.yml:2",
			"echo.sh", "/tmp/echo.health",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			root := write(t, c.files)
			for i, entry := range c.environ {
				c.environ[i] = strings.ReplaceAll(entry, "=one.yml,two.yml", "="+filepath.Join(root, "one.yml")+","+filepath.Join(root, "two.yml"))
			}
			if text, ok := c.files[".env"]; ok { // a relative path there is the working folder's
				text = strings.ReplaceAll(strings.ReplaceAll(text, "one.yml", filepath.Join(root, "one.yml")), "two.yml", filepath.Join(root, "two.yml"))
				if err := os.WriteFile(filepath.Join(root, ".env"), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			s := mustPrepare(t, root, c.environ...)
			folder, err := filepath.Rel(root, s.Folder)
			if err != nil || filepath.ToSlash(folder) != c.folder || s.Kind != c.kind || s.Mount != c.mount {
				t.Errorf("a %s service in %s with %q, want %s in %s with %q", s.Kind, s.Folder, s.Mount, c.kind, c.folder, c.mount)
			}
			file, _, _ := strings.Cut(c.compose, ":")
			if s.Rel(s.Compose) != file {
				t.Errorf("%s gets the entry, want %s", s.Compose, file)
			}
			made, err := s.Write(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			shown, err := s.Files()
			if err != nil || !slices.EqualFunc(made, shown, func(a, b File) bool { return a.Name == b.Name && bytes.Equal(a.Text, b.Text) }) {
				t.Errorf("the dry run shows other files: %v", err)
			}
			for name, text := range tree(t, s.Folder) {
				if strings.HasSuffix(name, ".go") {
					if formatted, err := format.Source([]byte(text)); err != nil || string(formatted) != text {
						t.Errorf("%s is not formatted (%v):\n%s", name, err, text)
					}
				}
				if strings.Contains(text, "{{.") {
					t.Errorf("%s is not filled in:\n%s", name, text)
				}
			}
			if text := tree(t, s.Folder)[c.made]; !strings.Contains(text, c.has) {
				t.Errorf("%s has not %q:\n%s", c.made, c.has, text)
			}
			after, err := prepare(t, root, "echo", c.environ...)
			var coded *exit.Error
			if !errors.As(err, &coded) || coded.Code != exit.Unusable || !strings.Contains(err.Error(), "there is a service echo already") {
				t.Errorf("again: %v, %v", after, err)
			}
		})
	}
}

func TestClashes(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"docker-compose.yml": "name: p\ninclude: [more.yml]\nservices:\n  web: {image: a}\n  Loud: {image: a}\n  debug: {image: a, profiles: [x, y]}\n  named: {image: p-taken}\n",
		"more.yml":           "services:\n  db: {image: b}\n",
		"modules/there/file": "", "modules/file": "",
	}
	root := write(t, files)
	before := tree(t, root)
	for name, want := range map[string]string{
		"web":   "there is a service web already, at docker-compose.yml:4.",
		"loud":  "there is a service Loud already, at docker-compose.yml:5.",
		"debug": "there is a service debug already, at docker-compose.yml:6 (profile x, y).",
		"db":    "there is a service db already, at more.yml:2.",
		"taken": "service named has the image p-taken",
		"there": "modules/there is there already, though no service is called so",
		"file":  "modules/file is there already",
	} {
		_, err := prepare(t, root, name)
		var coded *exit.Error
		if err == nil || !strings.Contains(filepath.ToSlash(err.Error()), want) || !errors.As(err, &coded) || coded.Code != exit.Unusable {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	unchanged(t, before, tree(t, root))
}

func TestRefusalsSayWhatToPaste(t *testing.T) {
	t.Parallel()
	root := write(t, map[string]string{"docker-compose.yml": "x-all: &all\n  web: {image: a}\nservices: *all\n"})
	before := tree(t, root)
	_, err := prepare(t, root, "echo")
	if err == nil || !strings.Contains(err.Error(), "nothing was made") || !strings.Contains(err.Error(), "\nservices:\n  echo:\n    build:\n") {
		t.Errorf("got %v", err)
	}
	unchanged(t, before, tree(t, root))
	root = write(t, map[string]string{"docker-compose.yml": "x-im2: {go: ./svc}\nservices: {}\n", "svc/" + templateFile: "FROM scratch\n"})
	var coded *exit.Error
	if _, err := prepare(t, root, "echo"); err == nil || !strings.Contains(err.Error(), "no line") || !errors.As(err, &coded) || coded.Code != exit.Unusable {
		t.Errorf("a template without a program: %v", err)
	}
	if _, err := prepare(t, t.TempDir(), "echo"); err == nil || !strings.Contains(err.Error(), "no docker-compose.yml in ") {
		t.Errorf("no Compose file: %v", err)
	}
}
