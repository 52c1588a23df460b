package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/spool"
)

// keepStems puts the files that the finishing made on the disk and makes them the job's. Everything
// else that was made on the way is dropped.
func keepStems(ctx context.Context, j *spool.Job) error {
	for _, file := range j.Files {
		if err := ctx.Err(); err != nil { // A slow disk may take long for each.
			return fmt.Errorf("keeping the stems: %w", err)
		}
		if err := place.SyncFile(j.Path(job.WorkFolder, job.StemsFolder, file)); err != nil {
			return err
		}
	}
	stems := j.Path(job.StemsFolder)
	if err := os.Mkdir(stems, place.FolderMode); err != nil {
		return fmt.Errorf("keeping the stems: %w", err)
	}
	for _, file := range j.Files {
		if err := os.Rename(j.Path(job.WorkFolder, job.StemsFolder, file), j.Path(job.StemsFolder, file)); err != nil {
			return fmt.Errorf("keeping the stems: %w", err)
		}
	}
	return errors.Join(place.SyncFolder(stems), j.Drop(job.WorkFolder))
}
