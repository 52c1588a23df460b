package verify

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/google/renameio/v2/maybe"
)

// keptFor is how long what is known of an image that nobody asks for any more is kept.
const keptFor = 30 * 24 * time.Hour

// scans are the looks into images, each made once.
type scans struct {
	prover *prover
	mu     sync.Mutex
	known  map[string]func(context.Context) (imageFiles, error)
}

func newScans(p *prover) *scans {
	return &scans{prover: p, known: make(map[string]func(context.Context) (imageFiles, error))}
}

// of returns what there is to know of an image, by its ID. The error is that of an interrupt.
func (s *scans) of(ctx context.Context, id string) (imageFiles, error) {
	if id == "" {
		return imageFiles{Why: "there is no container"}, nil
	}
	s.mu.Lock()
	one, ok := s.known[id]
	if !ok {
		files, err := imageFiles{}, error(nil)
		var once sync.Once
		one = func(ctx context.Context) (imageFiles, error) {
			once.Do(func() { files, err = s.prover.files(ctx, id) })
			return files, err
		}
		s.known[id] = one
	}
	s.mu.Unlock()
	return one(ctx)
}

// files looks into an image, or remembers what was seen. The image's ID is the digest of all
// that is in it, so what was seen of one cannot be wrong later, and says nothing of another.
func (p *prover) files(ctx context.Context, id string) (imageFiles, error) {
	path := ""
	if p.Cache != "" {
		path = filepath.Join(p.Cache, strings.ReplaceAll(id, ":", "-")+".json")
		var files imageFiles
		text, err := os.ReadFile(path) //nolint:gosec // our own
		if err == nil && json.Unmarshal(text, &files) == nil && files.Image == id {
			now := time.Now()
			_ = os.Chtimes(path, now, now) // kept while it is used
			return files, nil
		}
	}
	files, err := p.readImage(ctx, id)
	if ctx.Err() != nil {
		return imageFiles{}, ctx.Err()
	}
	if err != nil {
		return imageFiles{Why: said(err)}, nil
	}
	files.Image = id
	remember(path, files)
	return files, nil
}

// remember keeps what was seen, and drops what has not been asked for in a long time. It is a
// convenience: where it cannot be kept, the next run looks again.
func remember(path string, files imageFiles) {
	text, err := json.Marshal(files)
	if path == "" || err != nil || os.MkdirAll(filepath.Dir(path), 0o700) != nil {
		return
	}
	_ = maybe.WriteFile(path, text, 0o600)
	old, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "sha256-*.json"))
	for _, other := range old {
		if info, err := os.Stat(other); err == nil && time.Since(info.ModTime()) > keptFor {
			_ = os.Remove(other)
		}
	}
}

// readImage reads an image's files by way of a container of it that is never started.
func (p *prover) readImage(ctx context.Context, id string) (imageFiles, error) {
	// An image that Compose built has Compose's labels, and a container gets its image's: without a project
	// of its own, what a killed run leaves would pass for a container of a service.
	container, err := p.output(ctx, "create", "--label", p.label, "--label", labelProject+"=", "--network", "none", "--pull", "never", "--name", p.container("files-"+strings.TrimPrefix(id, "sha256:")[:12]), id, ProgramPath)
	if err != nil {
		return imageFiles{}, err
	}
	defer p.remove(ctx, container)
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := p.docker.Docker(ctx, nil, w, "export", container)
		_ = w.CloseWithError(err) // nil reads as the end
		done <- err
	}()
	files, err := readFiles(r)
	if err == nil {
		_, err = io.Copy(io.Discard, r) // the padding behind the archive's end
	}
	_ = r.CloseWithError(err) // the command may go on writing otherwise
	if errExport := <-done; err == nil {
		err = errExport
	}
	return files, err
}
