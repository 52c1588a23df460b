package programs_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/im2-audio/im2/internal/dev/programs"
)

func TestAModuleIsBuiltOnce(t *testing.T) {
	checkout, cache := t.TempDir(), t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	t.Setenv("HOME", cache)
	write := func(text string) {
		folder := filepath.Join(checkout, "tools", "tool")
		if err := errors.Join(os.MkdirAll(folder, 0o755), os.WriteFile(filepath.Join(folder, "go.mod"), []byte(text), 0o600),
			os.WriteFile(filepath.Join(folder, "go.sum"), nil, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	built := 0
	var fails error
	m := programs.Module{Name: "tool", Compile: func(_ context.Context, module, out string) error {
		built++
		if module != filepath.Join(checkout, "tools", "tool") {
			t.Errorf("built in %s", module)
		}
		return errors.Join(os.WriteFile(filepath.Join(out, "program"), []byte("1"), 0o600), fails)
	}}
	build := func(want int) string {
		t.Helper()
		folder, err := m.Build(t.Context(), checkout)
		if !errors.Is(err, fails) || built != want {
			t.Fatalf("%v after %d builds, want %d", err, built, want)
		}
		return folder
	}
	write("module a")
	first := build(1)
	if again := build(1); again != first {
		t.Errorf("%s, then %s", first, again)
	}
	if _, err := os.Stat(filepath.Join(first, "program")); err != nil {
		t.Error(err)
	}

	// other versions are another build, and one that fails leaves nothing
	write("module b")
	fails = errors.New("no compiler")
	build(2)
	fails = nil
	old := time.Now().Add(-31 * 24 * time.Hour)
	if err := os.Chtimes(first, old, old); err != nil {
		t.Fatal(err)
	}
	second := build(3)
	left, err := filepath.Glob(filepath.Join(filepath.Dir(second), "tool-*"))
	if err != nil || len(left) != 1 || left[0] != second {
		t.Errorf("left %q, %v; want %s alone", left, err, second)
	}
}
