package manual_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/im2-audio/im2/internal/usage"
	"github.com/im2-audio/im2/internal/usage/manual"
)

// TestThePageIsCurrent holds docs/targets.md to the code.
func TestThePageIsCurrent(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", filepath.FromSlash(manual.Page)))
	if err != nil {
		t.Fatal(err)
	}
	targets, err := usage.Read(os.DirFS(filepath.Join("..", "..", "..", "magefiles")))
	if err != nil || len(targets.Targets) < 10 {
		t.Fatalf("%+v: %v", targets, err)
	}
	if string(text) != manual.Markdown(targets) {
		t.Errorf(`%s is not what the code says; "go generate ./internal/usage/manual" writes it`, manual.Page)
	}
}

// TestGeneratedCodeIsCurrent holds magefiles/targets.go and cmd/im2/commands.go to targets/.
func TestGeneratedCodeIsCurrent(t *testing.T) {
	t.Parallel()
	home := filepath.Join("..", "..", "..")
	targets := os.DirFS(filepath.Join(home, "targets"))
	wrappers, err := manual.Wrappers(targets, os.DirFS(filepath.Join(home, "magefiles")))
	if err != nil {
		t.Fatal(err)
	}
	commands, err := manual.Commands(targets)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]byte{manual.WrapperFile: wrappers, manual.CommandsFile: commands} {
		have, err := os.ReadFile(filepath.Join(home, filepath.FromSlash(name)))
		if err != nil || !bytes.Equal(have, want) {
			t.Errorf(`%s is not what targets/ says (%v); "go generate ./internal/usage/manual" writes it`, name, err)
		}
	}
}

// TestWhatMageCompilesIsNoTarget: Mage puts a file beside the targets for a moment.
func TestWhatMageCompilesIsNoTarget(t *testing.T) {
	t.Parallel()
	const target = "// Up starts it.\nfunc Up(ctx context.Context) error { return nil }\n"
	targets := fstest.MapFS{"stack.go": {Data: []byte("package targets\n\n" + target)}}
	got, err := manual.Wrappers(targets, fstest.MapFS{"mage_output_file.go": {Data: []byte("package main\n\nfunc Up(ctx context.Context) error {}\n")}})
	if err != nil || !strings.Contains(string(got), "func Up(") {
		t.Errorf("%v: %s", err, got)
	}
}
