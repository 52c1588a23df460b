// Command generate writes magefiles/targets.go, cmd/im2/commands.go and docs/targets.md from the code;
// "go generate ./internal/usage/manual" runs it.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/im2-audio/im2/internal/usage"
	"github.com/im2-audio/im2/internal/usage/manual"
)

func main() {
	if err := write(filepath.Join("..", "..", "..")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1) //nolint:forbidigo // a main package may
	}
}

func write(home string) error {
	magefiles, targets := os.DirFS(filepath.Join(home, "magefiles")), os.DirFS(filepath.Join(home, "targets"))
	for _, file := range []struct {
		name string
		text func() ([]byte, error)
	}{
		{manual.WrapperFile, func() ([]byte, error) { return manual.Wrappers(targets, magefiles) }},
		{manual.CommandsFile, func() ([]byte, error) { return manual.Commands(targets) }},
		{manual.Page, func() ([]byte, error) {
			all, err := usage.Read(magefiles)
			if err != nil {
				return nil, err
			}
			return []byte(manual.Markdown(all)), nil
		}},
	} {
		text, err := file.text()
		if err == nil {
			err = os.WriteFile(filepath.Join(home, filepath.FromSlash(file.name)), text, 0o644) //nolint:gosec // everybody may read it
		}
		if err != nil {
			return fmt.Errorf("writing %s: %w", file.name, err)
		}
	}
	return nil
}
