package reset

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strings"

	"github.com/im2-audio/im2/internal/engine"
	"github.com/im2-audio/im2/internal/tools"
)

const (
	// repository is the name of the images; the tag is a digest of the command in it.
	repository = "im2/reset"
	// mark is the label of the images and containers.
	mark = "im2.reset=1"
	// program is the command's path in the image, which has nothing else.
	program = "/im2-reset"
)

// image returns an image that has the command and nothing else, importing it first where
// the engine has none. The command is inside, not mounted: a container then sees nothing
// of this machine but the data folder, and it works where the engine cannot see the
// checkout.
func (r *Resetter) image(ctx context.Context, e *engine.Engine) (string, error) {
	kit := tools.Kit{Home: r.Home, Runner: r.Runner, UI: r.UI}
	path, err := kit.BuildOwn(ctx, tools.Resetter(), "linux", e.Server.GoArch())
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(path) //nolint:gosec // what was just built
	if err != nil {
		return "", fmt.Errorf("reading the command for the engine: %w", err)
	}
	sum := sha256.Sum256(text)
	name := repository + ":" + hex.EncodeToString(sum[:8])
	has, err := e.HasImage(ctx, name)
	if err != nil || has {
		return name, err
	}
	archive, err := pack(text)
	if err != nil {
		return "", fmt.Errorf("packing the command for the engine: %w", err)
	}
	c := e.Command("import", "--change", `ENTRYPOINT ["`+program+`"]`, "--change", "LABEL "+mark,
		"--message", "resets owners and modes of a data folder", "-", name)
	c.Stdin = archive
	if err := e.Run(ctx, c); err != nil {
		return "", fmt.Errorf("giving the command to the engine: %w", err)
	}
	return name, RemoveImages(ctx, e, name)
}

// RemoveImages removes the images of the command, but the one called keep. One that a
// running reset needs stays.
func RemoveImages(ctx context.Context, e *engine.Engine, keep string) error {
	out, err := e.Output(ctx, e.Command("image", "ls", "--filter", "label="+mark, "--format", "{{.Repository}}:{{.Tag}}"))
	if err != nil {
		return fmt.Errorf("listing the images of the reset command: %w", err)
	}
	for _, name := range strings.Fields(string(out)) {
		if name != keep && strings.HasPrefix(name, repository+":") {
			_ = e.Run(ctx, e.Command("image", "rm", name)) // in use, or just removed by another run
		}
	}
	return ctx.Err()
}

// pack returns an image's file system: one program.
func pack(text []byte) (*bytes.Buffer, error) {
	archive := new(bytes.Buffer)
	w := tar.NewWriter(archive)
	err := w.WriteHeader(&tar.Header{Name: strings.TrimPrefix(program, "/"), Mode: 0o755, Size: int64(len(text)), Typeflag: tar.TypeReg})
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(text); err != nil {
		return nil, err
	}
	return archive, w.Close()
}
