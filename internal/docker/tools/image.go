package tools

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path"
	"strings"

	"github.com/im2-audio/im2/internal/docker/engine"
)

// Image is an image that has one program of this checkout and nothing else. The program is
// inside, not mounted: a container of it then sees nothing of this machine but what it is
// given, and it works where the engine cannot see the checkout.
type Image struct {
	// Own is the program.
	Own Own
	// Repository is the image's name; its tag is a digest of the program.
	Repository string
	// Label is that of the image, and of the containers that are made from it.
	Label string
	// Program is the program's path in the image.
	Program string
	// Message says what it is for ("docker history").
	Message string
}

// Image returns the name of the image on an engine, importing it first where the engine has
// none, and removes those of older programs.
func (k Kit) Image(ctx context.Context, e *engine.Engine, i Image) (string, error) {
	built, err := k.BuildOwn(ctx, i.Own, "linux", e.Server.GoArch())
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(built)
	if err != nil {
		return "", fmt.Errorf("reading the command for the engine: %w", err)
	}
	sum := sha256.Sum256(text)
	name := i.Repository + ":" + hex.EncodeToString(sum[:8])
	has, err := e.HasImage(ctx, name)
	if err != nil || has {
		return name, err
	}
	archive, err := Pack(i.Program, text)
	if err != nil {
		return "", fmt.Errorf("packing the command for the engine: %w", err)
	}
	c := e.Command("import", "--change", `ENTRYPOINT ["`+i.Program+`"]`, "--change", "LABEL "+i.Label,
		"--message", i.Message, "-", name)
	c.Stdin = archive
	if err := e.Run(ctx, c); err != nil {
		return "", fmt.Errorf("giving the command to the engine: %w", err)
	}
	return name, i.Remove(ctx, e, name)
}

// Remove removes the images of the program, but the one called keep. One that a running
// container needs stays.
func (i Image) Remove(ctx context.Context, e *engine.Engine, keep string) error {
	out, err := e.Output(ctx, e.Command("image", "ls", "--filter", "label="+i.Label, "--format", "{{.Repository}}:{{.Tag}}"))
	if err != nil {
		return fmt.Errorf("listing the images of %s: %w", i.Repository, err)
	}
	for _, name := range strings.Fields(string(out)) {
		if name != keep && strings.HasPrefix(name, i.Repository+":") {
			_ = e.Run(ctx, e.Command("image", "rm", name)) // in use, or just removed by another run
		}
	}
	return ctx.Err()
}

// Pack returns an archive with one program, which everybody may run.
func Pack(program string, text []byte) (*bytes.Buffer, error) {
	archive := new(bytes.Buffer)
	w := tar.NewWriter(archive)
	err := w.WriteHeader(&tar.Header{Name: strings.TrimPrefix(path.Clean(program), "/"), Mode: 0o755, Size: int64(len(text)), Typeflag: tar.TypeReg})
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(text); err != nil {
		return nil, err
	}
	return archive, w.Close()
}
