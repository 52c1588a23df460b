//go:build unix

package project_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/run"
)

const withFiles = `services:
  app: {image: x, env_file: [data/app.env], label_file: [data/app.labels]}
`

var kinds = map[string]func(path string) error{
	"a FIFO":             func(path string) error { return syscall.Mkfifo(path, 0o600) },
	"a link to a device": func(path string) error { return os.Symlink("/dev/zero", path) },
	"too long": func(path string) error {
		return errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, run.MostFile+1))
	},
}

// tries are the errors of all functions that read a project.
func tries(t *testing.T, root string) map[string]error {
	t.Helper()
	_, opened := project.Open(t.Context(), root, nil)
	_, _, examined := project.Examine(t.Context(), root, nil)
	explained, err := project.Explain(t.Context(), root, nil)
	return map[string]error{"Open": opened, "Examine": examined, "Explain": errors.Join(explained.Compose, err)}
}

// Files that the project reads may be where services write, or be replaced by mistake.
func TestAFileWithoutAnEndIsRefused(t *testing.T) {
	t.Parallel()
	for _, name := range []string{".env", ".env.local", "data/app.env", "data/app.labels"} {
		for what, put := range kinds {
			root := write(t, map[string]string{"docker-compose.yml": withFiles, ".env": "APP_USER_ID=1000\nAPP_GROUP_ID=1000\n", ".env.local": ""})
			if err := os.Mkdir(filepath.Join(root, "data"), 0o700); err != nil {
				t.Fatal(err)
			}
			for _, file := range []string{"data/app.env", "data/app.labels"} {
				if err := os.WriteFile(filepath.Join(root, file), []byte("A=1\n"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if p, err := project.Open(t.Context(), root, nil); err != nil || p.Compose.Services["app"].Labels["A"] != "1" || *p.Compose.Services["app"].Environment["A"] != "1" {
				t.Fatalf("%+v, %v", p, err)
			}
			path := filepath.Join(root, name)
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if err := put(path); err != nil {
				t.Fatal(err)
			}
			_, err := project.Open(t.Context(), root, nil)
			if err == nil || !strings.Contains(err.Error(), path) || !errors.Is(err, run.ErrNoFile) && !errors.Is(err, run.ErrTooLong) {
				t.Errorf("%s as %s: %v", what, name, err)
			}
		}
	}
}

// Neither are those that its Compose files take in.
func TestAFileWithoutAnEndIsNotTakenIn(t *testing.T) {
	t.Parallel()
	for name, c := range taken {
		for what, put := range kinds {
			if strings.Contains(name, "by default") {
				continue
			}
			root := takes(t, c.files, "elsewhere/in")
			path := filepath.Join(root, "elsewhere/in")
			if err := put(path); err != nil {
				t.Fatal(err)
			}
			for by, err := range tries(t, root) {
				if err == nil || !strings.Contains(err.Error(), "reading "+c.what) || !strings.Contains(err.Error(), path) || !errors.Is(err, run.ErrNoFile) && !errors.Is(err, run.ErrTooLong) {
					t.Errorf("%s, %s, %s: %v", name, what, by, err)
				}
			}
		}
	}
}

// A Compose file is none of them either, nor is what a job extends, which only Compose's schema refuses.
func TestAComposeFileHasAnEnd(t *testing.T) {
	t.Parallel()
	for what, put := range kinds {
		root := t.TempDir()
		if err := put(filepath.Join(root, "compose.yml")); err != nil {
			t.Fatal(err)
		}
		for by, err := range tries(t, root) {
			if !errors.Is(err, run.ErrNoFile) && !errors.Is(err, run.ErrTooLong) {
				t.Errorf("%s, %s: %v", what, by, err)
			}
		}
		root = write(t, map[string]string{"compose.yml": "services: {z: {image: x}}\njobs: {j: {extends: {file: in, service: a}}}\n"})
		if err := put(filepath.Join(root, "in")); err != nil {
			t.Fatal(err)
		}
		for by, err := range tries(t, root) {
			if err == nil {
				t.Errorf("%s, %s of a job: no error", what, by)
			}
		}
	}
}

// Nor is what an audit leaves out beside them.
func TestAFileWithoutAnEndIsNotTakenInBesideOneThatIsElsewhere(t *testing.T) {
	t.Parallel()
	for include, says := range map[string]string{
		"{path: ['oci://example.com/x', in]}":                          "reading the included Compose file",
		"{path: 'oci://example.com/x', env_file: in}":                  "reading an env_file of an include",
		"{path: ['oci://example.com/x', a.yml], project_directory: .}": "reading the included Compose file",
	} {
		for what, put := range kinds {
			root := write(t, map[string]string{"compose.yml": "services: {z: {image: x}}\ninclude: [" + include + "]\n", "a.yml": "include: [in]\n"})
			if err := put(filepath.Join(root, "in")); err != nil {
				t.Fatal(err)
			}
			if _, _, err := project.Examine(t.Context(), root, nil); err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("%s, %s: %v", include, what, err)
			}
		}
	}
}

// Each file of include has a copy of the variables: a thousand of them would take all memory, and minutes.
func TestManyVariablesOfIncludesAreRefused(t *testing.T) {
	t.Parallel()
	const many = 70
	beside := map[string]string{"docker-compose.yml": "services: {app: {image: x}}\ninclude:\n"}
	chain := map[string]string{"docker-compose.yml": "services: {app: {image: x}}\ninclude: [{path: 0.yml, env_file: big.env}]\n"}
	for i := range many {
		beside["docker-compose.yml"] += fmt.Sprintf("  - {path: %d.yml, env_file: big.env}\n", i)
		beside[fmt.Sprintf("%d.yml", i)] = "services: {}\n"
		chain[fmt.Sprintf("%d.yml", i)] = fmt.Sprintf("include: [%d.yml]\n", i+1)
	}
	chain[fmt.Sprintf("%d.yml", many)] = "services: {}\n"
	for what, files := range map[string]map[string]string{"beside one another": beside, "in one another": chain} {
		files["big.env"] = "BIG=" + strings.Repeat("x", 1<<20) + "\n"
		for name, err := range tries(t, write(t, files)) {
			if err == nil || !strings.Contains(err.Error(), "variables of all that they include have more than 64 MiB") {
				t.Errorf("%s, %s: %v", what, name, err)
			}
		}
	}
}
