package tools

import (
	"context"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/im2-audio/im2/internal/run"
)

// self is the file of this process, which is the im2 command, where containers of that system and
// processor can run it; otherwise the error says why they cannot.
func self(goos, goarch string) (string, error) {
	if runtime.GOOS != goos || runtime.GOARCH != goarch {
		return "", fmt.Errorf("this im2 is for %s/%s and the containers are %s/%s", runtime.GOOS, runtime.GOARCH, goos, goarch)
	}
	path, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("the file of this im2 is unknown (%w)", err)
	}
	if err := static(path); err != nil {
		return "", err
	}
	return path, nil
}

// static returns an error unless a program needs nothing beside its file.
func static(path string) error {
	file, err := elf.Open(path)
	if err != nil {
		return fmt.Errorf("this im2 cannot be read (%w)", err)
	}
	defer func() { _ = file.Close() }() // only read
	for _, part := range file.Progs {
		if part.Type == elf.PT_INTERP {
			return errors.New("this im2 is not static; build it with CGO_ENABLED=0")
		}
	}
	return nil
}

// fromModule returns a kit that builds the helper from the source of this im2, in its own version.
func (k Kit) fromModule(ctx context.Context) (Kit, error) {
	k.alone = true
	if k.sources = k.source(); k.sources != "" {
		return k, NeedGo()
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return k, errors.New("this im2 does not know its version")
	}
	var stdout run.Buffer
	err := k.Runner.Run(ctx, run.Cmd{
		Name: "go", Args: []string{"mod", "download", "-json", modulePath + "@" + info.Main.Version},
		Dir: os.TempDir(), Env: append(os.Environ(), "GOFLAGS=", "GOWORK=off"), Stdout: &stdout,
	})
	var module struct{ Dir, Error string }
	if jsonErr := json.Unmarshal(stdout.Bytes(), &module); err == nil {
		err = jsonErr
	}
	if err == nil && module.Error != "" {
		err = errors.New(module.Error)
	}
	k.sources = module.Dir
	return k, err
}
