package project

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/interpolation"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/tree"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/dustin/go-humanize/english"

	"github.com/im2-audio/im2/internal/safetext"
)

// StandIn is the value of a variable that must be set and is not: Compose would not start
// such a project, and what is judged of it must not be taken for root or for nothing. It
// is a number, since most places where it could matter want one.
const StandIn = "64999"

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
// be set, or without which the file means nothing, are no errors. Of a folder, a Compose file or an x-im2 section that cannot be
// read at all, it is the same error as Open's. UID and GID are 0 where they are a problem.
func Examine(ctx context.Context, root string, environ []string) (*Project, []Problem, error) {
	settings, err := readSettings(root, environ, true)
	if err != nil {
		return nil, nil, err
	}
	return examine(ctx, settings)
}

func examine(ctx context.Context, settings Settings, how ...func(*loader.Options)) (*Project, []Problem, error) {
	gone := settings.leaveOutMissing()
	p, missing, err := readLeniently(ctx, settings, how...)
	if err != nil {
		return nil, nil, err
	}
	problems := append(missing.problems(), p.Settings.idProblems(p.Declared)...)
	if len(gone) > 0 {
		problems = append(problems, Problem{
			Setting: Setting{Name: composeFile}, Required: true,
			Err: fmt.Errorf("%s names %s, which is missing; auditing without it", composeFile, safetext.List(gone, 3, " and ")),
		})
	}
	return p, problems, p.placeData()
}

// readLeniently reads the Compose file with stand-ins. If that fails because variables have no value, as without
// a personal .env, it is read again as if they had.
func readLeniently(ctx context.Context, s Settings, options ...func(*loader.Options)) (*Project, *standIns, error) {
	var first error
	for _, blanks := range []blankness{keepBlank, fillBlank, fillParts} {
		missing := &standIns{blanks: blanks}
		defer missing.remote.remove()
		how := []cli.ProjectOptionsFn{cli.WithoutEnvironmentResolution, cli.WithoutLabelsResolution, cli.WithLoadOptions(append(options, missing.use)...)}
		if blanks != keepBlank {
			how = append(how, cli.WithConsistency(false)) // "${DATA}:/data" becomes a volume that is not declared
		}
		p, err := read(ctx, s, reading{substitute: missing.substitute, audit: true, options: how})
		if err == nil {
			missing.empty(p.Compose)
			return p, missing, nil
		}
		if first == nil {
			first = err
		}
		if ctx.Err() != nil || !missing.blank {
			break
		}
	}
	return nil, nil, first
}

// blankness says how variables without a value are expanded that need not have one.
type blankness int

const (
	keepBlank blankness = iota // nothing, as in Compose
	fillBlank                  // a stand-in
	fillParts                  // a stand-in where more than the variable stands there
)

// blankValue is the stand-in for a variable that has no value.
const blankValue = "64998"

// standIns gives variables that must be set a value, and keeps their names.
type standIns struct {
	names  []string
	errs   []error
	blanks blankness
	blank  bool     // whether any variable has no value
	filled []string // the variables that got one
	remote elsewhere
	last   []string // the variables without a value in the text that was expanded last
}

var plainVariable = regexp.MustCompile(`\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\})`)

// fill wraps a lookup to give variables without a value and without a default the stand-in.
func (m *standIns) fill(text string, lookup template.Mapping) template.Mapping {
	plain := make(map[string]bool)
	for _, v := range plainVariable.FindAllStringSubmatch(text, -1) {
		if m.blanks == fillBlank || m.blanks == fillParts && v[0] != text {
			plain[v[1]+v[2]] = true
		}
	}
	return func(name string) (string, bool) {
		value, ok := lookup(name)
		if value != "" {
			return value, ok
		}
		m.blank, m.last = true, append(m.last, name)
		if !plain[name] {
			return value, ok
		}
		if !slices.Contains(m.filled, name) {
			m.filled = append(m.filled, name)
		}
		return blankValue, true
	}
}

