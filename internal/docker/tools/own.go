package tools

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/filestate"
	"github.com/im2-audio/im2/internal/run"
)

// Own is a program of this checkout that runs outside of the targets: in a container, or
// as a process to be measured.
type Own struct {
	// Name is the program's file name, without system and digest.
	Name string
	// Package is the import path of its main package. It is of this module, or of one that
	// go.mod requires. In a project that imports the targets it is built with the versions in
	// that project's go.mod: all that it imports, targets imports, too, so that "go mod tidy"
	// there finds everything (TestImportersCanBuildTheHelpers).
	Package string
	// Sources are the folders in this module that its packages are in, that of the main
	// package included.
	Sources []string
}

var (
	// Helper is the program that resets, writes, verifies and tries out things inside of containers and builds.
	Helper = Own{
		Name: "helper", Package: modulePath + "/internal/helper/im2-helper",
		Sources: []string{
			"internal/exit", "internal/helper", "internal/helper/im2-helper", "internal/idmap",
			"internal/machine/doctor/probe", "internal/permissions/message", "internal/helper/probe", "internal/safetext", "ownership",
			"pipeline/handover", "pipeline/job", "pipeline/lease", "pipeline/modelfolder", "pipeline/options", "pipeline/pause", "pipeline/place", "pipeline/proof", "pipeline/prune",
			"pipeline/queue", "pipeline/spool", "pipeline/tags", "pipeline/title", "pipeline/weights",
		},
	}
	// Measure is the command with which "mage bench" measures others.
	Measure = Own{
		Name: "measure", Package: modulePath + "/internal/dev/bench/measure",
		Sources: []string{"internal/dev/bench/measure", "internal/run"},
	}
	// SpoolBench is the command that measures how the services hand jobs on.
	SpoolBench = Own{
		Name: "spoolbench", Package: modulePath + "/pipeline/spool/spoolbench",
		Sources: []string{"pipeline/job", "pipeline/lease", "pipeline/options", "pipeline/pause", "pipeline/place", "pipeline/spool", "pipeline/spool/spoolbench", "pipeline/tags", "pipeline/title", "pipeline/weights"},
	}
	// Mage is the mage command in the version that the checkout has, as people install it.
	Mage = Own{Name: "mage", Package: "github.com/magefile/mage"}
)

// keyLength is how many hexadecimal digits of a digest tell builds apart.
const keyLength = 12

// BuildOwn builds a program for a system and a processor (as Go calls them) unless that
// build of the same source is there already, and returns its path. It is static and, by
// -trimpath, the same bytes for everybody. Looking for it costs a millisecond, where
// asking the Go command whether its cache has it takes some 60, and needs no Go command
// of who uses what another user built.
func (k Kit) BuildOwn(ctx context.Context, o Own, goos, goarch string) (string, error) {
	if exit.IsIM2() {
		self, why := self(goos, goarch)
		if why == nil {
			return self, nil // it is the helper, too
		}
		var err error
		if k, err = k.fromModule(ctx); err != nil {
			return "", exit.Errorf(exit.Missing, "building %s, since %w: %w", o.Name, why, ExplainGo(err))
		}
	}
	key, err := k.key(o)
	if err != nil {
		return "", exit.Errorf(exit.Unusable, "building %s: %w", o.Name, err)
	}
	base := o.Name + "-" + goos + "-" + goarch + "-"
	if path := k.find(base + key); path != "" {
		return path, nil
	}
	path, err := k.make(base+key, func(_, out string) error {
		k.UI.Trace("compiling %s", strings.TrimPrefix(o.Package, modulePath+"/"))
		step := k.UI.Step("compiling "+o.Name, "compiled "+o.Name)
		return step.End(k.Runner.Run(ctx, run.Cmd{
			Name: "go",
			// -mod: a vendor folder has only what a package of the project imports.
			Args: []string{"build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", out, o.Package},
			Dir:  k.module(),
			Env:  append(os.Environ(), "CGO_ENABLED=0", "GOOS="+goos, "GOARCH="+goarch, "GOFLAGS="),
		}))
	})
	if err != nil {
		return "", exit.Errorf(exit.Missing, "building %s: %w", o.Name, ExplainGo(err))
	}
	filestate.RemoveOld(filepath.Join(filepath.Dir(path), base+"*"), keptFor)
	return path, nil
}

// module returns a folder in the project's Go module: magefiles, which may be a separate module, or the project.
func (k Kit) module() string {
	if k.alone {
		return k.sources
	}
	magefiles := filepath.Join(k.Home, "magefiles")
	if info, err := os.Stat(magefiles); err == nil && info.IsDir() {
		return magefiles
	}
	return k.Home
}

// key is a digest of what the program is made of: the module files, which fix the versions, and IM2's source if
// it is there. In the module cache the source never changes, but a checkout or the folder of a "replace" does.
func (k Kit) key(o Own) (string, error) {
	var files []string
	for folder := k.module(); ; folder = filepath.Dir(folder) {
		mod := filepath.Join(folder, "go.mod")
		if _, err := os.Stat(mod); err == nil {
			files = append(files, mod, filepath.Join(folder, "go.sum"))
			break
		}
		if folder == filepath.Dir(folder) {
			return "", fmt.Errorf("neither %s nor a folder above has a go.mod; fix: start mage where the go.mod is that requires %s", k.module(), modulePath)
		}
	}
	if source := k.source(); source != "" {
		for _, folder := range o.Sources {
			found, err := filepath.Glob(filepath.Join(source, folder, "*.go"))
			if err != nil || len(found) == 0 {
				return "", fmt.Errorf("%s has no Go files", filepath.Join(source, folder))
			}
			files = append(files, slices.DeleteFunc(found, func(path string) bool { return strings.HasSuffix(path, "_test.go") })...)
		}
	}
	sum := sha256.New()
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // a module that requires nothing has no go.sum
			return "", err
		}
		// With its length, so that text cannot move from one file to the next unseen.
		_, _ = fmt.Fprintf(sum, "%s %d\n%s", filepath.Base(path), len(text), text) // a hash takes everything
	}
	return hex.EncodeToString(sum.Sum(nil))[:keyLength], nil
}

// keptFor is how long the build of older source stays: a process may be using it.
const keptFor = 24 * time.Hour
