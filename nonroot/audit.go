package nonroot

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/im2-audio/im2/internal/compose/composefile"
	"github.com/im2-audio/im2/internal/compose/dockerfile"
	"github.com/im2-audio/im2/internal/compose/edit"
	"github.com/im2-audio/im2/nonroot/internal/subpath"
)

const (
	// maxFile is how many bytes all files of a project may have that are read; BuildKit's own limit for a line is far
	// below it.
	maxFile = 16 << 20
	// maxParsed is how many instructions there may be in all Dockerfiles, which bounds memory, and maxBuilt in all that
	// services build from them, which bounds time: 1 MB of project stays below 200 MB and 5 s.
	maxParsed, maxBuilt = 20_000, 100_000
	// maxSame is how many findings of one rule there are in one file.
	maxSame = 500
	// maxText is how many bytes of a message or line are kept.
	maxText = 300
)

// Audit checks a project. The project must know its Compose files (ComposeFiles), as those loaded by compose-go
// do. The error is [ErrNoFiles], an *[UnknownRuleError], that of reading the Compose files again for their lines, or
// that of ctx. Concurrent audits are safe as long as nobody changes the project. Dockerfiles that are missing or cannot be parsed are findings.
func Audit(ctx context.Context, p *types.Project, o Options) (Report, error) {
	a, err := newAuditor(ctx, p, o, nil)
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
	a.more()
	report := Report{Verdicts: a.verdicts(), Services: len(a.project.Services) + len(a.project.DisabledServices)}
	report.Findings, report.Suppressed = a.suppress(merge(a.findings))
	for i := range report.Findings {
		f := &report.Findings[i]
		if f.Fixable && slices.ContainsFunc(f.fix, func(c change) bool { return slices.Contains(a.options.Keep, c.path) }) {
			f.Fixable, f.Hint = false, "its fix was tried and put back: fix it by hand"
		}
	}
	report.Omitted = a.omitted
	return report, nil
}

// more adds the findings of others, with their lines.
func (a *auditor) more() {
	for _, f := range a.options.More {
		if !a.wanted(f.Rule) {
			continue
		}
		f.path = filepath.FromSlash(f.File)
		if !filepath.IsAbs(f.path) {
			f.path = filepath.Join(a.root, f.path)
		}
		count := [2]string{f.Rule, f.path}
		if a.counts[count]++; a.counts[count] > maxSame {
			a.omitted++
			continue
		}
		f.Message, f.Source = short(f.Message), short(a.source(f.path).Line(f.Line))
		a.findings = append(a.findings, f)
	}
}

// Images returns the names of the images whose users an audit of the project asks [Options.Image] for, so
// that they can be looked up at once. The errors are those that [Audit] returns.
func Images(ctx context.Context, p *types.Project, o Options) ([]string, error) {
	a, err := newAuditor(ctx, p, o, nil)
	if err != nil {
		return nil, err
	}
	delete(a.asked, "")
	delete(a.asked, dockerfile.Scratch)
	return slices.Sorted(maps.Keys(a.asked)), nil
}

// auditor is the state of one audit.
type auditor struct {
	project *types.Project
	options Options
	root    string
	data    string // the data folder; "" without conventions
	env     map[string]string
	set     *composefile.Set
	// adopted are the Dockerfiles that were given the template's user in this run of Fix: their
	// services must pass the IDs, also in a project without conventions.
	adopted map[string]bool

	names    []string
	subjects map[string]*subject
	makers   map[string]string   // which service builds an image, the first by name of several
	rivals   map[string][]string // all that build it
	asked    map[string]bool     // which images Options.Image was asked for
	sources  map[string]*source
	passwds  map[string]passwd
	mounted  map[string][]mount // by title
	texts    map[string]text
	read     int // bytes of all texts
	parsed   int // instructions of all Dockerfiles
	resolved int // instructions of all builds
	findings []Finding
	counts   map[[2]string]int // of findings, by rule and file
	omitted  int
	lookups  int // of copied files, for one service
}

