package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/im2-audio/im2/modules/demucs/render"
	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/peaks"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/spool"
	"github.com/im2-audio/im2/pipeline/tags"
	"github.com/im2-audio/im2/pipeline/title"
)

// rawFolder is the folder in a job's work folder that the engine writes the raw stems into.
const rawFolder = "raw"

func (w *worker) agree(j *spool.Job) (model prepared, settings options.Options, err error) {
	if settings, err = w.settings.settingsOf(j, nil); err != nil {
		return model, settings, err
	}
	if model, err = w.models.find(settings.Model); err != nil {
		return model, settings, err
	}
	settings, err = w.settings.settingsOf(j, model.stems())
	return model, settings, err
}

// stems are those that the model makes, in the order in which people are told of them.
func (p prepared) stems() []string { return options.Options{}.Names(p.manifest.Sources) }

// finishing is what is to be made of the raw stems of a job.
func (w *worker) finishing(j *spool.Job, settings options.Options, model prepared, source decoded) render.Job {
	described := titled(source.tags, j.Name)
	return render.Job{
		Mix: mixName, Raw: rawFolder, Out: job.StemsFolder, Frames: source.frames, Sources: model.stems(), Options: settings,
		SourceRate: source.rate, SourceFrames: source.sourceFrames, Tags: described, Instrumental: options.InstrumentalName(described[tags.Title]),
		FFmpeg: w.runFFmpeg, Progress: w.progress(j, job.Finishing),
	}
}

// titled returns the tags of a song, with the name of its file where they have no title.
func titled(t tags.Tags, fileName string) tags.Tags {
	name, _ := title.Split(fileName)
	if name = tags.Clean(name); t[tags.Title] != "" || name == "" {
		return t
	}
	return t.With(tags.Title, name)
}

func (w *worker) finish(ctx context.Context, j *spool.Job, finishing render.Job) (made render.Made, err error) {
	if err := j.SetProgress(job.Finishing, 0, 0); err != nil {
		return made, err
	}
	work, err := place.OpenFolder(j.Path(job.WorkFolder))
	if err != nil {
		return made, fmt.Errorf("finishing the stems: %w", err)
	}
	defer func() { err = errors.Join(err, work.Close()) }()
	if err := work.Mkdir(finishing.Out, place.FolderMode); err != nil {
		return made, fmt.Errorf("finishing the stems: %w", err)
	}
	finishing.Work = work
	made, err = render.Render(ctx, finishing)
	var fault *render.FaultError
	if errors.As(err, &fault) {
		err = w.blame(ctx, fault, finishing.Options.Model)
	}
	return made, err
}

func (w *worker) runFFmpeg(ctx context.Context, p render.Process) error {
	c := command{
		what: p.What, path: w.settings.ffmpeg, args: p.Args,
		stdin: p.Stdin, stdout: p.Stdout, file: p.File, stall: w.settings.stall,
	}
	return c.run(ctx)
}

// keepStems puts the files that the finishing made on the disk and makes them the job's, with what their waveforms are
// drawn from. Everything else that was made on the way is dropped.
func keepStems(ctx context.Context, j *spool.Job, waves peaks.Peaks) error {
	files := j.Files
	if j.Cover != "" {
		files = append(slices.Clone(files), j.Cover)
	}
	for _, file := range files {
		if err := ctx.Err(); err != nil { // A slow disk may take long for each.
			return fmt.Errorf("keeping the stems: %w", err)
		}
		if err := place.SyncFile(j.Path(job.WorkFolder, job.StemsFolder, file)); err != nil {
			return err
		}
	}
	if err := j.Mkdir(job.StemsFolder); err != nil {
		return fmt.Errorf("keeping the stems: %w", err)
	}
	for _, file := range files {
		if err := place.Local.Rename(j.Path(job.WorkFolder, job.StemsFolder, file), j.Path(job.StemsFolder, file)); err != nil {
			return fmt.Errorf("keeping the stems: %w", err)
		}
	}
	data, err := waves.Bytes()
	if err == nil {
		err = j.Write(data, job.StemsFolder, job.PeaksFile)
	}
	if err != nil {
		return fmt.Errorf("keeping the stems: %w", err)
	}
	return errors.Join(place.SyncFolder(j.Path(job.StemsFolder)), j.Drop(job.WorkFolder))
}
