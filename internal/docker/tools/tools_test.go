package tools

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"

	"github.com/im2-audio/im2/internal/docker/engine"
)

// TestVersionsAreThoseOfToolsGoMod compares the constants and the embedded copies with tools/go.mod,
// which tools for updates know. A tool that is older than what the targets ask
// for would fail only on a machine without it.
func TestVersionsAreThoseOfToolsGoMod(t *testing.T) {
	t.Parallel()
	file := filepath.Join("..", "..", "..", "tools", "go.mod")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	mod, err := modfile.ParseLax(file, text, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, pin := range map[string]string{"go.mod": "mod.txt", "go.sum": "sum.txt"} {
		want, err := os.ReadFile(filepath.Join("..", "..", "..", "tools", name))
		have, err2 := pinned.ReadFile("pinned/" + pin)
		if err != nil || err2 != nil || string(have) != string(want) {
			t.Errorf("internal/docker/tools/pinned/%s is not tools/%s (%v, %v); \"go generate ./internal/docker/tools\" copies it", pin, name, err, err2)
		}
	}
	versions := make(map[string]string)
	for _, r := range mod.Require {
		versions[r.Mod.Path] = r.Mod.Version
	}
	for _, c := range []struct {
		tool  Tool
		least string
	}{
		{Compose, engine.MinCompose},
		{Buildx, engine.MinBuildx},
		{Linter, "2.0.0"},
	} {
		if c.tool.Version != versions[c.tool.Module] || !engine.AtLeast(c.tool.Version, c.least) {
			t.Errorf("%s is %s; tools/go.mod has %s, and the targets need %s", c.tool.Name, c.tool.Version, versions[c.tool.Module], c.least)
		}
		if !strings.HasPrefix(c.tool.Package, c.tool.Module) {
			t.Errorf("%s is no package of %s", c.tool.Package, c.tool.Module)
		}
	}
}