func newAuditor(ctx context.Context, p *types.Project, o Options, adopted map[string]bool) (*auditor, error) {
	a := &auditor{
		project: p, options: o, root: cmp.Or(o.Root, p.WorkingDir), env: p.Environment, adopted: adopted,
		subjects: make(map[string]*subject), makers: make(map[string]string), rivals: make(map[string][]string), asked: make(map[string]bool),
		sources: make(map[string]*source), passwds: make(map[string]passwd), mounted: make(map[string][]mount), texts: make(map[string]text),
		counts: make(map[[2]string]int),
	}
	if o.Environ != nil {
		a.env = types.NewMapping(o.Environ)
	}
	if o.Conventions != nil {
		a.data = o.Conventions.Data
	}
	for _, id := range o.Only {
		if _, ok := ruleOf(id); !ok {
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
	a.addSubjects()
	a.names = slices.Sorted(maps.Keys(a.subjects))
	for _, name := range a.names {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		a.complete(a.subjects[name])
	}
	return a, nil
}

// ofData reports whether a mount is of the data folder, or of a part of it.
func (a *auditor) ofData(v types.ServiceVolumeConfig) bool {
	return a.data != "" && v.Type == types.VolumeTypeBind && subpath.In(a.data, v.Source)
}

// source is a file of the project.
type source struct {
	edit.Source
	err    error // why it cannot be read
	parsed bool  // as a Dockerfile, with this result
	file   *dockerfile.File
	broken error
}

func (s *source) instructions() int {
	if s.file == nil {
		return 0
	}
	return len(s.file.AST.Children)
}

// source reads a file once, and remembers that it cannot be read.
func (a *auditor) source(path string) *source {
	s, ok := a.sources[path]
	if !ok {
		text, err := a.readFile(path)
		s = &source{Source: edit.NewSource(path, text), err: err}
		a.sources[path] = s
	}
	return s
}

// text is what a file has, or why it cannot be read.
type text struct {
	text []byte
	err  error
}

// readFile reads a file of the project, once, or what counts instead. All files may have maxFile bytes together.
func (a *auditor) readFile(path string) ([]byte, error) {
	if text, ok := a.options.Files[path]; ok {
		return text, nil
	}
	known, ok := a.texts[path]
	if !ok {
		known.text, known.err = readFile(path, maxFile-a.read)
		a.read += len(known.text)
		a.texts[path] = known
	}
	return known.text, known.err
}

// readFile reads a regular file of up to so many bytes.
func readFile(path string, most int) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a FIFO opens at once
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file", path)
	}
	var text []byte
	if err == nil && info.Size() <= int64(most) {
		text, err = io.ReadAll(io.LimitReader(f, int64(most)+1)) // it may grow
	}
	if err == nil && (info.Size() > int64(most) || len(text) > most) {
		return nil, fmt.Errorf("with %s, the files of the project have more than %d MiB", path, maxFile>>20)
	}
	return text, err
}

// shown is a path as findings name it: relative to the project's folder, where a path can be.
func (a *auditor) shown(path string) string {
	if rel, err := filepath.Rel(a.root, path); err == nil && filepath.IsAbs(path) {
		path = rel
	}
	return filepath.ToSlash(path)
}

// own says that the project has conventions, so that every rule applies at its full level.
func (a *auditor) own() bool { return a.options.Conventions != nil }

// spot is where a finding is; line 0 is the whole file.
type spot struct {
	path      string
	line, col int
	end       int
}

// spotOf is a place in a Compose file.
func spotOf(p composefile.Place) spot {
	n := p.Node()
	if n == nil {
		return spot{path: p.File.Path}
	}
	return spot{path: p.File.Path, line: n.Line, col: n.Column, end: n.Column + max(1, len([]rune(n.Value)))}
}

// spot is a line as a whole.
func (s *source) spot(line int) spot {
	return spot{path: s.Path, line: line, col: 1, end: len([]rune(s.Line(line))) + 1}
}

// short cuts a text that is longer than anybody reads.
func short(text string) string {
	if len(text) <= maxText {
		return text
	}
	return strings.ToValidUTF8(text[:maxText], "") + "…"
}

// found notes a finding, with the rule's own level where OK is given. It returns the
// finding for more to be said of it, and an empty one where the rule does not apply.
func (a *auditor) found(id string, level Level, s *subject, at spot, format string, args ...any) *Finding {
	rule, _ := ruleOf(id)
	if level == OK {
		level = rule.Elsewhere
		if a.own() {
			level = rule.Own
		}
	}
	if level == OK || !a.wanted(id) {
		return &Finding{}
	}
	count := [2]string{id, at.path}
	if a.counts[count]++; a.counts[count] > maxSame {
		a.omitted++
		return &Finding{}
	}
	f := Finding{
		Rule: id, Level: level, Message: short(fmt.Sprintf(format, args...)), path: at.path, File: a.shown(at.path),
		Line: at.line, Column: at.col, EndColumn: at.end, Source: short(a.source(at.path).Line(at.line)), blocks: rule.Blocks,
	}
	if s != nil {
		f.Services, f.Named = []string{s.name}, slices.Contains(args, any(s.title))
		if !s.active { // Compose would not start it as things are
			f.Level, f.blocks = min(f.Level, Warning), false
			if len(s.cfg.Profiles) > 0 {
				f.Message += fmt.Sprintf(" (only with the profile %s)", strings.Join(s.cfg.Profiles, " or "))
			} else {
				f.Message += " (only once it has replicas)"
			}
		}
	}
	a.findings = append(a.findings, f)
	return &a.findings[len(a.findings)-1]
}

func (a *auditor) wanted(id string) bool {
	return len(a.options.Only) == 0 || slices.Contains(a.options.Only, id)
}
