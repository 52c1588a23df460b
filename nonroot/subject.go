package nonroot

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"go.yaml.in/yaml/v3"

	"github.com/im2-audio/im2/internal/compose/composefile"
	"github.com/im2-audio/im2/internal/compose/dockerfile"
	"github.com/im2-audio/im2/internal/compose/edit"
	"github.com/im2-audio/im2/nonroot/internal/start"
)

// subject is one container that Compose can start and that is checked: of a service, a job, or a pre_start command.
type subject struct {
	// name is the service's or job's, of a pre_start command that of its service; title is what messages call it.
	name, title string
	// section is the part of the Compose file that has it.
	section string
	cfg     types.ServiceConfig
	// of is the service that a pre_start command belongs to; nil for what is no such command.
	of *subject
	// active is false for a service of a profile that is not in force, and without replicas.
	active bool
	// at is where it is defined; its Value is nil where that was not found.
	at composefile.Place
	// build is what its image is made from; nil for a service that only names an image.
	build *dockerfileSubject
	// image is what is known of the image it runs; known is false for nothing.
	image dockerfile.Image
	known bool
	// mountsData says that it sees the data folder.
	mountsData bool
	// end is where what it starts leads; nil until it is followed.
	end *start.End

	visiting, done bool // complete is at it, and was
}

// dockerfileSubject is a Dockerfile as one service builds it.
type dockerfileSubject struct {
	src  *source
	file *dockerfile.File
	*dockerfile.Resolved
	// inline says that it is inside a Compose file, src.Path: its first line is line
	// offset+1 there, indented by indent; flat, that all of it is on line offset.
	inline, flat   bool
	offset, indent int
	// err is why there is no file or no Resolved; missing says that there is no file.
	err     error
	missing bool
	// accounts are the users that the built stages create. unsure says what else changes the passwd file, so that other names
	// may be anybody's; "" for nothing.
	accounts map[string]account
	below    map[string]account // of the passwd file that it starts from; shared, and in accounts in the end
	unsure   string
	// groups are the groups that the built stages put users into, by the users' names.
	groups map[string][]string
	runs   []call
	// copied are the files that it copies, and folder is its WORKDIR; nil until a file is looked up.
	copied []copyOf
	folder string
	// baseName is the image that it is built on, by its name behind additional contexts; base is what is known of it, and maker
	// its build, where that is of this project.
	baseName string
	base     dockerfile.Image
	maker    *dockerfileSubject
	baseRoot bool // the base image is known to start as root
	// context is the folder of the build; an address, or "" for none.
	context string
}

func (d *dockerfileSubject) commands() []instructions.Command {
	var all []instructions.Command
	for _, i := range d.Chain {
		all = append(all, d.file.Stages[i].Commands...)
	}
	return all
}

func (d *dockerfileSubject) target() instructions.Stage {
	return d.file.Stages[d.Chain[len(d.Chain)-1]]
}

// usable says that everything about it is known that a rule may want.
func (d *dockerfileSubject) usable() bool { return d != nil && d.err == nil }

// spot is a place in the Dockerfile, also in one that is inside a Compose file.
func (d *dockerfileSubject) spot(line, column int) spot {
	if d.inline && d.flat && line > 0 {
		return spot{path: d.src.Path, line: d.offset, col: 1, end: 1}
	}
	text := strings.TrimRight(d.src.Line(line), " \t")
	s := spot{path: d.src.Path, line: line, col: column, end: len([]rune(text)) + 1}
	if d.inline && line > 0 {
		s.line, s.col, s.end = line+d.offset, column+d.indent, s.end+d.indent
	}
	return s
}

// spotAt is where an instruction begins.
func (d *dockerfileSubject) spotAt(location []parser.Range) spot {
	line := dockerfile.Line(location)
	return d.spot(line, d.src.Indented(line))
}

// userSpot is the USER that counts, or the target's FROM where there is none.
func (d *dockerfileSubject) userSpot() spot {
	if d.UserFrom == nil {
		return d.spotAt(d.target().Location)
	}
	return d.spotAt(d.UserFrom.Location())
}

// userLine is the line of the USER that counts.
func (d *dockerfileSubject) userLine() int { return dockerfile.Line(d.UserFrom.Location()) }

// expand expands a word with the variables at the end of the build.
func (d *dockerfileSubject) expand(word string) string {
	if !strings.ContainsAny(word, "$\\`\"'") { // nothing that the shell's words have a meaning for
		return word
	}
	return d.file.Expand(word, d.Env)
}

// remote says that a build context is not a folder of this machine.
func remote(context string) bool {
	return strings.Contains(context, "://") || strings.HasPrefix(context, "git@") || strings.HasPrefix(context, "github.com/")
}

// complete finds out which image a service runs.
func (a *auditor) complete(s *subject) {
	if s.done {
		return
	}
	s.visiting = true
	defer func() { s.visiting, s.done = false, true }()
	if s.of != nil && s.cfg.Image == s.of.cfg.Image {
		a.complete(s.of)
		s.build, s.image, s.known = s.of.build, s.of.image, s.of.known
		return
	}
	if s.cfg.Build == nil {
		// Well-known images do not count: such a service may well start something that becomes another user.
		if s.cfg.Image != "" {
			s.image, s.known = a.imageOf(s.cfg.Image)
		}
		return
	}
	s.build = a.dockerfileOf(s)
	if s.build.err == nil && s.build.KnownUser {
		s.image, s.known = dockerfile.Image{User: s.build.User}, true
		for name, value := range s.build.Env {
			s.image.Env = append(s.image.Env, name+"="+value)
		}
	}
}

