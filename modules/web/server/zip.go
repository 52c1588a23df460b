package server

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"net/http"
	"path"
	"path/filepath"
	"strconv"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/title"
)

// A member is a file of a song that goes into a zip archive.
type member struct {
	path, name string
	size       int64
	changed    time.Time
}

// songZip serves all stems of a song as one zip archive, with its track.json and cover. Nothing is compressed: sound in a WAV
// file gains little, and the archive is made while it is read. If a file changes meanwhile, the download breaks off.
func (s *Server) songZip(w http.ResponseWriter, r *http.Request) {
	one := s.library.find(r.Context(), r.PathValue("key"))
	if one == nil {
		s.notFound(w, r)
		return
	}
	members, err := s.members(one)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, job.ErrNotFile) || len(members) == 0 && err == nil {
		s.notFound(w, r)
		return
	}
	if err != nil {
		s.failed(w, "reading the stems", err)
		return
	}
	size, exact := zipSize(members)
	w.Header().Set("Content-Type", "application/zip")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Disposition", attachment(title.Safe(one.Title)+".zip"))
	if exact {
		w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
	}
	if r.Method == http.MethodHead {
		return
	}
	if err := writeZip(steadyWriter(w, size), members); err != nil {
		s.log.Warn("a download broke off", "song", one.Folder, "error", err)
		panic(http.ErrAbortHandler) //nolint:forbidigo // net/http's way to break off, so that the browser sees that it is not whole
	}
}

// members are the files for the archive of a song. An error is that of a stem that is not there.
func (s *Server) members(one *song) ([]member, error) {
	var members []member
	add := func(name string) error {
		at := filepath.Join(songFolder(s.data, one.Folder), name)
		info, err := place.Local.Lstat(at)
		if err == nil && !info.Mode().IsRegular() {
			err = fmt.Errorf("%s: %w", name, job.ErrNotFile)
		}
		if err == nil {
			members = append(members, member{at, path.Join(title.Safe(one.Title), safeName(name)), info.Size(), info.ModTime()})
		}
		return err
	}
	for _, name := range s.stemsOf(one) {
		if err := add(name); err != nil {
			return nil, err
		}
	}
	if len(members) == 0 {
		return nil, nil
	}
	for _, name := range append([]string{job.TrackFile}, covers...) {
		if err := add(name); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, job.ErrNotFile) {
			return nil, err
		}
	}
	return members, nil
}

// zipSize is how many bytes an archive has, and whether that is exact: from 4 GiB on, its headers are longer.
func zipSize(members []member) (size int64, exact bool) {
	var count counter
	z := zip.NewWriter(&count)
	for _, m := range members {
		_, err := z.CreateHeader(m.header())
		if err != nil {
			return 0, false
		}
		size += m.size
	}
	if err := z.Close(); err != nil {
		return 0, false
	}
	size += int64(count)
	return size, size < math.MaxUint32
}

func (m member) header() *zip.FileHeader {
	return &zip.FileHeader{Name: m.name, Method: zip.Store, Modified: m.changed.UTC().Truncate(2 * time.Second)}
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// writeZip opens one file at a time.
func writeZip(w io.Writer, members []member) error {
	z := zip.NewWriter(w)
	for _, m := range members {
		to, err := z.CreateHeader(m.header())
		if err == nil {
			err = m.copy(to)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path.Base(m.name), err)
		}
	}
	return z.Close()
}

func (m member) copy(to io.Writer) error {
	f, err := place.Open(m.path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // It was only read.
	_, err = io.CopyN(to, f, m.size)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return err
}
