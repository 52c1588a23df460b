package verify

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/renameio/v2/maybe"
)

const (
	// keptFor is how long what is known of an image that nobody asks for any more is kept.
	keptFor = 30 * 24 * time.Hour

	setuidBit = 0o4000
	setgidBit = 0o2000
	// capabilityRecord is how an archive has a file's capabilities.
	capabilityRecord = "SCHILY.xattr.security.capability"
	// accountsRead is how much of /etc/passwd and /etc/group is read.
	accountsRead = 1 << 20
	// setuidRead is how many files are kept that give something: one is a finding.
	setuidRead = 1000
)

// imageFiles is what is read of an image's file system.
type imageFiles struct {
	// Image is its ID, the digest of its contents. It is "" where it could not be read.
	Image string `json:"image"`
	// Setuid are the files that give those who run them another user, group or capability.
	Setuid []string `json:"setuid"`
	// Users and Groups are the texts of /etc/passwd and /etc/group.
	Users  string `json:"users"`
	Groups string `json:"groups"`
	// Why says why it could not be read.
	Why string `json:"-"`
}

func (f imageFiles) known() bool { return f.Image != "" }

// scans read images, each once.
type scans struct {
	prover *prover
	mu     sync.Mutex
	known  map[string]func() (imageFiles, error)
}

// of returns what there is to know of an image, by its ID. The error says that ctx ended.
func (s *scans) of(ctx context.Context, id string) (imageFiles, error) {
	if id == "" {
		return imageFiles{Why: "there is no container"}, nil
	}
	s.mu.Lock()
	if s.known == nil {
		s.known = make(map[string]func() (imageFiles, error))
	}
	scan, ok := s.known[id]
	if !ok {
		scan = sync.OnceValues(func() (imageFiles, error) { return s.prover.files(ctx, id) })
		s.known[id] = scan
	}
	s.mu.Unlock()
	return scan()
}

// files reads an image, or remembers what was read. The image's ID is the digest of all
// that is in it, so what was seen of one cannot be wrong later, and says nothing of another.
func (p *prover) files(ctx context.Context, id string) (imageFiles, error) {
	path := filepath.Join(p.Cache, strings.ReplaceAll(id, ":", "-")+".json")
	if p.Cache != "" {
		var files imageFiles
		text, err := os.ReadFile(path)
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
	if p.Cache != "" {
		remember(path, files)
	}
	return files, nil
}

// remember keeps what was read, and removes what has not been asked for in a long time. It is a
// convenience: where it cannot be kept, the next run reads the image again.
func remember(path string, files imageFiles) {
	text, err := json.Marshal(files)
	if err != nil || os.MkdirAll(filepath.Dir(path), 0o700) != nil {
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
	ctx, cancel := context.WithTimeout(ctx, readWithin)
	defer cancel()
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := p.Docker.Docker(ctx, nil, w, "export", container)
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

// readFiles reads an image's file system from an archive of it ("docker export"). Nothing of it
// is written anywhere, and nothing of it is run.
func readFiles(archive io.Reader) (imageFiles, error) {
	files := imageFiles{Setuid: []string{}}
	special := make(map[string]string) // what files give to those who run them
	accounts := map[string]*string{"/etc/passwd": &files.Users, "/etc/group": &files.Groups}
	absolute := func(name string) string { return "/" + strings.TrimPrefix(strings.TrimPrefix(name, "./"), "/") }
	r := tar.NewReader(archive)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return imageFiles{}, fmt.Errorf("reading the image's files: %w", err)
		}
		name, what := absolute(h.Name), ""
		switch h.Typeflag {
		case tar.TypeLink: // what it leads to is before it in every archive
			what = special[absolute(h.Linkname)]
		case tar.TypeReg:
			what = gives(h)
			if into := accounts[name]; into != nil {
				text, err := io.ReadAll(io.LimitReader(r, accountsRead))
				if err != nil {
					return imageFiles{}, fmt.Errorf("reading %s of the image: %w", name, err)
				}
				*into = string(text)
			}
		}
		if what != "" && len(special) < setuidRead {
			special[name] = what
		}
	}
	for name, what := range special {
		files.Setuid = append(files.Setuid, name+" ("+what+")")
	}
	slices.Sort(files.Setuid)
	return files, nil
}

func gives(h *tar.Header) string {
	switch {
	case h.PAXRecords[capabilityRecord] != "":
		return "capabilities"
	case h.Mode&setuidBit != 0:
		return fmt.Sprintf("user %d", h.Uid)
	// Without the group's x bit it asks for mandatory locking, and gives nothing (inode(7)).
	case h.Mode&setgidBit != 0 && h.Mode&0o010 != 0:
		return fmt.Sprintf("group %d", h.Gid)
	}
	return ""
}
