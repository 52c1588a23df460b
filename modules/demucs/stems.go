package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/im2-audio/im2/modules/internal/place"
	"github.com/im2-audio/im2/modules/internal/spool"
)

// errIncomplete is returned when an engine says that it succeeded and its stems are not right.
var errIncomplete = errors.New("the separation engine made incomplete stems")

// keepStems checks the stems in the folder made against the mix's length, puts them on the
// disk and makes them the job's. Anything else that the engine made is dropped.
func keepStems(ctx context.Context, job *spool.Job, made string, frames int64) error {
	for _, stem := range stemNames() {
		if err := ctx.Err(); err != nil { // A slow disk may take long for each.
			return fmt.Errorf("keeping the stems: %w", err)
		}
		path := filepath.Join(made, stem+".wav")
		wav, err := readWAV(path)
		if err != nil {
			return fmt.Errorf("%w: %w", errIncomplete, err)
		}
		if wav.frames != frames || wav.rate != mixRate || wav.channels != mixChannels {
			return fmt.Errorf("%w: %s has %d channels of %d samples at %d Hz, and the mix has %d of %d at %d Hz",
				errIncomplete, stem, wav.channels, wav.frames, wav.rate, mixChannels, frames, mixRate)
		}
		if err := place.SyncFile(path); err != nil {
			return err
		}
	}
	stems := job.Path(spool.StemsFolder)
	if err := os.Mkdir(stems, place.FolderMode); err != nil {
		return fmt.Errorf("keeping the stems: %w", err)
	}
	for _, stem := range stemNames() {
		if err := os.Rename(filepath.Join(made, stem+".wav"), filepath.Join(stems, stem+".wav")); err != nil {
			return fmt.Errorf("keeping the stems: %w", err)
		}
	}
	return errors.Join(place.SyncFolder(stems), job.Drop(spool.WorkFolder))
}
