package model

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/term"
)

// fetch makes the part the whole, checked tarball.
func (e *ensurer) fetch(ctx context.Context, part *os.File) error {
	offset, err := e.kept(part)
	if err != nil {
		return err
	}
	if offset == e.artifact.TarballSize { // Complete, but not yet unpacked.
		if ok, err := e.intact(ctx, part); ok || err != nil {
			return err
		}
		e.UI.Note("the download that was kept is damaged: starting over")
		if offset, err = 0, part.Truncate(0); err != nil {
			return fmt.Errorf("starting the download over: %w", err)
		}
	}
	if err := e.enoughSpace(offset); err != nil {
		return err
	}
	d, err := e.newDownload(ctx, part, offset)
	if err != nil {
		return err
	}
	defer d.client.CloseIdleConnections()
	return e.receive(ctx, d)
}

// receive downloads and checks. What was put together from more than one answer and turns
// out wrong is downloaded once more: one of them may have been of another file.
func (e *ensurer) receive(ctx context.Context, d *download) error {
	for again := true; ; again = false {
		err := e.persist(ctx, d)
		e.received = d.received
		if err != nil {
			return e.explain(ctx, d, err)
		}
		ok, err := e.intact(ctx, d.part)
		if ok || err != nil {
			return err
		}
		if !d.mixed || !again {
			_ = d.part.Truncate(0) // It is checked whenever it is used.
			return exit.Errorf(exit.Failed,
				`checking the model: what %s sent has not the digest of %s and was deleted; `+
					`a proxy may have changed it: try "mage demucs-cache" on another network`, d.host, e.artifact.Package)
		}
		e.UI.Note("the parts of the download do not fit together: starting over")
		if err := d.restart(); err != nil {
			return e.explain(ctx, d, err)
		}
	}
}

// kept returns how much of an earlier download can be used.
func (e *ensurer) kept(part *os.File) (int64, error) {
	info, err := part.Stat()
	if err != nil {
		return 0, fmt.Errorf("looking at the download that was kept: %w", err)
	}
	if info.Size() <= e.artifact.TarballSize {
		return info.Size(), nil
	}
	if err := part.Truncate(0); err != nil { // It cannot be the beginning of the tarball.
		return 0, fmt.Errorf("starting the download over: %w", err)
	}
	return 0, nil
}

// newDownload asks where the tarball is. The caller must close the client's connections.
func (e *ensurer) newDownload(ctx context.Context, part *os.File, offset int64) (*download, error) {
	source, err := e.Locate(ctx)
	if err != nil {
		return nil, fmt.Errorf("asking where the model %s is: %w", e.Model, err)
	}
	if !source.agrees(e.artifact) {
		return nil, exit.Errorf(exit.Failed,
			"asking where the model %s is: the registry has %q for %s, and not %q, which this version of IM2 was checked with; nothing was downloaded",
			e.Model, source.Integrity, e.artifact.Package, e.artifact.Integrity)
	}
	address, err := url.Parse(source.Tarball)
	if err != nil || (address.Scheme != "https" && address.Scheme != "http") || address.Host == "" {
		// The address itself is not repeated: it may hold a password.
		return nil, exit.Fixable(exit.Failed, exit.Fix{Type: "mage build -module=demucs", Note: "asks it again"},
			`asking where the model %s is: the registry's answer is no web address`, e.Model)
	}
	client, err := newClient(e.CABundle, e.Environ)
	if err != nil {
		return nil, err
	}
	return &download{
		client: client, address: source.Tarball, host: address.Host, part: part,
		size: e.artifact.TarballSize, stall: e.stall, offset: offset, mixed: offset > 0,
	}, nil
}

// persist downloads until everything is there, and tries again as long as tries bring
// something new or are few.
func (e *ensurer) persist(ctx context.Context, d *download) error {
	d.bar = e.UI.Progress("fetching the model "+e.Model, d.size, term.Bytes)
	defer func() { d.bar.Done() }()
	d.bar.Set(d.offset)
	failures, best := 0, d.offset
	for {
		err := d.attempt(ctx)
		var temporary *temporaryError
		if err == nil || ctx.Err() != nil || !errors.As(err, &temporary) {
			return err
		}
		if d.offset > best {
			failures, best = 0, d.offset
		}
		failures++
		if failures >= e.tries {
			return err
		}
		wait := e.backoff << (failures - 1)
		d.bar.Done() // A note must not fall into the bar's line.
		e.UI.Note("fetching the model %s: %v at %s of %s; trying again in %s",
			e.Model, err, size(d.offset), size(d.size), wait)
		if err := sleep(ctx, wait); err != nil {
			return err
		}
		d.bar = e.UI.Progress("fetching the model "+e.Model, d.size, term.Bytes)
		d.bar.Set(d.offset)
	}
}
