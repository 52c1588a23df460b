package model

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/im2-audio/im2/internal/exit"
)

// explain turns the end of a download into an error for the user.
func (e *ensurer) explain(ctx context.Context, d *download, err error) error {
	doing := "fetching the model " + e.Model
	kept := `"mage demucs-cache" tries again`
	if d.offset > 0 {
		kept = fmt.Sprintf(`%s of %s are kept: "mage demucs-cache" goes on from there`, size(d.offset), size(d.size))
	}
	var stored *storageError
	var status *statusError
	var untrusted *tls.CertificateVerificationError
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w; %s", doing, ctx.Err(), kept)
	case errors.As(err, &stored):
		return e.storing(doing, stored.err, e.store, e.needed(d.offset))
	case errors.Is(err, errOtherFile):
		return exit.Errorf(exit.Failed,
			"%s from %s: %w; a login page of the network, or a proxy, may have answered: try again on another network", doing, d.host, err)
	case errors.As(err, &status), errors.Is(err, errCut), errors.Is(err, errStalled):
		return exit.Errorf(exit.Missing, "%s from %s: %w; %s", doing, d.host, err, kept)
	case errors.As(err, &untrusted):
		return exit.Errorf(exit.Missing,
			"%s from %s: %w; if this network inspects TLS, set IM2_CA_BUNDLE in .env.local to a PEM file with its certificate", doing, d.host, err)
	default:
		return exit.Errorf(exit.Missing, "%s: no network, or it does not lead to %s: %w; %s", doing, d.host, err, kept)
	}
}

func (e *ensurer) chownDenied(err error) error {
	return exit.Errorf(exit.Failed,
		`giving the model to the app user %s: %w; run the command as that user or as root, or set the IDs of "id" in .env.local`,
		e.Owner, cause(err))
}

// denied explains an error that is mostly one of permissions.
func (e *ensurer) denied(doing string, err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return exit.Errorf(exit.Failed,
			`%s: %w; the folder belongs to another user: "mage reset-permissions" gives it to the app user %s, `+
				`and "id" shows whether that is you`, doing, err, e.Owner)
	}
	return exit.Errorf(exit.Failed, "%s: %w", doing, err)
}

// enoughSpace tells before the download what it would fail of at its end.
func (e *ensurer) enoughSpace(offset int64) error {
	for dir, needed := range map[string]int64{e.store: e.needed(offset), e.Dir: e.artifact.Size} {
		if free, known := e.freeIn(dir); known && free < uint64(max(needed, 0)) {
			return e.full("fetching the model "+e.Model, syscall.ENOSPC, dir, needed)
		}
	}
	return nil
}

// needed is how many bytes are still to be written to the store when offset bytes of the tarball
// are there.
func (e *ensurer) needed(offset int64) int64 {
	return e.artifact.TarballSize - offset + e.artifact.Size
}

func (e *ensurer) freeIn(path string) (uint64, bool) {
	dir, err := os.Open(path) //nolint:gosec // a folder that is used anyway, for its free space
	if err != nil {
		return 0, false
	}
	defer func() { _ = dir.Close() }() // It was only read.
	return e.free(dir)
}

// storing explains an error in writing to dir, where so many bytes are needed.
func (e *ensurer) storing(doing string, err error, dir string, needed int64) error {
	var explained *exit.Error
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return e.full(doing, err, dir, needed)
	case errors.As(err, &explained):
		return err
	case dir == e.Dir:
		return e.denied(fmt.Sprintf("%s into %q", doing, dir), err)
	}
	return exit.Errorf(exit.Failed, "%s into %q: %w", doing, dir, err)
}

// full says how much space is missing. What was downloaded is kept.
func (e *ensurer) full(doing string, err error, dir string, needed int64) error {
	free := "how much is free cannot be told"
	if n, known := e.freeIn(dir); known {
		free = size(int64(min(n, 1<<62))) + " are free"
	}
	return exit.Errorf(exit.Failed, `%s: %w in %q: %s are needed and %s; make room, then "mage demucs-cache" goes on`,
		doing, cause(err), filepath.Clean(dir), size(needed), free)
}

// cause leaves the path of a hidden file out of an error.
func cause(err error) error {
	var number syscall.Errno
	if errors.As(err, &number) {
		return number
	}
	return err
}
