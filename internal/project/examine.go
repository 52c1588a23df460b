package project

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/template"
)

// standIn is the value of a variable that must be set and is not: Compose would not start
// such a project, and what is judged of it must not be taken for root or for nothing. It
// is a number, since most places where it could matter want one.
const standIn = "64999"

// maxVariables is how many ${...} one value may have: in one another, they take Compose
// time that grows with the square of their number.
const maxVariables = 200

// Problem is something that Open would refuse and Examine only reports.
type Problem struct {
	// Setting is the ID that cannot be used, with its place; or only the name of a
	// variable that the Compose file wants (${NAME:?}) and nobody sets.
	Setting Setting
	// Required says that it is the second.
	Required bool
	// Err says what is wrong.
	Err error
}

// Examine opens a project to be judged, not run: IDs that cannot be used, settings files
// that only Compose can read, env_file entries that are not there and variables that must
// be set are no errors. Of a folder, a Compose file or an x-im2 section that cannot be
// read at all, it is the same error as Open's. UID and GID are 0 where they are a problem.
func Examine(ctx context.Context, root string, environ []string) (*Project, []Problem, error) {
	root, err := absolute(root)
	if err != nil {
		return nil, nil, err
	}
	settings, err := readSettings(Settings{
		UIDName: defaultUID, GIDName: defaultGID, root: root, values: defaults(environ), environ: environ, lenient: true,
	})
	if err != nil {
		return nil, nil, err
	}
	var missing standIns
	p, own, err := read(ctx, root, settings, cli.WithoutEnvironmentResolution, cli.WithoutLabelsResolution,
		cli.WithLoadOptions(missing.use))
	if err != nil {
		return nil, nil, err
	}
	problems := append(missing.problems(), p.Settings.idProblems(p.Declared)...)
	return p, problems, p.placeData(own, p.Declared)
}

// standIns gives variables that must be set a value, and keeps their names.
type standIns struct {
	names []string
	errs  []error
}

func (m *standIns) use(o *loader.Options) {
	if o.Interpolate != nil {
		o.Interpolate.Substitute = m.substitute
	}
}

// substitute expands a template; each variable that must be set and is not is given the
// stand-in, one after the other.
func (m *standIns) substitute(text string, lookup template.Mapping) (string, error) {
	if strings.Count(text, "${") > maxVariables {
		return "", fmt.Errorf("a value has more than %d variables", maxVariables)
	}
	given := make(map[string]bool)
	for {
		value, err := template.SubstituteWithOptions(text, func(name string) (string, bool) {
			if given[name] {
				return standIn, true
			}
			return lookup(name)
		}, template.WithoutLogging)
		var required *template.MissingRequiredError
		if !errors.As(err, &required) || given[required.Variable] {
			return value, err
		}
		given[required.Variable] = true
		if !slices.Contains(m.names, required.Variable) {
			m.names, m.errs = append(m.names, required.Variable), append(m.errs, err)
		}
	}
}

func (m *standIns) problems() []Problem {
	var all []Problem
	for i, name := range m.names {
		all = append(all, Problem{Setting: Setting{Name: name}, Required: true, Err: m.errs[i]})
	}
	return all
}

// idProblems checks both IDs and keeps the ones that can be used.
func (s *Settings) idProblems(required bool) []Problem {
	var all []Problem
	for name, id := range map[string]*uint32{s.UIDName: &s.UID, s.GIDName: &s.GID} {
		value, err := s.id(name, required)
		if err != nil {
			setting := s.values[name]
			setting.Name = name
			all = append(all, Problem{Setting: setting, Err: err})
			continue
		}
		*id = value
	}
	if len(all) == 2 && all[0].Setting.Name == s.GIDName {
		slices.Reverse(all) // the user's first
	}
	return all
}
