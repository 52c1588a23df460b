package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/distribution/reference"
	"github.com/dustin/go-humanize/english"

	"github.com/im2-audio/im2/internal/build/image"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/pipeline/layout"
	"github.com/im2-audio/im2/pipeline/lease"
	"github.com/im2-audio/im2/pipeline/logging"
	"github.com/im2-audio/im2/pipeline/model"
	"github.com/im2-audio/im2/pipeline/notify"
	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/space"
)

// Settings explains the settings of a project as project.Explain does, with what only those
// who use a value can say of it.
func Settings(ctx context.Context, root string, environ []string) (project.Explanation, error) {
	e, err := project.Explain(ctx, root, environ)
	if err != nil {
		return e, err
	}
	e.Settings = slices.DeleteFunc(e.Settings, func(s project.Explained) bool { return idle(e.Project, s.Setting) })
	sound := true
	for i := range e.Settings {
		if s := &e.Settings[i]; s.Problem == "" {
			s.Problem = problem(e, s.Setting)
			sound = sound && s.Problem == ""
		}
	}
	if _, err := e.Values.Separation(); err != nil && sound { // Else it is said of one of them.
		e.Problems = append(e.Problems, err.Error())
	}
	return e, nil
}

func idle(p *project.Project, s project.Setting) bool {
	demucs := slices.Contains(modelSettings, s.Name) || slices.Contains(project.ExecutionSettings, s.Name) ||
		slices.ContainsFunc(options.Fields, func(f options.Field) bool { return f.Setting == s.Name })
	return demucs && s.Source == project.FromDefault && p != nil && p.ModelCache() == ""
}

func problem(e project.Explanation, s project.Setting) string {
	var err error
	switch s.Name {
	case project.BaseImage:
		if s.Value == "" { // "${BASE_IMAGE:-...}" takes it for none
			return ""
		}
		if _, err = reference.ParseDockerRef(s.Value); err != nil {
			return fmt.Sprintf("%s is %q in %s: it is no image's name: %v", s.Name, s.Value, s.Where(), err)
		}
	case project.DemucsEngine, project.DemucsModel, project.DemucsPrecision:
		if e.Project == nil || e.Project.ModelCache() != "" {
			err = modelProblem(e, s.Name)
		}
	case project.DemucsProvider, project.DemucsMemory, project.DemucsThreads:
		if e.Project == nil || e.Project.ModelCache() != "" {
			err = s.CheckExecution()
		}
	case lease.PollSetting, lease.LeaseSetting, lease.RenewSetting, logging.Setting, space.Setting, layout.Setting, notify.Setting:
		if e.Project == nil || e.Project.TellsServices() {
			err = e.Values.CheckService(s.Name)
		}
	case project.Web, project.WebUpload, project.WebAddress:
		if e.Project == nil || e.Project.Web != "" {
			err = e.Values.CheckWeb(s.Name)
		}
	case project.CABundle:
		err = image.CheckBundle(e.Root, e.Values)
	default:
		err = e.Values.SeparationProblem(s.Name)
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// modelSettings choose the model together.
var modelSettings = []string{project.DemucsEngine, project.DemucsModel, project.DemucsPrecision}

// modelProblem checks one of the settings that choose the model, the others being the defaults. Whether a model
// was prepared is known only if the project can be opened.
func modelProblem(e project.Explanation, name string) error {
	values := map[string]string{project.DemucsEngine: "onnx", project.DemucsModel: "htdemucs", project.DemucsPrecision: "fp32"}
	values[name] = e.Values.Get(name).Value
	req := model.Request{Engine: values[project.DemucsEngine], Model: values[project.DemucsModel], Precision: values[project.DemucsPrecision]}
	err := model.Choose(req.Engine, req.Model, req.Precision)
	if err != nil || e.Project == nil || name != project.DemucsModel {
		return err
	}
	req.Data, req.Dir, req.Precision = e.Project.Data, e.Project.ModelCache(), e.Values.Get(project.DemucsPrecision).Value
	return model.CheckSettings(req)
}

func checkSettings(ctx context.Context, d *Doctor, _ *facts) answer {
	e, err := Settings(ctx, d.Root, d.Environ)
	if err != nil {
		return failed("mage -w FOLDER doctor", "%s", cause(err))
	}
	var more []string
	wrong := len(e.Problems)
	fix := ""
	for _, s := range e.Settings {
		more = append(more, fmt.Sprintf("%s=%s (%s)", s.Name, s.Value, Place(s)))
		if s.Problem == "" {
			continue
		}
		wrong++
		more = append(more, "refused: "+oneLine(s.Problem))
		switch {
		case s.Source == project.FromNowhere && fix == "":
			fix = fixSetup
		case fix == "":
			fix = fmt.Sprintf("correct %s in %s", s.Name, Place(s))
		}
	}
	for _, text := range e.Problems {
		more = append(more, "refused: "+oneLine(text))
	}
	if wrong == 0 {
		a := ok("%d settings, all can be used", len(e.Settings))
		a.more = more
		return a
	}
	if fix == "" {
		fix = "correct what is refused; \"mage env\" shows it alone"
	}
	a := failed(fix, "%s cannot be used", english.Plural(wrong, "setting", ""))
	a.more = more
	return a
}

// Place names who set a setting: ".env:3", "environment", "default", "nowhere".
func Place(s project.Explained) string {
	return strings.TrimPrefix(s.Where(), "the ")
}

func checkComposeFile(ctx context.Context, d *Doctor, _ *facts) answer {
	p, err := project.Open(ctx, d.Root, d.Environ)
	if err != nil {
		text := cause(err)
		if strings.Contains(text, "no docker-compose.yml") {
			return failed("mage -w FOLDER doctor", "%s", text)
		}
		return failed("correct the Compose file; \"docker compose config\" reads it, too", "%s", text)
	}
	kind := "no x-im2 section, so no folders are kept"
	if p.Data != "" {
		kind = "data folder " + p.Rel(p.Data)
	}
	services := english.Plural(len(p.Services()), "service", "")
	if len(p.Services()) <= 5 {
		services += ": " + strings.Join(p.Services(), ", ")
	}
	return ok("project %s with %s; %s", p.Name(), services, kind).
		learning(func(f *facts) { f.project = p })
}