// empty removes the stand-in for an empty value from what is judged: an empty user means root.
func (m *standIns) empty(p *types.Project) {
	if len(m.filled) == 0 {
		return
	}
	clean := func(text *string) { *text = strings.ReplaceAll(*text, blankValue, "") }
	for _, services := range []types.Services{p.Services, p.DisabledServices} {
		for name, s := range services {
			clean(&s.User)
			clean(&s.Image)
			if s.Build != nil {
				clean(&s.Build.Context)
				clean(&s.Build.Dockerfile)
				clean(&s.Build.Target)
				for _, value := range s.Build.Args {
					if value != nil {
						clean(value)
					}
				}
			}
			services[name] = s
		}
	}
}

func (m *standIns) use(o *loader.Options) {
	if o.Interpolate != nil {
		o.Interpolate.Substitute = m.substitute
		o.Interpolate.TypeCastMapping = maps.Collect(m.lenient(maps.All(o.Interpolate.TypeCastMapping)))
		for _, key := range measures {
			o.Interpolate.TypeCastMapping[tree.NewPath(append([]string{"services", tree.PathMatchAll}, strings.Split(key, ".")...)...)] = m.measure
		}
	}
	o.ResourceLoaders = append(o.ResourceLoaders, &m.remote)
}

// measures are the keys of a service with a time or a size, which compose-go reads later than numbers.
var measures = []string{
	"stop_grace_period", "healthcheck.interval", "healthcheck.timeout", "healthcheck.start_period", "healthcheck.start_interval", "mem_limit", "mem_reservation",
	"memswap_limit", "shm_size", "deploy.resources.limits.memory", "deploy.resources.limits.cpus", "deploy.resources.reservations.memory", "deploy.resources.reservations.cpus", "deploy.update_config.delay", "deploy.update_config.monitor",
	"deploy.rollback_config.delay", "deploy.rollback_config.monitor", "deploy.restart_policy.delay", "deploy.restart_policy.window",
}

// measure is what a time or a size is without a value: none.
func (m *standIns) measure(text string) (any, error) {
	if text == "" || text == blankValue || text == StandIn {
		m.filled = append(m.filled, m.last...)
		return "0", nil // a time and a size
	}
	return text, nil
}

// lenient wraps the functions that make numbers and booleans of texts: without a value, the text is none of these, which says nothing
// about users.
func (m *standIns) lenient(casts iter.Seq2[tree.Path, interpolation.Cast]) iter.Seq2[tree.Path, interpolation.Cast] {
	return func(yield func(tree.Path, interpolation.Cast) bool) {
		for path, cast := range casts {
			if !yield(path, func(text string) (any, error) {
				value, err := cast(text)
				if err == nil || text != "" && text != blankValue && text != StandIn {
					return value, err
				}
				for _, nothing := range []string{"false", "0", "0s"} {
					if value, err := cast(nothing); err == nil {
						m.filled = append(m.filled, m.last...)
						return value, nil
					}
				}
				return value, err
			}) {
				return
			}
		}
	}
}

// substitute expands a template. Variables that must be set and are not get the stand-in, one after the other.
func (m *standIns) substitute(text string, lookup template.Mapping) (string, error) {
	if strings.Count(text, "${") > maxVariables {
		return "", fmt.Errorf("a value has more than %d variables", maxVariables)
	}
	given := make(map[string]bool)
	m.last = nil
	lookup = m.fill(text, lookup)
	for {
		value, err := template.SubstituteWithOptions(text, func(name string) (string, bool) {
			if given[name] {
				return StandIn, true
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
	m.filled = slices.DeleteFunc(m.filled, func(name string) bool { return slices.Contains(m.names, name) })
	if len(m.filled) > 0 {
		slices.Sort(m.filled)
		m.filled = slices.Compact(m.filled)
		all = append(all, Problem{
			Setting: Setting{Name: m.filled[0]}, Required: true, // no error, but said
			Err: fmt.Errorf("%s %s unset; auditing as if it had a value", safetext.List(m.filled, 3, ", "), english.PluralWord(len(m.filled), "is", "are")),
		})
	}
	for _, what := range m.remote.refused {
		all = append(all, Problem{
			Setting: Setting{Name: what}, Required: true,
			Err: fmt.Errorf("include has %s, which is elsewhere; auditing without it", safetext.Quoted(what)),
		})
	}
	return all
}

func (s *Settings) idProblems(required bool) []Problem {
	var all []Problem
	for name, id := range map[string]*uint32{s.UIDName: &s.AppUser.UID, s.GIDName: &s.AppUser.GID} {
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
