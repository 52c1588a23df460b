package tools

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/im2-audio/im2/internal/engine"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/run"
)

// Own is a program of this checkout that runs outside of the targets: in a container, or
// as a process to be measured.
type Own struct {
	// Name is the program's file name, without system and digest.
	Name string
	// Package is its main package, as the Go command names it: "./FOLDER" in the checkout,
	// or one of a module that go.mod requires.
	Package string
	// Sources are the folders that its packages of this module are in, that of the main
	// package included.
	Sources []string
}

// Resetter is the command that resets owners and modes.
func Resetter() Own {
	return Own{
		Name: "reset", Package: "./internal/ownership/resetter",
		Sources: []string{"internal/exit", "internal/ownership", "internal/ownership/resetter"},
	}
}

// Witness is the command that "mage verify" runs inside of containers.
func Witness() Own {
	return Own{
		Name: "witness", Package: "./internal/proof/witness/probe",
		Sources: []string{"internal/exit", "internal/proof/witness", "internal/proof/witness/probe"},
	}
}

// Doctor is the command that "mage doctor" runs inside of containers and builds.
func Doctor() Own {
	return Own{
		Name: "doctor", Package: "./internal/doctor/inside/probe",
		Sources: []string{"internal/exit", "internal/doctor/inside", "internal/doctor/inside/probe", "internal/ownership"},
	}
}

// Contender is the command that "mage bench" measures with, and measures beside ours.
func Contender() Own {
	return Own{
		Name: "contender", Package: "./internal/bench/contender",
		Sources: []string{"internal/bench/contender", "internal/run"},
	}
}

// SpoolBench is the command that measures how the services hand jobs on.
func SpoolBench() Own {
	return Own{
		Name: "spoolbench", Package: "./modules/internal/spool/spoolbench",
		Sources: []string{"modules/internal/place", "modules/internal/spool", "modules/internal/spool/spoolbench"},
	}
}

// SeparatorBench is the command that runs in containers of the demucs service's image.
func SeparatorBench() Own {
	return Own{
		Name: "separatorbench", Package: "./modules/demucs/separator/separatorbench",
		Sources: []string{
			"modules/demucs/htdemucs", "modules/demucs/network", "modules/demucs/onnxruntime",
			"modules/demucs/separator", "modules/demucs/separator/separatorbench", "pipeline/weights",
		},
	}
}

// Mage is the mage command in the version that the checkout has, as people install it.
func Mage() Own {
	return Own{Name: "mage", Package: "github.com/magefile/mage"}
}

// keyLength is how many hexadecimal digits of a digest tell builds apart.
const keyLength = 12

// BuildOwn builds a program for a system and a processor (as Go calls them) unless that
// build of the same source is there already, and returns its path. It is static and, by
// -trimpath, the same bytes for everybody. Looking for it costs a millisecond, where
// asking the Go command whether its cache has it takes some 60, and needs no Go command
// of who uses what another user built.
func (k Kit) BuildOwn(ctx context.Context, o Own, goos, goarch string) (string, error) {
	key, err := k.key(o)
	if err != nil {
		return "", exit.Errorf(exit.Unusable, "building %s: %w", o.Name, err)
	}
	base := o.Name + "-" + goos + "-" + goarch + "-"
	folders := []string{engine.ToolsFolder(k.Home)}
	if user := engine.UserFolder(k.Home, os.Environ()); user != "" {
		folders = append(folders, filepath.Join(user, "tools"))
	}
	for _, folder := range folders {
		path := filepath.Join(folder, base+key)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path, nil
		}
	}
	for i, folder := range folders {
		err = k.buildOwn(ctx, o, goos, goarch, filepath.Join(folder, base+key))
		if err == nil {
			dropOlder(folder, base)
			return filepath.Join(folder, base+key), nil
		}
		if !engine.Unwritable(err) || i == len(folders)-1 {
			break
		}
	}
	return "", exit.Errorf(exit.Missing, "building %s: %w", o.Name, ExplainGo(err))
}

// key is a digest of all that the program is made of.
func (k Kit) key(o Own) (string, error) {
	files := []string{"go.mod", "go.sum"}
	for _, folder := range o.Sources {
		found, err := filepath.Glob(filepath.Join(k.Home, folder, "*.go"))
		if err != nil || len(found) == 0 {
			return "", fmt.Errorf("%s has no Go files", filepath.Join(k.Home, folder))
		}
		for _, path := range found {
			if !strings.HasSuffix(path, "_test.go") {
				files = append(files, filepath.Join(folder, filepath.Base(path)))
			}
		}
	}
	slices.Sort(files)
	sum := sha256.New()
	for _, name := range files {
		text, err := os.ReadFile(filepath.Join(k.Home, name)) //nolint:gosec // the checkout's own files
		if err != nil {
			return "", err
		}
		// With its length, so that text cannot move from one file to the next unseen.
		_, _ = fmt.Fprintf(sum, "%s %d\n%s", name, len(text), text) // a hash takes everything
	}
	return hex.EncodeToString(sum.Sum(nil))[:keyLength], nil
}

func (k Kit) buildOwn(ctx context.Context, o Own, goos, goarch, path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // programs that everybody may run
		return err
	}
	// Made beside its place and renamed: an interrupted build must not look done, and
	// another user's run may be in the middle of using the place.
	unfinished, err := os.MkdirTemp(filepath.Dir(path), ".building-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(unfinished) //nolint:errcheck // what stays is hidden and harmless
	out := filepath.Join(unfinished, o.Name)
	k.UI.Note("compiling %s", strings.TrimPrefix(o.Package, "./"))
	err = k.Runner.Run(ctx, run.Cmd{
		Name: "go",
		Args: []string{"build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", out, o.Package},
		Dir:  k.Home,
		Env:  append(os.Environ(), "CGO_ENABLED=0", "GOOS="+goos, "GOARCH="+goarch, "GOFLAGS="),
	})
	if err != nil {
		return err
	}
	if err := os.Chmod(out, 0o755); err != nil { //nolint:gosec // a program that everybody may run, whatever the umask
		return err
	}
	return os.Rename(out, path)
}

// keptFor is how long the build of older source stays: a process may be using it.
const keptFor = 24 * time.Hour

// dropOlder removes builds of older source.
func dropOlder(folder, base string) {
	found, err := filepath.Glob(filepath.Join(folder, base+"*"))
	if err != nil {
		return // only a bad pattern
	}
	for _, path := range found {
		if info, err := os.Stat(path); err == nil && time.Since(info.ModTime()) > keptFor {
			_ = os.Remove(path) // another one's build may stay
		}
	}
}
