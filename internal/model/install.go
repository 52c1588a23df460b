package model

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"

	"github.com/im2-audio/im2/internal/term"
)

// otherMembers is the most that the other files of a tarball may take up.
const otherMembers = 64 << 20

var (
	// errContent is returned when a tarball does not hold the weights that it must.
	errContent = errors.New("the tarball has not the file it must have")
	// errReplaced is returned when another program has put its own file in place of ours.
	errReplaced = errors.New("another program has changed the file meanwhile")
)

// install unpacks the weights from the checked tarball and puts them under their name.
func (e *ensurer) install(ctx context.Context, part *os.File) error {
	doing := "unpacking the model " + e.artifact.Model
	name := e.artifact.tempName()
	e.cache.remove(name) // What a killed run left; the lock of the part keeps others out.
	temp, err := e.cache.create(name)
	if err != nil {
		return e.denied(doing, err)
	}
	err = e.fill(ctx, temp, part)
	if closeErr := temp.Close(); err == nil && closeErr != nil {
		err = closeErr
	}
	if err == nil {
		err = e.cache.root.Rename(name, e.artifact.File)
	}
	if err != nil {
		e.cache.remove(name)
		return e.storing(doing, err, e.artifact.TarballSize)
	}
	if err := e.cache.sync(); err != nil {
		return e.storing(doing, err, e.artifact.TarballSize)
	}
	return nil
}

// fill makes temp the complete and checked weights, and sees them onto the disk.
func (e *ensurer) fill(ctx context.Context, temp, part *os.File) error {
	if err := e.unpack(ctx, temp, part); err != nil {
		return err
	}
	if _, err := e.settle(temp); err != nil {
		return err
	}
	if err := temp.Sync(); err != nil {
		return err
	}
	named, err := e.cache.root.Lstat(e.artifact.tempName())
	if err != nil {
		return err
	}
	if opened, err := temp.Stat(); err != nil || !os.SameFile(named, opened) {
		return errReplaced
	}
	return nil
}

// unpack writes the member to temp. Nothing is unpacked beyond the sizes that are pinned.
func (e *ensurer) unpack(ctx context.Context, temp io.Writer, part *os.File) error {
	packed := io.NewSectionReader(part, 0, e.artifact.TarballSize)
	unzipped, err := gzip.NewReader(bufio.NewReaderSize(&reader{ctx: ctx, r: packed}, bufferSize))
	if err != nil {
		return err
	}
	archive := tar.NewReader(io.LimitReader(unzipped, e.artifact.Size+otherMembers))
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return errContent
		}
		if err != nil {
			return err
		}
		if header.Name == e.artifact.Member {
			return e.copyMember(temp, archive, header)
		}
	}
}

func (e *ensurer) copyMember(temp io.Writer, archive io.Reader, header *tar.Header) error {
	if header.Typeflag != tar.TypeReg || header.Size != e.artifact.Size {
		return errContent
	}
	bar := e.UI.Progress("unpacking the model "+e.artifact.Model, e.artifact.Size, term.Bytes)
	defer bar.Done()
	sum := sha256.New()
	var done int64
	counted := writerFunc(func(p []byte) (int, error) {
		done += int64(len(p))
		bar.Set(done)
		return len(p), nil
	})
	if _, err := io.CopyN(io.MultiWriter(temp, sum, counted), archive, e.artifact.Size); err != nil {
		return err
	}
	if hex.EncodeToString(sum.Sum(nil)) != e.artifact.SHA256 {
		return errContent
	}
	return nil
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
