package main

import (
	"fmt"

	"github.com/im2-audio/im2/modules/demucs/render"
	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/spool"
)

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
		return fmt.Errorf("there is no room for the stems of %q: %w", j.Name, err)
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
	w.lacking[j.ID] = room + spareRoom
	if _, size, known := place.Space(j.Dir()); known && room > size {
		_ = j.Drop(job.WorkFolder) // There must be room for saying so.
		return &rejection{fmt.Sprintf("%q cannot be separated on this disk: it needs at least %s of room, and the disk of the data folder has %s in all. "+
			"Cut it into parts, or move the data folder to a larger disk; then put it into input/ again.", j.Name, place.Bytes(room), place.Bytes(size))}
	}
	return err
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
	w.noRoom = fmt.Errorf("there is no room for the stems of the next song: %w", err)
	return true
}
