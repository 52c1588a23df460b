package main

import (
	"fmt"
	"time"

	"github.com/im2-audio/im2/modules/demucs/render"
	"github.com/im2-audio/im2/modules/internal/place"
	"github.com/im2-audio/im2/modules/internal/spool"
)

const (
	// spareRoom is for the headers, the record, and what else is written meanwhile.
	spareRoom = 16 << 20
	// forgetNeed is how long a job that had no room keeps the others from being tried.
	forgetNeed = time.Minute
)

// checkRoom makes sure that the disk has room for the raw stems and the files of them before the
// engine works for many minutes, only to find that it has not. When there is room, an earlier
// trouble is over.
func (w *worker) checkRoom(job *spool.Job, finishing render.Job) error {
	room, err := finishing.Room()
	if err != nil {
		return err
	}
	room += spareRoom
	if err := place.CheckRoom(job.Dir(), room); err != nil {
		w.need, w.lacked = room+finishing.Frames*mixFrameSize, time.Now() // The mix goes with the job.
		return fmt.Errorf("there is no room for the stems of %q: %w", job.Name, err)
	}
	w.need = 0
	w.well()
	return nil
}

// roomAgain says whether there is room by now for the job that lacked it, so that it is not
// decoded again and again for nothing. It is forgotten after a while: somebody may have taken
// that job away, and another one may need less.
func (w *worker) roomAgain() error {
	if w.need == 0 || time.Since(w.lacked) > forgetNeed {
		return nil
	}
	if err := place.CheckRoom(w.spool.StageFolder(spool.Separating), w.need); err != nil {
		return fmt.Errorf("there is no room for the stems of the next song: %w", err)
	}
	w.need = 0
	return nil
}
