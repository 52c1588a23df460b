// Package browser has what tests of pages need: a Chromium, and axe-core, which checks whether people can use a page
// without a mouse or with a screen reader.
package browser

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/im2-audio/im2/internal/dev/moby"
	"github.com/im2-audio/im2/internal/dev/programs"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/run"
)

// chromiums are what the program is called: by Debian, by other distributions, and where Google's own is installed.
var chromiums = []string{"chromium", "google-chrome-stable", "google-chrome"}

// Chromium returns the path of the program. Where there is none, install says that root may install it on Debian.
func Chromium(ctx context.Context, r run.Runner, install bool) (string, error) {
	for _, name := range chromiums {
		if path, err := run.Find(name); err == nil {
			return path, nil
		}
	}
	if err := debian(ctx, r, install, "Chromium is missing", "chromium"); err != nil {
		return "", err
	}
	return run.Find(chromiums[0])
}

// Axe returns the path of axe-core's script in the version of tools/axe in this checkout. It is in the user's cache; if it
// is missing, npm fetches it, and runs nothing of it. Where npm is missing, install is as for Chromium.
func Axe(ctx context.Context, r run.Runner, checkout string, install bool) (string, error) {
	fetch := func(ctx context.Context, module, out string) error {
		if _, err := run.Find("npm"); err != nil {
			if err := debian(ctx, r, install, "npm is missing", "npm"); err != nil {
				return err
			}
		}
		for _, name := range pins {
			text, err := os.ReadFile(filepath.Join(module, name))
			if err == nil {
				err = os.WriteFile(filepath.Join(out, name), text, 0o600)
			}
			if err != nil {
				return err
			}
		}
		return r.Run(ctx, run.Cmd{Name: "npm", Args: []string{"ci", "--ignore-scripts", "--no-audit", "--no-fund"}, Dir: out})
	}
	folder, err := programs.Module{Name: "axe", Pins: pins, Compile: fetch}.Build(ctx, checkout)
	if err != nil {
		return "", fmt.Errorf("fetching axe-core: %w", err)
	}
	return filepath.Join(folder, "node_modules", "axe-core", "axe.min.js"), nil
}

var pins = []string{"package.json", "package-lock.json"}

// debian installs a package if it may.
func debian(ctx context.Context, r run.Runner, install bool, lack, name string) error {
	if _, err := run.Find("apt-get"); err != nil || !install || os.Geteuid() != 0 {
		return exit.Fixable(exit.Missing, exit.Fix{Type: "sudo apt-get install " + name, Note: "installs it on Debian"}, "%s", lack)
	}
	return moby.Packages(ctx, r, name)
}
