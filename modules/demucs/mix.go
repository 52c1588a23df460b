package main

import (
	"bufio"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/im2-audio/im2/modules/demucs/render"
	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/spool"
)

// The format of every mix: what Demucs was trained on, in samples that cannot clip. The file has
// no header: left and right in turn, 32-bit float, little endian.
const (
	mixName      = "mix.f32"
	mixRate      = 44100
	mixChannels  = 2
	mixFrameSize = mixChannels * 4
)

// checkRoomEvery is how many bytes of a mix are written between two checks of the room on the disk.
const checkRoomEvery = 256 << 20

// A mixFile is a mix that is being written.
//
// Samples beyond most are counted and dropped: a track that is too long takes no more room than
// the longest that is not, and people are told how long it is.
type mixFile struct {
	file *os.File
	buf  *bufio.Writer
	// size is how many bytes of samples came, kept how many of them are in the file, and most
	// how many may be.
	size, kept, most int64
	// looked is how much was kept when the room on the disk was checked.
	looked int64
	// err is the first error of writing.
	err error
}

func createMix(create func(path string) (*os.File, error), path string, most int64) (*mixFile, error) {
	f, err := create(path)
	if err != nil {
		return nil, fmt.Errorf("writing the mix: %w", err)
	}
	return &mixFile{file: f, buf: bufio.NewWriterSize(f, 1<<20), most: most * mixFrameSize}, nil
}

// Write appends samples.
func (m *mixFile) Write(p []byte) (int, error) {
	if m.err != nil {
		return 0, m.err
	}
	if m.kept-m.looked >= checkRoomEvery {
		m.looked = m.kept
		m.err = place.CheckRoom(filepath.Dir(m.file.Name()), spareRoom)
	}
	var n int
	if m.err == nil {
		n, m.err = m.buf.Write(p[:min(int64(len(p)), m.most-m.kept)])
		m.kept += int64(n)
	}
	if m.err != nil {
		return n, m.err
	}
	m.size += int64(len(p))
	return len(p), nil
}

func (m *mixFile) frames() int64 { return m.size / mixFrameSize }

func (m *mixFile) cut(frames int64) {
	m.size = min(m.size, frames*mixFrameSize)
}

func (m *mixFile) close() error {
	err := errors.Join(m.err, m.buf.Flush())
	if err == nil && m.size < m.kept {
		err = m.file.Truncate(m.size)
	}
	if err := errors.Join(err, m.file.Close()); err != nil {
		return fmt.Errorf("writing the mix: %w", err)
	}
	return nil
}

// spareRoom is for the headers, the record, and what else is written meanwhile.
const spareRoom = 16 << 20

// checkRoom makes sure that the disk has room for the raw stems and the files of them before the
// engine works for many minutes, only to find that it has not. When there is room, an earlier
// trouble is over.
func (w *worker) checkRoom(j *spool.Job, finishing render.Job) error {
	room, err := finishing.Room()
	if err != nil {
		return err
	}
	if err := place.CheckRoom(j.Dir(), room+spareRoom); err != nil {
		return fmt.Errorf("not enough disk space for the stems of %q: %w", j.Name, err)
	}
	w.well()
	return nil
}

// lackRoom remembers how much room a job needs that met a full disk, err: that of the mix, as far as it
// is known, and of what is made of it. A job that needs more than the whole disk is a rejection.
func (w *worker) lackRoom(j *spool.Job, finishing render.Job, err error) error {
	finishing.Frames = max(1, finishing.Frames)
	room, roomErr := finishing.Room()
	if roomErr != nil {
		return roomErr
	}
	room += finishing.Frames * mixFrameSize
	w.forgetLacking()
	w.lacking[j.ID] = room + spareRoom
	if _, size, known := place.Space(j.Dir()); known && room > size {
		_ = j.Drop(job.WorkFolder) // There must be room for saying so.
		return &rejection{fmt.Sprintf("%q cannot be separated on this disk: it needs at least %s of room, and the disk of the data folder has %s in all. "+
			"Cut it into parts, or move the data folder to a larger disk; then put it into input/ again.", j.Name, place.Bytes(room), place.Bytes(size))}
	}
	return err
}

// forgetLacking forgets the jobs that met a full disk and wait no longer.
func (w *worker) forgetLacking() {
	waiting, err := w.spool.List(job.Pending)
	if err != nil {
		return // The next turn says so.
	}
	maps.DeleteFunc(w.lacking, func(id string, _ int64) bool {
		_, waits := slices.BinarySearch(waiting, id)
		return !waits
	})
}

// lacksRoom says whether a job that waits is one that met a full disk and would meet it again: it lets
// those pass that need less.
func (w *worker) lacksRoom(id string) bool {
	need, ok := w.lacking[id]
	if !ok {
		return false
	}
	err := place.CheckRoom(w.spool.StageFolder(job.Separating), need)
	if err == nil {
		delete(w.lacking, id)
		return false
	}
	w.noRoom = fmt.Errorf("not enough disk space for the stems of the next song: %w", err)
	return true
}
