package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/docker/stack"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/term/closest"
	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/separate"
	"github.com/im2-audio/im2/pipeline/weights"
)

// Separate are the flags of the target of that name.
type Separate struct {
	// File is the song.
	File string
	// Again asks for it also where the pipeline has it, JSON for the answer as JSON.
	Again, JSON bool
	// Options are the flags of that name in options.Fields, as they were typed; "" for none.
	Options map[string]string
}

// Separate puts a song into the pipeline and follows it.
func (t Target) Separate(ctx context.Context, o Separate) error {
	asked, err := o.asked()
	if err != nil {
		return err
	}
	p, err := t.dataProject(ctx)
	if err != nil {
		return err
	}
	if err := checkAsked(p, asked); err != nil {
		return err
	}
	if err := checkDivided(p); err != nil {
		return err
	}
	if err := checkDataID(p); err != nil {
		return err
	}
	if err := t.checkReplaced(ctx, p); err != nil {
		return err
	}
	folder := t.dataFolder(p)
	if _, err := os.Stat(o.File); err == nil { // for a song that is not there nothing is made
		if err := folder.Ensure(ctx, p.Root, p.Folders, folder.Owner); err != nil {
			return err
		}
	}
	return separate.Run(ctx, separate.Request{
		Data: p.Data, File: o.File, Put: folder.PutSong, Again: o.Again, Options: asked, JSON: o.JSON,
		Base: t.Root, UI: t.UI,
	})
}

// askWithin is how long the engine is asked for what a song may do without knowing.
const askWithin = 3 * time.Second

// checkReplaced refuses a song that would lie where no service looks: they use a data folder that was moved since. What
// is not known, as without an engine, is not refused.
func (t Target) checkReplaced(ctx context.Context, p *project.Project) error {
	c, err := engine.Open(t.engine(p.Settings.Environ()))
	if err != nil {
		return nil //nolint:nilerr // a song needs no engine
	}
	limited, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	s := stack.Stack{Project: p, Client: c, UI: t.UI}
	all, _ := s.Containers(limited)
	for _, c := range all {
		if slices.Contains(c.Replaced, p.Data) {
			return exit.Fixable(exit.Failed, exit.Fix{Type: "mage up", Note: "creates the containers again"}, "the song was not put in: %s", s.ReplacedText(c))
		}
	}
	return ctx.Err()
}

// asked reads the flags.
func (o Separate) asked() (options.Options, error) {
	var asked options.Options
	for _, f := range options.Fields {
		text := o.Options[f.Flag]
		var wrong *options.FieldError
		if err := asked.Set(f.Name, text); errors.As(err, &wrong) {
			return options.Options{}, exit.Errorf(exit.Unusable, "-%s=%s: it must be %s%s", f.Flag, inLine(text), f.Allowed, hintOf(f, text))
		}
	}
	return asked, nil
}

// hintOf names the value that is near to the one of a list that is none.
func hintOf(f options.Field, text string) string {
	for part := range strings.SplitSeq(text, ",") {
		if hint := closest.Hint(part, f.Values); hint != "" && !slices.Contains(f.Values, part) {
			return hint
		}
	}
	return ""
}

// checkAsked refuses what the worker would, as far as that can be known here: what was asked for, over
// what the settings say.
func checkAsked(p *project.Project, asked options.Options) error {
	service, err := p.Settings.Separation()
	if err != nil {
		return err
	}
	all := asked.Over(service).Complete()
	known, err := stemsOf(p, all.Model)
	if err != nil {
		return err
	}
	if err := all.Check(known); err != nil {
		with := ""
		if service.Model == options.Default().Model {
			service.Model = "" // It is always set.
		}
		if text := service.String(); text != "" {
			with = fmt.Sprintf(" (the settings say %s)", text)
		}
		return exit.Errorf(exit.Unusable, "the options cannot be used together: %w%s", err, with)
	}
	return nil
}

// stemsOf returns the stems of a model; nil where only the worker can know them. That of another model
// than the default one, which "mage up" prepares, must be there.
func stemsOf(p *project.Project, name string) ([]string, error) {
	if name == options.Default().Model {
		return options.DefaultStems, nil
	}
	if p.ModelCache() == "" {
		return nil, nil
	}
	precision := p.Settings.Get(project.DemucsPrecision).Value
	cache, err := openModels(p)
	if err != nil {
		return nil, exit.Fixable(exit.Unusable, exit.Fix{Type: "mage demucs-cache -model=FILE", Note: "prepares one"}, `-model=%s: no model is prepared: %w`, name, err)
	}
	defer func() { _ = cache.Close() }() // It was only read.
	folder, err := weights.OpenFolder(cache, weights.Folder(name, precision))
	if err != nil {
		there, _ := weights.List(cache, precision) // What cannot be listed is not there, either.
		fix := exit.Fix{Type: "mage demucs-cache -model=FILE", Note: "prepares one" + closest.Hint(name, there)}
		return nil, exit.Fixable(exit.Unusable, fix, "-model=%s: no model of that name is prepared as %s; there are: %s",
			name, precision, cmp.Or(strings.Join(there, ", "), "none"))
	}
	defer func() { _ = folder.Close() }() // It was only read.
	m, err := weights.Load(folder)
	if err != nil {
		return nil, exit.Fixable(exit.Unusable, exit.Fix{Type: "mage demucs-cache", Note: "prepares it again"}, `-model=%s: %w`, name, err)
	}
	return m.Sources, nil
}

// openModels opens the model cache, which no link may lead out of the data folder.
func openModels(p *project.Project) (*os.Root, error) {
	rel, err := filepath.Rel(p.Data, p.ModelCache())
	if err != nil {
		return nil, err
	}
	return place.OpenRoot(p.Data, rel)
}
