package main

import (
	"fmt"
	"time"

	"github.com/im2-audio/im2/modules/internal/place"
	"github.com/im2-audio/im2/modules/internal/spool"
)

const (
	// stemFrameSize is what a frame takes in a stem: the engine writes 16-bit stereo.
	stemFrameSize = mixChannels * 2
	// spareRoom is for the headers, the record, and what else is written meanwhile.
	spareRoom = 16 << 20
	// forgetNeed is how long a job that had no room keeps the others from being tried.
	forgetNeed = time.Minute
)

// stemsRoom is how many bytes the stems of a mix take.
func stemsRoom(frames int64) int64 {
	return frames*stemFrameSize*int64(len(stemNames())) + spareRoom
}

// checkRoom makes sure that the disk has room for the stems before the engine works for many
// minutes, only to find that it has not. When there is room, an earlier trouble is over.
func (w *worker) checkRoom(job *spool.Job, frames int64) error {
	if err := place.CheckRoom(job.Dir(), stemsRoom(frames)); err != nil {
		w.need, w.lacked = stemsRoom(frames)+frames*mixFrameSize, time.Now() // The mix goes with the job.
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
