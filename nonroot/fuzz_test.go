package nonroot_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/im2-audio/im2/internal/policy"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/nonroot"
)

// maxFuzz keeps inputs at the size for which limits of time and memory are promised.
const maxFuzz = 1 << 20

// FuzzDockerfile checks and fixes a Dockerfile of any text: it may be refused, but nothing
// may panic or hang, and what was fixed must not need the same again.
func FuzzDockerfile(f *testing.F) {
	seed(f, "Dockerfile")
	for name, text := range examples(f) {
		if name[0] == 'D' {
			f.Add([]byte(text))
		}
	}
	root := write(f, map[string]string{
		"docker-compose.yml": own + "services: {web: {build: {context: ., args: {USER_ID: 5}}, volumes: [\"./data:/data\"]}}\n",
		".env":               goodEnv,
	})
	in := open(f, root) // once: the Compose file is always the same
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) <= maxFuzz {
			changed := in
			changed.Files = map[string][]byte{filepath.Join(root, "Dockerfile"): text}
			fuzz(t, changed)
		}
	})
}

// FuzzCompose does the same with a Compose file.
func FuzzCompose(f *testing.F) {
	seed(f, "Compose")
	for name, text := range examples(f) {
		if name[0] == 'C' {
			f.Add([]byte(own + text))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > maxFuzz {
			return
		}
		root := write(t, map[string]string{
			"Dockerfile":         "FROM debian:trixie-slim\nARG USER_ID\nUSER $USER_ID\n",
			"docker-compose.yml": string(text),
			".env":               goodEnv,
		})
		p, problems, err := project.Examine(t.Context(), root, nil)
		if err != nil {
			return // refused
		}
		fuzz(t, input{p.Compose, policy.Audit(p, problems)})
	})
}

// seed adds the files of a folder in testdata.
func seed(f *testing.F, kind string) {
	f.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", "seeds", kind, "*"))
	if err != nil || len(paths) == 0 {
		f.Fatal(paths, err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
}

func fuzz(t *testing.T, in input) {
	t.Helper()
	if _, err := nonroot.Audit(t.Context(), in.Project, in.Options); err != nil {
		return // refused
	}
	changed, err := nonroot.Fix(t.Context(), in.Project, in.Options, nonroot.Note)
	if err != nil {
		t.Logf("refused once it was fixed: %v", err)
	}
	for _, c := range changed {
		if string(c.Before) == string(c.After) {
			t.Errorf("%s is fixed into itself", c.Name)
		}
	}
}
