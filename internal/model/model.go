// Package model puts a separation model's weights into the cache folder that the demucs
// service mounts, and keeps them right.
//
// What counts is the digest pinned here, never the word of a server: the address of the
// download comes from the caller, who asked the package registry for it. A download goes
// into a hidden file beside its destination and is taken up again where it ended, in this
// run or the next. The weights appear under their name only when they are complete,
// checked and on the disk.
//
// What surprises: a container can write into the cache folder, and this code may run as
// root. So everything goes through os.Root, links are never followed, owner and mode are
// changed on open files only, and a file is used only if what was opened is the regular
// file that was seen by name.
package model

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/im2-audio/im2/internal/term"
)

// mode is what every file of the data folder has: other users of the host may read it.
const mode = 0o644

// Request says which model is to be where.
type Request struct {
	// Data is a folder that only the user's own programs change the path of: the data
	// folder. Dir must lie in it, and a link in between cannot lead out of it. Empty means
	// that Dir itself is such a folder.
	Data string
	// Dir is the cache folder, which must exist.
	Dir string
	// UID and GID are whom the weights must belong to.
	UID, GID uint32
	// Engine and Model choose the weights; see Lookup.
	Engine, Model string
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
	// Path is the file with the weights.
	Path string
	// Bytes is its size.
	Bytes int64
	// Fetched says that it was put there by this call.
	Fetched bool
	// Received is how many bytes this call downloaded, which is less than the whole
	// download when it went on with an earlier one.
	Received int64
	// Mended says that the right weights were there, and their owner or mode was changed.
	Mended bool
}

// Ensure makes sure that the weights are in the folder, complete, with the right owner and
// mode 0644. It does nothing when they are. When ctx ends, what was downloaded is kept for
// the next call.
//
// The exit code of an error is Unusable for an unknown model or a bad certificate bundle,
// Missing when the network or the server is not there, otherwise Failed.
func Ensure(ctx context.Context, req Request) (Result, error) {
	artifact, err := Lookup(req.Engine, req.Model)
	if err != nil {
		return Result{}, err
	}
	e := &ensurer{Request: req, artifact: artifact, limits: defaultLimits()}
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
	artifact Artifact
	cache    *cache
	// received counts the bytes that were downloaded.
	received int64
}

func (e *ensurer) ensure(ctx context.Context) (Result, error) {
	var err error
	e.received = 0
	if e.cache, err = openCache(e.Data, e.Dir); err != nil {
		return Result{}, err
	}
	defer e.cache.close()
	found, err := e.inspect(ctx)
	if err != nil || found.right {
		return e.result(found), err
	}
	if found.wrong != "" {
		e.UI.Note("%s %s: fetching it anew", e.target(), found.wrong)
	}
	part, err := e.openPart(ctx)
	if err != nil {
		return Result{}, err
	}
	defer func() { _ = part.Close() }() // Its content is checked whenever it is used.
	// Another run may have been faster, while this one waited for the lock of the part.
	if found, err = e.inspect(ctx); err == nil && !found.right {
		found, err = e.put(ctx, part)
	}
	if err != nil {
		return Result{}, err
	}
	e.cache.remove(e.artifact.partName())
	return e.result(found), nil
}

// put downloads what is missing of the tarball and installs the weights from it.
func (e *ensurer) put(ctx context.Context, part *os.File) (inspection, error) {
	if err := e.fetch(ctx, part); err != nil {
		return inspection{}, err
	}
	if err := e.install(ctx, part); err != nil {
		return inspection{}, err
	}
	return inspection{right: true, fetched: true}, nil
}

func (e *ensurer) result(found inspection) Result {
	if !found.right {
		return Result{}
	}
	return Result{
		Path:     e.target(),
		Bytes:    e.artifact.Size,
		Fetched:  found.fetched,
		Received: e.received,
		Mended:   found.mended,
	}
}

// target is the path of the weights, for messages and the Result only: files are opened
// by name in the cache.
func (e *ensurer) target() string { return filepath.Join(e.Dir, e.artifact.File) }

func size(n int64) string { return humanize.Bytes(uint64(max(n, 0))) }
