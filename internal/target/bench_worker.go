package target

import (
	"context"
	"os"

	"github.com/im2-audio/im2/internal/bench"
	"github.com/im2-audio/im2/internal/engine"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/image"
	"github.com/im2-audio/im2/internal/project"
)

// benchSong builds what the worker part runs, and fetches the weights: for that nobody should wait
// after other parts were measured for minutes.
func (t Target) benchSong(ctx context.Context, b *bench.Bench, p *project.Project, o Bench) (bench.Song, error) {
	cache := cacheFolder(p)
	if cache == "" {
		return bench.Song{}, exit.Errorf(exit.Unusable, "no service %q of %s mounts a model cache", workers, p.Name())
	}
	set := p.Settings
	if euid := os.Geteuid(); euid != 0 && euid != int(set.UID) {
		return bench.Song{}, exit.Errorf(exit.Unusable, "its files belong to the app user %d, which only that user or root can give them", set.UID)
	}
	var err error
	if b.Engine, err = engine.Find(ctx, t.engine(b.Environ)); err != nil {
		return bench.Song{}, err
	}
	if err := t.prepare(ctx, p); err != nil {
		return bench.Song{}, err
	}
	if _, err := t.builder(p, &b.Engine.Client).Build(ctx, image.Options{Modules: []string{workers}}, t.notePlan); err != nil {
		return bench.Song{}, err
	}
	if err := t.fetchModel(ctx, p); err != nil {
		return bench.Song{}, err
	}
	service := p.Compose.Services[workers]
	song := bench.Song{
		Root: p.Root, Dir: o.Dir, Image: p.Image(workers), Memory: int64(service.MemLimit), Cache: cache,
		UID: int(set.UID), GID: int(set.GID), Seconds: float64(o.Seconds), Runs: o.Runs,
		Prepare: func(ctx context.Context, root string, folders []string) error {
			return t.resetter(p).Ensure(ctx, root, folders, owner(p))
		},
	}
	for _, v := range service.Volumes {
		if v.Source == cache {
			song.Mount = v.Target
		}
	}
	return song, nil
}
