package model

import (
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// openPart opens the file that the download goes to, makes it where there is none, and
// locks it. It already belongs to the app user, so that a run by another user can go on
// with it, and so that an owner that may not be set is known before the download.
func (e *ensurer) openPart(ctx context.Context) (*os.File, error) {
	for {
		f, err := e.openOrCreatePart()
		if err != nil {
			return nil, err
		}
		if err := e.lock(ctx, f); err != nil {
			_ = f.Close()
			return nil, err
		}
		if e.isPart(f) {
			if _, err := e.settle(f); err != nil {
				_ = f.Close()
				return nil, err
			}
			return f, nil
		}
		_ = f.Close() // Whoever had the lock has finished and removed the file.
	}
}

func (e *ensurer) openOrCreatePart() (*os.File, error) {
	name := e.artifact.partName()
	f, err := e.cache.open(name, os.O_RDWR)
	if err == nil {
		info, statErr := f.Stat()
		if statErr == nil && !hardLinked(info) {
			return f, nil
		}
		_ = f.Close() // Writing to it would change a file of another name, too.
	}
	if !errors.Is(err, fs.ErrNotExist) {
		e.cache.remove(name) // A link, a folder, or another user's: nothing to go on with.
	}
	f, err = e.cache.create(name)
	if errors.Is(err, fs.ErrExist) {
		f, err = e.cache.open(name, os.O_RDWR) // Another run was faster.
	}
	if err != nil {
		return nil, e.denied(fmt.Sprintf("making the download's file in %q", e.Dir), err)
	}
	return f, nil
}

// lock waits until no other run downloads to f.
func (e *ensurer) lock(ctx context.Context, f *os.File) error {
	for told := false; !tryLock(f); told = true {
		if !told {
			e.UI.Note("waiting: another run fetches the model %s", e.artifact.Model)
		}
		if err := sleep(ctx, e.poll); err != nil {
			return fmt.Errorf("waiting for another run that fetches the model: %w", err)
		}
	}
	return nil
}

// isPart reports whether f is still the file of the part's name.
func (e *ensurer) isPart(f *os.File) bool {
	named, err := e.cache.root.Lstat(e.artifact.partName())
	if err != nil {
		return false
	}
	opened, err := f.Stat()
	return err == nil && os.SameFile(named, opened)
}

// intact reports whether the part is the whole tarball.
func (e *ensurer) intact(ctx context.Context, part *os.File) (bool, error) {
	sum, err := digest(ctx, sha512.New(), io.NewSectionReader(part, 0, e.artifact.TarballSize))
	if err != nil {
		return false, fmt.Errorf("checking the download: %w", err)
	}
	return "sha512-"+base64.StdEncoding.EncodeToString(sum) == e.artifact.Integrity, nil
}

// sleep waits, unless ctx ends first.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
