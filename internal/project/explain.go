package project

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/compose-spec/compose-go/v2/loader"
)

// FromNowhere is the source of a setting that must be set and is not.
const FromNowhere Source = "nowhere"

// Explained is a setting with all that there is to say of it. Its value is one to be shown:
// a password in it is not.
type Explained struct {
	Setting
	// File is the path of the file that sets it; empty where that is none.
	File string `json:"file,omitempty"`
	// About says what it is for.
	About string `json:"about"`
	// Problem says why the value cannot be used, and what would do; empty where it can.
	Problem string `json:"problem,omitempty"`
}

// Explanation is what there is to say of all settings of a project.
type Explanation struct {
	// Root is the project's folder.
	Root string
	// Settings are those that are known, whether they can be used or not.
	Settings []Explained
	// Problems are the problems that belong to no known setting: settings files that cannot be read, variables
	// that the Compose file wants and nobody sets.
	Problems []string
	// Compose is why the Compose file cannot be read; nil where it can.
	Compose error
	// Values are the settings in force, as far as they can be read; UID and GID are 0 where
	// they cannot be used.
	Values Settings
	// Project is the project as far as it could be read; nil where its Compose file could not.
	Project *Project
}

// Usable reports whether there is no problem at all.
func (e Explanation) Usable() bool {
	return e.Compose == nil && len(e.Problems) == 0 && !slices.ContainsFunc(e.Settings, func(s Explained) bool { return s.Problem != "" })
}

// Explain says of every known setting what its value is, who set it and what it is for. Where
// Open would end with the first thing that is wrong, it names all of them. The error is that
// of a folder that is not there, or of ctx.
func Explain(ctx context.Context, root string, environ []string) (Explanation, error) {
	settings, err := defaults(root, environ)
	if err != nil {
		return Explanation{}, err
	}
	e := Explanation{Root: settings.root}
	for _, source := range files {
		if err := settings.readFile(source, false); err != nil {
			e.Problems = append(e.Problems, err.Error())
			_ = settings.readFile(source, true) // the same error, if any
		}
	}
	settings.overlay()
	p, found, err := examineQuickly(ctx, settings)
	switch {
	case ctx.Err() != nil:
		return Explanation{}, ctx.Err()
	case err == nil:
		e.Project, e.Values = p, p.Settings
	default: // the IDs have their usual names, as far as anybody knows
		e.Compose, e.Values = err, settings
		found = e.Values.idProblems(false)
	}
	e.add(e.Values, found)
	return e, nil
}

// examineQuickly is examine without Compose's schema: compiling it takes as long as all the rest, and it says nothing of
// settings. Where the loader fails without it, the file is read again with it, for its message.
func examineQuickly(ctx context.Context, settings Settings) (*Project, []Problem, error) {
	p, found, err := examine(ctx, settings, loader.WithSkipValidation)
	if err != nil {
		return examine(ctx, settings)
	}
	return p, found, nil
}

func (e *Explanation) add(settings Settings, found []Problem) {
	known := settings.Known()
	for _, problem := range found {
		if problem.Required || !slices.ContainsFunc(known, func(k Known) bool { return k.Name == problem.Setting.Name }) {
			e.Problems = append(e.Problems, fmt.Sprintf("%s has no value: %v", problem.Setting.Name, problem.Err))
		}
	}
	for _, k := range known {
		setting, set := settings.inForce(k.Name)
		fallback, decided := byServices[k.Name]
		switch {
		case set:
		case decided:
			setting = Setting{Name: k.Name, Value: fallback, Source: FromDefault}
		case k.optional:
			continue
		default:
			setting = Setting{Name: k.Name, Source: FromNowhere}
		}
		explained := Explained{Setting: setting, About: k.About}
		explained.Value = showable(k.Name, setting.Value)
		if setting.Line > 0 {
			explained.File = filepath.Join(settings.root, string(setting.Source))
		}
		for _, problem := range found {
			if problem.Setting.Name == k.Name && !problem.Required {
				explained.Problem = problem.Err.Error()
			}
		}
		e.Settings = append(e.Settings, explained)
	}
}
