package tools

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
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
	// Label is the label of the image, and of the containers that are made from it.
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
	if err := i.Import(ctx, e, name, text); err != nil {
		return "", fmt.Errorf("giving the command to the engine: %w", err)
	}
	return name, i.Remove(ctx, e, name)
}

// Import makes an image of the program's text, which needs neither a registry nor a base image.
func (i Image) Import(ctx context.Context, e *engine.Engine, name string, text []byte) error {
	archive, err := Pack(map[string][]byte{i.Program: text})
	if err != nil {
		return err
	}
	c := e.Command("import", "--change", `ENTRYPOINT ["`+i.Program+`"]`, "--change", "LABEL "+i.Label, "--message", i.Message, "-", name)
	c.Stdin = archive
	return e.Run(ctx, c)
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

// Pack returns an archive of files by their names, which everybody may read and run.
func Pack(files map[string][]byte) (*bytes.Buffer, error) {
	archive := new(bytes.Buffer)
	w := tar.NewWriter(archive)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		err := w.WriteHeader(&tar.Header{Name: strings.TrimPrefix(path.Clean(name), "/"), Mode: 0o755, Size: int64(len(files[name])), Typeflag: tar.TypeReg})
		if err == nil {
			_, err = w.Write(files[name])
		}
		if err != nil {
			return nil, fmt.Errorf("packing %s: %w", name, err)
		}
	}
	return archive, w.Close()
}
