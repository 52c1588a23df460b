// Package model puts a prepared separation model into the cache folder that the demucs service
// mounts, and keeps it right.
//
// A known model's ONNX file is downloaded into the store, a folder of the user's own that no
// container reaches: what counts is the digest pinned here, never the word of a server, and a
// download goes on where it ended, in this run or the next. The file stays in the store, so that
// another precision or a newer IM2 prepares it again without the network. Package weights cuts
// it into pieces, which appear in the cache folder all at once, checked and on the disk.
//
// What surprises: a container can write into the cache folder, and this code may run as root.
// So everything there goes through os.Root, new names are random and made with O_EXCL, links are
// never followed, owner and mode are changed on open files only, and what was written is read
// again at the end.
package model

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/term"
	"github.com/im2-audio/im2/ownership"
	"github.com/im2-audio/im2/pipeline/weights"
)

// Request says which model is to be where.
type Request struct {
	// Data is a folder that only the user's own programs change the path of: the data
	// folder. Dir must be in it, and a link in between cannot lead out of it. Empty means
	// that Dir itself is such a folder.
	Data string
	// Dir is the cache folder, which must exist.
	Dir string
	// Stores are folders of the user's own for what is downloaded; the first one that can be
	// written is used, and made where it is missing.
	Stores []string
	// Notes is a folder of the user's own that remembers the digests of models that are not
	// known here; empty for none.
	Notes string
	// Owner is the owner that the model must have.
	Owner ownership.Owner
	// Engine, Model and Precision choose the model; see Choose.
	Engine, Model, Precision string
	// CABundle is the path of a PEM file with certificates to trust beside the system's;
	// may be empty. It is read only when something is downloaded.
	CABundle string
	// Environ is the project's settings in force, which name the proxies.
	Environ []string
	// Locate says where the download is. It is called at most once, and only when
	// something must be downloaded.
	Locate func(ctx context.Context) (Source, error)
	// UI shows the progress.
	UI *term.UI
}

// Result says what was done.
type Result struct {
	// Model is the model's name.
	Model string
	// Path is the folder of the prepared model.
	Path string
	// Files are the paths of all files in it.
	Files []string
	// Bytes is the size of its pieces together.
	Bytes int64
	// Prepared says that it was put there by this call.
	Prepared bool
	// Received is how many bytes this call downloaded, which is less than the whole
	// download when it went on with an earlier one.
	Received int64
}

// Ensure makes sure that the prepared model is in the folder, whole and unchanged. It does
// nothing when it is. When ctx ends, what was downloaded is kept for the next call.
//
// The exit code of an error is Unusable for an unknown model or a bad certificate bundle,
// Missing when the network or the server is not there, otherwise Failed.
func Ensure(ctx context.Context, req Request) (Result, error) {
	if err := Choose(req.Engine, req.Model, req.Precision); err != nil {
		return Result{}, err
	}
	e := newEnsurer(req)
	return e.ensure(ctx)
}

// limits are what tests make smaller.
type limits struct {
	// stall is how long a server may send nothing.
	stall time.Duration
	// backoff is the wait before the second try; each further wait is twice as long.
	backoff time.Duration
	// tries is how many tries in a row may bring nothing new.
	tries int
	// poll is how often a lock that another run holds is tried.
	poll time.Duration
	// free returns how many bytes can be written where f is, and false when that is unknown.
	free func(f *os.File) (uint64, bool)
}

func defaultLimits() limits {
	return limits{stall: 30 * time.Second, backoff: time.Second, tries: 5, poll: 200 * time.Millisecond, free: freeSpace}
}

// ensurer is one call of Ensure.
type ensurer struct {
	Request
	limits
	// artifact is what a known model is made from; known is false for others.
	artifact Artifact
	known    bool
	// pinned is the digest that the manifest must have; "" for that of the note.
	pinned  string
	prepare prepareFunc
	cache   *cache
	// store is the folder in use, once it is locked.
	store string
	// received counts the bytes that were downloaded.
	received int64
}

func newEnsurer(req Request) *ensurer {
	e := &ensurer{Request: req, limits: defaultLimits(), prepare: weights.Prepare}
	e.artifact, e.known = known(req.Engine, req.Model)
	e.pinned, _ = weights.Pinned(req.Model, req.Precision)
	return e
}

