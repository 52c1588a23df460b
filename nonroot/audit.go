package nonroot

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/im2-audio/im2/internal/compose/composefile"
	"github.com/im2-audio/im2/internal/compose/dockerfile"
	"github.com/im2-audio/im2/nonroot/internal/subpath"
)

// Audit checks a project. The project must know its Compose files (ComposeFiles), as those loaded by compose-go
// do. The error is an *[UnknownRuleError], that of reading the Compose files again for their lines, or that
// of ctx. Dockerfiles that are missing or cannot be parsed are findings.
func Audit(ctx context.Context, p *types.Project, o Options) (Report, error) {
	a, err := newAuditor(p, o, overlay{files: o.Files})
	if err != nil {
		return Report{}, err
	}
	return a.run(ctx)
}

func (a *auditor) run(ctx context.Context) (Report, error) {
	for _, name := range a.names {
		if err := ctx.Err(); err != nil {
			return Report{}, err
		}
		a.check(a.subjects[name])
	}
	a.settings()
	report := Report{Services: len(a.names)}
	report.Findings, report.Suppressed = a.suppress(merge(a.findings))
	report.Omitted = a.omitted
	return report, nil
}

// Images returns the names of the images whose users an audit of the project asks [Options.Image] for, so
// that they can be looked up at once.
func Images(p *types.Project, o Options) ([]string, error) {
	a, err := newAuditor(p, o, overlay{files: o.Files})
	if err != nil {
		return nil, err
	}
	var names []string
	for name := range a.asked {
		if name != "" && name != dockerfile.Scratch {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// overlay is what differs from the project on disk.
type overlay struct {
	files map[string][]byte // by absolute path
	// adopted are the Dockerfiles that were given the template's user in this run: their
	// services must pass the IDs, also in a project without conventions.
	adopted map[string]bool
}

// auditor is one audit on its way.
type auditor struct {
	project *types.Project
	options Options
	root    string
	data    string // the data folder; "" without conventions
	overlay
	set   *composefile.Set
	rules map[string]Rule
	env   map[string]string

	names    []string
	subjects map[string]*subject
	makers   map[string]string // which service builds an image
	visiting map[string]bool
	done     map[string]bool
	asked    map[string]bool
	parsed   map[string]parsed
	sources  map[string]*source
	findings []Finding
	counts   map[[2]string]int // of findings, by rule and file
	omitted  int
}

type parsed struct {
	file *dockerfile.File
	err  error
}

func newAuditor(p *types.Project, o Options, over overlay) (*auditor, error) {
	a := &auditor{
		project: p, options: o, root: cmp.Or(o.Root, p.WorkingDir), overlay: over, rules: make(map[string]Rule), env: p.Environment,
		subjects: make(map[string]*subject), makers: make(map[string]string), visiting: make(map[string]bool), done: make(map[string]bool),
		asked: make(map[string]bool), parsed: make(map[string]parsed), sources: make(map[string]*source), counts: make(map[[2]string]int),
	}
	for _, r := range Rules() {
		a.rules[r.ID] = r
	}
	if o.Environ != nil {
		a.env = types.NewMapping(o.Environ)
	}
	if o.Conventions != nil {
		a.data = o.Conventions.Data
	}
	for _, id := range o.Only {
		if _, ok := a.rules[id]; !ok {
			return nil, &UnknownRuleError{ID: id}
		}
	}
	if len(p.ComposeFiles) == 0 {
		return nil, ErrNoFiles
	}
	var err error
	if a.set, err = composefile.Open(p.ComposeFiles, a.readFile); err != nil {
		return nil, err
	}
	a.gather()
	return a, nil
}

// gather makes the subjects: every service, also of profiles that are not in force.
func (a *auditor) gather() {
	for active, services := range map[bool]types.Services{true: a.project.Services, false: a.project.DisabledServices} {
		for name, cfg := range services {
			s := &subject{name: name, cfg: cfg, active: active}
			s.at, _ = a.set.Service(name)
			if s.at.File == nil {
				s.at.File = &composefile.File{Path: a.project.ComposeFiles[0]}
			}
			for _, v := range cfg.Volumes {
				s.mountsData = s.mountsData || a.data != "" && v.Type == types.VolumeTypeBind && subpath.In(a.data, v.Source)
			}
			a.subjects[name] = s
			a.names = append(a.names, name)
			if cfg.Build == nil {
				continue
			}
			image := cfg.Image
			if image == "" {
				image = a.project.Name + "-" + name
			}
			a.makers[canonical(image)] = name
		}
	}
	slices.Sort(a.names)
	for _, name := range a.names {
		a.complete(a.subjects[name])
	}
}

// readFile reads a file of the project, or what stands in for it.
func (a *auditor) readFile(path string) ([]byte, error) {
	if text, ok := a.files[path]; ok {
		return text, nil
	}
	return readLimited(path)
}

// source returns a file's lines.
func (a *auditor) source(path string) *source {
	s, ok := a.sources[path]
	if !ok {
		text, err := a.readFile(path)
		if err != nil {
			text = nil
		}
		s = newSource(path, text)
		a.sources[path] = s
	}
	return s
}

// rel is a path relative to the project's folder where it is inside.
func (a *auditor) rel(path string) string {
	if rel, is := subpath.Rel(a.root, path); is {
		return rel
	}
	return path
}

// shown is a path as findings name it.
func (a *auditor) shown(path string) string { return filepath.ToSlash(a.rel(path)) }

// own says that the project keeps the conventions and is held to them.
func (a *auditor) own() bool { return a.options.Conventions != nil }

// spot is where a finding is.
type spot struct {
	path      string
	line, col int
	end       int
}

// spot is a place in a Dockerfile, also in one that stands in a Compose file.
func (d *dockerfileSubject) spot(line, column int) spot {
	text := d.src.line(line)
	s := spot{path: d.src.path, line: line, col: column, end: len([]rune(strings.TrimRight(text, " \t"))) + 1}
	if d.inline && line > 0 {
		if d.flat {
			return spot{path: d.src.path, line: d.offset, col: 1, end: 1}
		}
		s.line, s.col, s.end = line+d.offset, column+d.indent, s.end+d.indent
	}
	return s
}

// whole is the Dockerfile as such.
func (d *dockerfileSubject) whole() spot { return spot{path: d.src.path} }

// here is a place in a Compose file.
func here(p composefile.Place) spot {
	if p.Value == nil && p.Key == nil {
		return spot{path: p.File.Path}
	}
	s := spot{path: p.File.Path, line: p.Line(), col: p.Column()}
	word := p.Value
	if p.Key != nil {
		word = p.Key
	}
	s.end = s.col + max(1, len([]rune(word.Value)))
	return s
}

// Limits on what is said: nobody reads more of the same.
const (
	// maxSame is how many findings of one rule there are in one file.
	maxSame = 500
	// maxText is how many characters of a message or line are kept.
	maxText = 300
)

// short is a text that is not longer than anybody reads.
func short(text string) string {
	if len(text) <= maxText {
		return text
	}
	return strings.ToValidUTF8(text[:maxText], "") + "…"
}

// level is a rule's in this project.
func (a *auditor) level(id string) Level {
	if a.own() {
		return a.rules[id].Own
	}
	return a.rules[id].Elsewhere
}

// found notes a finding, with the rule's own level where OK is given. It returns the
// finding for more to be said of it, and an empty one where the rule does not apply.
func (a *auditor) found(id string, grade Level, s *subject, at spot, format string, args ...any) *Finding {
	if grade == OK {
		grade = a.level(id)
	}
	if grade == OK || len(a.options.Only) > 0 && !slices.Contains(a.options.Only, id) {
		return &Finding{}
	}
	if a.counts[[2]string{id, at.path}]++; a.counts[[2]string{id, at.path}] > maxSame {
		a.omitted++
		return &Finding{}
	}
	f := Finding{
		Rule: id, Level: grade, Message: short(fmt.Sprintf(format, args...)), path: at.path, File: a.shown(at.path),
		Line: at.line, Column: at.col, EndColumn: at.end, Source: short(a.source(at.path).line(at.line)), blocks: a.rules[id].Blocks,
	}
	if s != nil {
		f.Services = []string{s.name}
		if !s.active { // Compose would not start it as things are
			f.Level, f.blocks = min(f.Level, Warning), false
			f.Message += fmt.Sprintf(" (only with the profile %s)", strings.Join(s.cfg.Profiles, " or "))
		}
	}
	a.findings = append(a.findings, f)
	return &a.findings[len(a.findings)-1]
}

// isDir reports whether there is such a folder.
func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
