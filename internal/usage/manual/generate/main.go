// Command generate writes magefiles/targets.go and docs/targets.md from the code; "go generate
// ./internal/usage/manual" runs it.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/usage/manual"
)

func main() {
	os.Exit(run(filepath.Join("..", "..", ".."))) //nolint:forbidigo // a main package may
}

func run(home string) int {
	if err := write(home); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return int(exit.Failed)
	}
	return 0
}

func write(home string) error {
	magefiles := filepath.Join(home, "magefiles")
	text, err := manual.Wrappers(os.DirFS(filepath.Join(home, "targets")), os.DirFS(magefiles))
	if err == nil {
		err = os.WriteFile(filepath.Join(home, filepath.FromSlash(manual.WrapperFile)), text, 0o644) //nolint:gosec // a file that everybody reads
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", manual.WrapperFile, err)
	}
	targets, err := manual.Targets(magefiles)
	if err == nil {
		err = os.WriteFile(filepath.Join(home, filepath.FromSlash(manual.Page)), []byte(manual.Markdown(targets)), 0o644) //nolint:gosec // a page that everybody reads
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", manual.Page, err)
	}
	return nil
}
