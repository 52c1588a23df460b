package weights

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
)

// pinned are the digests of the manifests of models that IM2 knows, as this Builder prepares
// them. They were made from the published weights; preparing is deterministic.
var pinned = map[string]string{
	"htdemucs-fp32": "a7473ff2eaba2a9a43dced9623e57e13a3c93172cfd4c16572b777dcddd60125",
	"htdemucs-int8": "7198e2577093e4a866bd06f4fbb5a2d5016e7a0c019dadd707e856ae66c751d7",
}

// Pinned returns the digest that the manifest of a model must have; false for a model that IM2
// does not know, such as a user's own.
func Pinned(model, precision string) (digest string, known bool) {
	digest, known = pinned[Folder(model, precision)]
	return digest, known
}

// errNotRegular is returned for a link, a folder, a FIFO or anything else that is no regular file.
var errNotRegular = errors.New("is not a regular file")

// Files are the regular files of an open folder that others can write to. Opening one neither
// follows a link nor waits for a FIFO.
type Files struct{ Root *os.Root }

// Open opens a file for reading; os.Root would follow a link that stays within, so what was
// opened must be what was seen by name.
func (f Files) Open(name string) (fs.File, error) {
	seen, err := f.Root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !seen.Mode().IsRegular() {
		return nil, &DamageError{name, errNotRegular.Error()}
	}
	file, err := f.Root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if opened, err := file.Stat(); err != nil || !os.SameFile(seen, opened) {
		_ = file.Close()
		return nil, &DamageError{name, errNotRegular.Error()}
	}
	return file, nil
}

// OpenFolder opens a folder in the model cache. It neither follows a link nor waits for a FIFO.
func OpenFolder(cache *os.Root, name string) (*os.Root, error) {
	seen, err := cache.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !seen.IsDir() {
		return nil, &DamageError{name, "is not a folder"}
	}
	root, err := cache.OpenRoot(name + "/.") // of a FIFO that took its place, there is no such name
	if err != nil {
		return nil, err
	}
	if opened, err := root.Stat("."); err != nil || !os.SameFile(seen, opened) {
		_ = root.Close()
		return nil, &DamageError{name, "is not a folder"}
	}
	return root, nil
}

// Check reads all of a prepared model in the model cache and compares it with its manifest, and
// the manifest with the digest that it must have; "" takes any.
// The error is a *ManifestError or a *DamageError where the model must be prepared again, and
// wraps fs.ErrNotExist where it is not there.
func Check(ctx context.Context, cache *os.Root, model, precision, digest string) (Manifest, error) {
	folder, err := OpenFolder(cache, Folder(model, precision))
	if err != nil {
		return Manifest{}, err
	}
	defer func() { _ = folder.Close() }() // It was only read.
	m, err := Load(folder)
	if err != nil {
		return Manifest{}, err
	}
	switch {
	case m.Model != model || m.Precision != precision:
		return Manifest{}, &ManifestError{"is for " + m.Folder()}
	case m.Builder != Builder:
		return Manifest{}, &ManifestError{"was made by another version of IM2"}
	case digest != "" && m.Digest() != digest:
		return Manifest{}, &ManifestError{"is not the one that was written when the model was prepared"}
	}
	return m, m.Verify(ctx, Files{folder})
}

// Load reads the manifest in a prepared folder.
func Load(folder *os.Root) (Manifest, error) {
	f, err := Files{folder}.Open(ManifestFile)
	if errors.Is(err, fs.ErrNotExist) {
		return Manifest{}, &ManifestError{"is missing"}
	}
	if err != nil {
		return Manifest{}, err
	}
	defer func() { _ = f.Close() }() // It was only read.
	text, err := io.ReadAll(io.LimitReader(f, MaxManifest+1))
	if err != nil {
		return Manifest{}, fmt.Errorf("reading the model's manifest: %w", err)
	}
	return ReadManifest(text)
}

// State is one text for what the system knows of the files of a prepared model: which they are,
// their sizes and times. A file whose content changed has another one (ctime cannot be set), as
// long as the system's clock goes on.
func State(cache *os.Root, m Manifest) (string, error) {
	folder, err := OpenFolder(cache, m.Folder())
	if err != nil {
		return "", err
	}
	defer func() { _ = folder.Close() }() // It was only read.
	var state strings.Builder
	names := []string{".", ManifestFile}
	for _, p := range m.Pieces {
		names = append(names, p.File)
	}
	for _, name := range names {
		info, err := folder.Lstat(name)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&state, "%s %s %d %d %s\n", name, info.Mode(), info.Size(), info.ModTime().UnixNano(), identity(info))
	}
	return state.String(), nil
}

// List names the models that the cache has in this precision: those with a folder of that name.
// What is in it may be wrong.
func List(cache *os.Root, precision string) ([]string, error) {
	dir, err := cache.Open(".")
	if err != nil {
		return nil, err
	}
	defer func() { _ = dir.Close() }() // It was only read.
	entries, err := dir.ReadDir(maxFolders)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	var models []string
	for _, e := range entries {
		name, ours := strings.CutSuffix(e.Name(), "-"+precision)
		if ours && e.IsDir() && ValidName(name) {
			models = append(models, name)
		}
	}
	slices.Sort(models)
	return models, nil
}
