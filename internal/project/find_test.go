package project

import (
	"os"
	"path/filepath"
	"testing"
)

func TestFind(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("shop/compose.yaml", "")
	write("shop/a/b/file", "")
	write("shop/inner/docker-compose.yml", "")
	write("shop/inner/c/file", "")
	write("named/.env", "COMPOSE_FILE=deploy.yml:more.yml\n")
	write("named/deploy.yml", "")
	write("named/a/file", "")
	write("other/deploy.yml", "")
	write("other/a/file", "")
	write("none/a/file", "")
	for _, c := range []struct {
		from, want, env string
	}{
		{from: "shop", want: "shop"},
		{from: "shop/a/b", want: "shop"},
		{from: "shop/inner/c", want: "shop/inner"},
		{from: "named/a", want: "named"},
		{from: "none/a", want: "none/a"},
		{from: "other/a", want: "other/a"},
		{from: "other/a", want: "other", env: "COMPOSE_FILE=deploy.yml"},
		{from: "shop/a/b", want: "other", env: "COMPOSE_FILE=" + filepath.Join(home, "other/deploy.yml")},
	} {
		got := Find(filepath.Join(home, c.from), []string{c.env})
		if got != filepath.Join(home, c.want) {
			t.Errorf("from %s with %q: %s, want %s", c.from, c.env, got, c.want)
		}
	}
}
