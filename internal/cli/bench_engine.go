package cli

import (
	"context"
	"os"

	"github.com/im2-audio/im2/internal/build/image"
	"github.com/im2-audio/im2/internal/dev/bench"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/pipeline/model"
)

// benchSong builds the image of the service that separates: for that nobody should wait after other
// parts were measured for minutes.
func (t Target) benchSong(ctx context.Context, b *bench.Bench, p *project.Project, o Bench) (bench.Song, error) {
	cache := p.ModelCache()
	if cache == "" {
		return bench.Song{}, exit.Errorf(exit.Unusable, "no service %q of %s mounts a model cache", workers, p.Name())
	}
	set := p.Settings
	if euid := os.Geteuid(); euid != 0 && euid != int(set.AppUser.UID) {
		return bench.Song{}, exit.Errorf(exit.Unusable, "its files belong to the app user %d, which only that user or root can give them", set.AppUser.UID)
	}
	base, err := t.benchEngine(ctx, b, p)
	if err != nil {
		return bench.Song{}, err
	}
	builder := t.builder(p, &b.Engine.Client)
	if _, err := builder.Build(ctx, image.Options{Modules: []string{workers}}, t.notePlan); err != nil {
		return bench.Song{}, err
	}
	service := p.Compose.Services[workers]
	song := bench.Song{
		Seconds: float64(o.Seconds), Reference: o.Seconds <= longestReference,
		Image: p.Image(workers), Memory: int64(service.MemLimit), User: set.AppUser,
		Prepare: func(ctx context.Context, root string, folders []string) error {
			return t.resetter(p).Ensure(ctx, root, folders, set.AppUser)
		},
		Models: func(ctx context.Context, folder, precision string) error {
			req := t.benchModel(p, folder)
			req.Precision = precision
			_, err := model.Ensure(ctx, req)
			return err
		},
		Original: func(ctx context.Context, folder string) (*os.File, error) {
			return model.Original(ctx, t.benchModel(p, folder))
		},
		BuildReference: func(ctx context.Context, name string, labels map[string]string) error {
			return builder.Stage(ctx, b.Engine, workers, "reference", base, name, labels)
		},
	}
	for _, v := range service.Volumes {
		if v.Source == cache {
			song.Mount = v.Target
		}
	}
	return song, nil
}

// benchModel asks for the model that the npm package has, in a folder of the bench's own.
func (t Target) benchModel(p *project.Project, folder string) model.Request {
	req := t.modelRequest(p)
	req.Data, req.Dir, req.Model = "", folder, bench.Model
	return req
}
