//go:build unix

package project_test

import (
	"errors"
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

// Files that the project reads may be where services write, or be replaced by mistake.
func TestAFileWithoutAnEndIsRefused(t *testing.T) {
	t.Parallel()
	kinds := map[string]func(path string) error{
		"a FIFO":             func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"a link to a device": func(path string) error { return os.Symlink("/dev/zero", path) },
		"too long":           func(path string) error { return os.Truncate(path, run.MostFile+1) },
	}
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
			if what != "too long" {
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
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