// dockerfileOf reads and resolves the Dockerfile of a service.
func (a *auditor) dockerfileOf(s *subject) *dockerfileSubject {
	b := s.cfg.Build
	if b.DockerfileInline != "" {
		d := a.inline(s, b.DockerfileInline)
		a.resolve(s, d)
		return d
	}
	if remote(b.Context) {
		err := errors.New("its build context is elsewhere, so its Dockerfile cannot be read")
		return &dockerfileSubject{src: new(source), err: err, missing: true}
	}
	path := cmp.Or(b.Dockerfile, "Dockerfile")
	if !filepath.IsAbs(path) {
		path = filepath.Join(b.Context, path)
	}
	d := &dockerfileSubject{src: a.source(path)}
	if d.err = d.src.err; d.err != nil {
		d.missing = true
		return d
	}
	a.resolve(s, d)
	return d
}

// inline is a Dockerfile that is inside the Compose file.
func (a *auditor) inline(s *subject, text string) *dockerfileSubject {
	d := &dockerfileSubject{src: &source{Source: edit.NewSource(s.at.File.Path, []byte(text))}, inline: true}
	if place, ok := a.find(s, "build", "dockerfile_inline"); ok {
		d.src.Path, d.offset = place.File.Path, place.Node().Line
		d.flat = place.Value.Style&(yaml.LiteralStyle|yaml.FoldedStyle) == 0
		first := place.File.Line(d.offset + 1)
		d.indent = len(first) - len(strings.TrimLeft(first, " "))
	}
	return d
}

// resolve finds out what the build of a service comes to.
func (a *auditor) resolve(s *subject, d *dockerfileSubject) {
	if !d.src.parsed && a.parsed <= maxParsed { // once, however many services are built from it
		d.src.file, d.src.broken = dockerfile.Parse(a.shown(d.src.Path), d.src.Text)
		d.src.parsed = true
		a.parsed += d.src.instructions()
	}
	a.resolved += d.src.instructions()
	if a.parsed > maxParsed || a.resolved > maxBuilt {
		d.err = fmt.Errorf("the Dockerfiles of the project have more than %d instructions, or all services together more than %d", maxParsed, maxBuilt)
		d.missing, d.src.file = true, nil
		return
	}
	if d.file, d.err = d.src.file, d.src.broken; d.err != nil {
		return
	}
	b := s.cfg.Build
	d.context = b.Context
	lookup := func(name string) (dockerfile.Image, bool) { return a.lookup(b, name) }
	build := dockerfile.Build{Target: b.Target, Args: make(map[string]string), Image: lookup, Platform: "linux/" + runtime.GOARCH}
	if len(b.Platforms) > 0 {
		build.Platform = b.Platforms[0]
	}
	build.Platform = cmp.Or(s.cfg.Platform, build.Platform)
	for name, value := range b.Args {
		if value != nil {
			build.Args[name] = *value
		} else if v, ok := a.env[name]; ok {
			build.Args[name] = v
		}
	}
	for name, from := range b.AdditionalContexts {
		if !strings.HasPrefix(from, "service:") && !strings.HasPrefix(from, "docker-image://") {
			build.Contexts = append(build.Contexts, name)
		}
	}
	if d.Resolved, d.err = d.file.Resolve(build); d.err != nil {
		return
	}
	base, known := lookup(d.Base)
	d.base, d.baseName = base, d.Base
	if from, ok := b.AdditionalContexts[d.Base]; ok {
		d.baseName = strings.TrimPrefix(from, "docker-image://")
	}
	d.maker = a.makerOf(d.baseName)
	d.baseRoot = d.Base == dockerfile.Scratch || known && identify(base.User, nil).root()
	a.readAccounts(d)
}

// lookup tells what is known of an image that a build starts from: another service's of
// this project, one that is available locally, or a well-known one.
func (a *auditor) lookup(b *types.BuildConfig, name string) (dockerfile.Image, bool) {
	if from, ok := b.AdditionalContexts[name]; ok {
		if service, ok := strings.CutPrefix(from, "service:"); ok {
			return a.built(service)
		}
		name = strings.TrimPrefix(from, "docker-image://")
	}
	image, known := a.imageOf(name)
	if _, ours := a.makers[canonical(name)]; !known && !ours {
		return wellKnown(name)
	}
	return image, known
}

// imageOf is what is known of an image by its name: of one that this project builds, or that the caller knows.
func (a *auditor) imageOf(name string) (dockerfile.Image, bool) {
	if service, ok := a.makers[canonical(name)]; ok {
		return a.built(service)
	}
	a.asked[name] = true
	if a.options.Image == nil {
		return dockerfile.Image{}, false
	}
	image, ok := a.options.Image(name)
	return dockerfile.Image(image), ok
}

// built is the image that a service of this project is built as.
func (a *auditor) built(service string) (dockerfile.Image, bool) {
	s, ok := a.subjects[service]
	if !ok || s.visiting {
		return dockerfile.Image{}, false
	}
	a.complete(s)
	return s.image, s.known
}

// canonical is an image's name with the tag that is meant.
func canonical(image string) string {
	name, tag := familiar(image)
	if name == "" {
		return image
	}
	return name + ":" + cmp.Or(tag, "latest")
}