func (e *ensurer) ensure(ctx context.Context) (Result, error) {
	var err error
	e.received = 0
	if e.cache, err = openCache(e.Data, e.Dir); err != nil {
		return Result{}, err
	}
	defer e.cache.close()
	m, wrong, err := e.inspect(ctx)
	switch {
	case err != nil:
		return Result{}, err
	case wrong == "":
		return e.result(m, false), e.note(m)
	case !e.known:
		return Result{}, e.notPrepared(wrong)
	case wrong != missing:
		e.UI.Note("%s: %s: preparing it again", e.target(), wrong)
	}
	unlock, err := e.lock(ctx)
	if err != nil {
		return Result{}, err
	}
	defer unlock()
	// Another run may have been faster, while this one waited for the lock.
	if m, wrong, err = e.inspect(ctx); err != nil || wrong == "" {
		return e.result(m, false), err
	}
	raw, err := e.raw(ctx)
	if err != nil {
		return Result{}, err
	}
	defer func() { _ = raw.Close() }() // It was only read.
	if m, err = e.put(ctx, raw, e.artifact.Size); err != nil {
		return Result{}, err
	}
	return e.result(m, true), nil
}

// missing is what inspect says where nothing is there.
const missing = "is not there"

// inspect checks the prepared model. wrong says why it must be prepared, or prepared again.
func (e *ensurer) inspect(ctx context.Context) (m weights.Manifest, wrong string, err error) {
	m, err = weights.Check(ctx, e.cache.root, e.Model, e.Precision, e.digest())
	var manifest *weights.ManifestError
	var damage *weights.DamageError
	switch {
	case err == nil:
		return m, "", nil
	case errors.Is(err, fs.ErrNotExist):
		return m, missing, nil
	case errors.As(err, &manifest), errors.As(err, &damage):
		return m, err.Error(), nil
	}
	return m, "", e.denied("reading "+e.target(), err)
}

// digest is what the manifest's must be; "" where nobody knows.
func (e *ensurer) digest() string {
	if e.pinned != "" || e.Notes == "" {
		return e.pinned
	}
	f, err := os.Open(e.notePath())
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }() // It was only read.
	var digest string
	if _, err := fmt.Fscanf(f, "%64s\n", &digest); err != nil {
		return ""
	}
	return digest
}

func (e *ensurer) notePath() string { return filepath.Join(e.Notes, e.folder()+".sha256") }

// notPrepared is the error for a model of the user's own that is not there as it was prepared.
func (e *ensurer) notPrepared(wrong string) error {
	if wrong != missing {
		fix := exit.Fix{Type: "mage demucs-cache -model=FILE -precision=" + e.Precision, Note: "prepares it again from its ONNX file"}
		return exit.Fixable(exit.Failed, fix, `checking the model %s: %s: %s`, e.Model, e.target(), wrong)
	}
	return e.unknown(e.cache.root)
}

// unknown is the error for a model that is neither known nor in the cache, which may be nil.
func (e *ensurer) unknown(cache *os.Root) error {
	names := knownModels(e.Engine)
	if cache != nil {
		prepared, _ := weights.List(cache, e.Precision) // What cannot be listed is not named.
		names = append(names, prepared...)
	}
	slices.Sort(names)
	fix := exit.Fix{Type: "mage demucs-cache -model=" + e.Model + ".onnx -precision=" + e.Precision, Note: "prepares one from its ONNX file"}
	return exit.Fixable(exit.Unusable, fix, `choosing the separation model: there is no model %q in %s; known are %s`,
		e.Model, e.Precision, strings.Join(slices.Compact(names), ", "))
}

func (e *ensurer) result(m weights.Manifest, prepared bool) Result {
	r := Result{Model: e.Model, Path: e.target(), Prepared: prepared, Received: e.received, Files: []string{filepath.Join(e.target(), weights.ManifestFile)}}
	for _, p := range m.Pieces {
		r.Files = append(r.Files, filepath.Join(e.target(), p.File))
		r.Bytes += p.Size
	}
	return r
}

// folder is the name of the prepared model's folder.
func (e *ensurer) folder() string { return weights.Folder(e.Model, e.Precision) }

// target is the path of the prepared model, for messages and the Result only: files are opened
// by name in the cache.
func (e *ensurer) target() string { return filepath.Join(e.Dir, e.folder()) }

func size(n int64) string { return humanize.Bytes(uint64(max(n, 0))) }
