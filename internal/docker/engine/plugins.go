package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/run"
)

// pluginFolder is Docker's name of the folder for command-line plugins.
const pluginFolder = "cli-plugins"

// withOwnPlugins sets DOCKER_CONFIG in environ to the project's own folder if setup has built plugins.
func withOwnPlugins(home string, environ []string) ([]string, error) {
	own := ownPlugins(home, environ)
	if len(own) == 0 {
		return environ, nil
	}
	theirs, err := filepath.Abs(userConfig(environ)) // links would be relative to the mirror
	if err != nil {
		return nil, exit.Errorf(exit.Unusable, "placing the Docker configuration folder: %w", err)
	}
	// One for each configuration: root's and another user's must not mix.
	sum := sha256.Sum256([]byte(theirs))
	name := filepath.Join("docker", hex.EncodeToString(sum[:4]))
	ours := filepath.Join(home, ".im2", name)
	err = link(ours, theirs, own)
	if user := UserFolder(home, environ); Unwritable(err) && user != "" {
		ours = filepath.Join(user, name)
		err = link(ours, theirs, own)
	}
	if err != nil {
		return nil, exit.Errorf(exit.Missing,
			"using the tools in %s: %w. The folder must be writable for who runs mage: \"sudo chown -R $(id -u) %s\"",
			ToolsFolder(home), err, exit.Word(filepath.Join(home, ".im2")))
	}
	return append(append([]string{}, environ...), "DOCKER_CONFIG="+ours), nil
}

func userConfig(environ []string) string {
	if config := run.Getenv(environ, "DOCKER_CONFIG"); config != "" {
		return config
	}
	home := run.Getenv(environ, "HOME")
	if runtime.GOOS == "windows" {
		home = run.Getenv(environ, "USERPROFILE")
	}
	return filepath.Join(home, ".docker")
}

// link makes ours a mirror of theirs, in links, with own added to its plugins.
func link(ours, theirs string, own []string) error {
	if err := os.MkdirAll(filepath.Join(ours, pluginFolder), 0o700); err != nil {
		return err
	}
	if err := mirror(ours, wanted(theirs, pluginFolder)); err != nil {
		return err
	}
	plugins := wanted(filepath.Join(theirs, pluginFolder), "")
	for _, path := range slices.Backward(own) { // the checkout's win
		plugins[pluginName(path)] = path
	}
	return mirror(filepath.Join(ours, pluginFolder), plugins)
}

func pluginName(path string) string {
	base := filepath.Base(path)
	suffix := ""
	if strings.HasSuffix(base, ".exe") {
		suffix = ".exe"
	}
	if i := strings.LastIndex(base, "-v"); i > 0 {
		return base[:i] + suffix
	}
	return base
}

func wanted(folder, but string) map[string]string {
	links := make(map[string]string)
	entries, err := os.ReadDir(folder)
	if err != nil {
		return links // the user has no configuration: nothing to mirror
	}
	for _, e := range entries {
		if e.Name() != but {
			links[e.Name()] = filepath.Join(folder, e.Name())
		}
	}
	return links
}

// mirror makes the links in folder exactly those wanted. What is not a link stays.
func mirror(folder string, links map[string]string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		path := filepath.Join(folder, e.Name())
		if target, err := os.Readlink(path); err == nil && target != links[e.Name()] {
			if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	for name, target := range links {
		// Another run may make the same link at the same time.
		if err := os.Symlink(target, filepath.Join(folder, name)); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("linking a Docker plugin: %w", err)
		}
	}
	return nil
}
