// Package programs builds programs for tests from what is pinned in tools/, into the user's cache.
package programs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/im2-audio/im2/internal/filestate"
	"github.com/im2-audio/im2/internal/run"
)

// keptFor is how long a build of other versions stays after it was made: another checkout may use it.
const keptFor = 30 * 24 * time.Hour

// Module is a folder below tools/ of a checkout that pins programs of others: a Go module, unless Pins says otherwise.
type Module struct {
	// Name is its folder in tools/, and the beginning of the names in the cache.
	Name string
	// Pins are the files that say which versions these are; nil for go.mod and go.sum.
	Pins []string
	// Compile builds the programs in the module's folder into the folder out. It runs only if they are missing.
	Compile func(ctx context.Context, module, out string) error
}

// Build returns the folder that has the programs, in the versions of the module in this checkout. One process at a
// time builds; a build that was interrupted leaves nothing that is taken for a whole one.
func (m Module) Build(ctx context.Context, checkout string) (string, error) {
	module := filepath.Join(checkout, "tools", m.Name)
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	name, err := m.key(module)
	if err != nil {
		return "", err
	}
	cache = filepath.Join(cache, "im2")
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	lock := flock.New(filepath.Join(cache, m.Name+".lock"))
	if _, err := lock.TryLockContext(ctx, 200*time.Millisecond); err != nil {
		return "", fmt.Errorf("waiting for another build: %w", err)
	}
	defer func() { _ = lock.Close() }() // releases it
	folder := filepath.Join(cache, name)
	if _, err := os.Stat(folder); !errors.Is(err, fs.ErrNotExist) {
		return folder, err
	}
	unfinished, err := os.MkdirTemp(cache, m.Name+"-unfinished-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(unfinished) }() // not there when all went well
	if err := m.Compile(ctx, module, unfinished); err != nil {
		return "", err
	}
	filestate.RemoveOld(filepath.Join(cache, m.Name+"-*"), keptFor)
	return folder, errors.Join(os.Chmod(unfinished, 0o755), os.Rename(unfinished, folder))
}

// key names a build by what it is made from.
func (m Module) key(module string) (string, error) {
	pins := m.Pins
	if pins == nil {
		pins = []string{"go.mod", "go.sum"}
	}
	sum := sha256.New()
	for _, name := range pins {
		text, err := os.ReadFile(filepath.Join(module, name))
		if err != nil {
			return "", err
		}
		_, _ = fmt.Fprintf(sum, "%s %d\n%s", name, len(text), text) // a hash takes everything
	}
	return m.Name + "-" + hex.EncodeToString(sum.Sum(nil))[:12], nil
}

// Go runs the Go command in a module, without what this machine sets for other modules. cgo is "1" or "0".
func Go(ctx context.Context, r run.Runner, module, cgo string, args ...string) error {
	return r.Run(ctx, goCommand(module, cgo, args))
}

// GoOutput is Go, and returns the standard output.
func GoOutput(ctx context.Context, r run.Runner, module string, args ...string) ([]byte, error) {
	return run.Output(ctx, r, goCommand(module, "0", args))
}

func goCommand(module, cgo string, args []string) run.Cmd {
	return run.Cmd{Name: "go", Args: args, Dir: module, Env: append(os.Environ(), "CGO_ENABLED="+cgo, "GOFLAGS=", "GOWORK=off")}
}
