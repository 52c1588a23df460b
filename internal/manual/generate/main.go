// Command generate writes docs/targets.md from the code; "go generate ./internal/manual"
// runs it.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/manual"
)

func main() {
	os.Exit(run(filepath.Join("..", ".."))) //nolint:forbidigo // a main package may
}

func run(home string) int {
	targets, err := manual.Targets(filepath.Join(home, "magefiles"))
	if err == nil {
		err = os.WriteFile(filepath.Join(home, filepath.FromSlash(manual.Page)), []byte(manual.Markdown(targets)), 0o644) //nolint:gosec // a page that everybody reads
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "writing "+manual.Page+":", err)
		return int(exit.Failed)
	}
	return 0
}
