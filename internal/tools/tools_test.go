package tools_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/im2-audio/im2/internal/engine"
	"github.com/im2-audio/im2/internal/tools"
)

// The pins themselves are what is tested: a tool that is not in tools/go.mod, or older
// than what the targets ask for, would fail only on a machine without it.
func TestThePinsAreThereAndNewEnough(t *testing.T) {
	t.Parallel()
	kit := tools.Kit{Home: filepath.Join("..", "..")}
	for _, c := range []struct {
		tool  tools.Tool
		least string
	}{
		{tools.Compose(), engine.MinCompose},
		{tools.Buildx(), engine.MinBuildx},
		{tools.Linter(), "2.0.0"},
	} {
		path, version, err := kit.Path(c.tool)
		if err != nil || !engine.AtLeast(version, c.least) || !strings.Contains(path, c.tool.Name+"-"+version) {
			t.Errorf("%s: %q, %q, %v", c.tool.Name, path, version, err)
		}
		if !strings.HasPrefix(c.tool.Package, c.tool.Module) {
			t.Errorf("%s is no package of %s", c.tool.Package, c.tool.Module)
		}
	}
	if _, _, err := kit.Path(tools.Tool{Module: "example.org/none"}); err == nil {
		t.Error("a tool that is not pinned has a path")
	}
	if _, _, err := (tools.Kit{Home: t.TempDir()}).Path(tools.Linter()); err == nil {
		t.Error("a checkout without tools/go.mod has pins")
	}
}
