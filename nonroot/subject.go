package nonroot

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"go.yaml.in/yaml/v3"

	"github.com/im2-audio/im2/internal/compose/composefile"
	"github.com/im2-audio/im2/internal/compose/dockerfile"
)

// maxFile is how large a file of a project may be to be read; BuildKit's own limit for a
// line is far below it.
const maxFile = 16 << 20

// subject is one service that is judged.
type subject struct {
	name string
	cfg  types.ServiceConfig
	// active is false for a service of a profile that is not in force.
	active bool
	// at is where it is defined; ok is false where that could not be found.
	at composefile.Place
	// build is what its image is made from; nil for a service that only names an image.
	build *dockerfileSubject
	// image is what is known of the image it runs; known is false for nothing.
	image dockerfile.Image
	known bool
	// mountsData says that it sees the data folder.
	mountsData bool
}

// dockerfileSubject is a Dockerfile as one service builds it.
type dockerfileSubject struct {
	src  *source
	file *dockerfile.File
	*dockerfile.Resolved
	// inline says that it stands inside of a Compose file, src.path: its first line is line
	// offset+1 there, indented by indent; flat, that all of it is on line offset.
	inline, flat   bool
	offset, indent int
	// err is why there is no file or no Resolved; problem says how bad that is.
	err     error
	missing bool
	// accounts are the users that the built stages create.
	accounts map[string]account
	runs     []call
	baseRoot bool   // the base image is known to be root's
	baseUser string // the base image's user, where that is known
}

// column is where the first word of a line begins, from 1.
func (d *dockerfileSubject) column(line int) int {
	text := d.src.line(line)
	return len(text) - len(strings.TrimLeft(text, " \t")) + 1
}

// commands are the instructions of the target's own chain of stages, in order.
func (d *dockerfileSubject) commands() []instructions.Command {
	var all []instructions.Command
	for _, i := range d.Chain {
		all = append(all, d.file.Stages[i].Commands...)
	}
	return all
}

// target is the stage that is built.
func (d *dockerfileSubject) target() instructions.Stage {
	return d.file.Stages[d.Chain[len(d.Chain)-1]]
}

// usable says that everything about it is known that a rule may want.
func (d *dockerfileSubject) usable() bool { return d != nil && d.err == nil }

// readLimited reads a file of the project.
func readLimited(path string) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // what the Compose file names
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file", path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("%s is larger than %d MiB", path, maxFile>>20)
	}
	return text, err
}

// remote says that a build context is not a folder of this machine.
func remote(context string) bool {
	return strings.Contains(context, "://") || strings.HasPrefix(context, "git@") || strings.HasPrefix(context, "github.com/")
}

// dockerfileOf reads and resolves the Dockerfile of a service.
func (a *auditor) dockerfileOf(s *subject) *dockerfileSubject {
	b := s.cfg.Build
	if b.DockerfileInline != "" {
		d := a.inline(s, b.DockerfileInline)
		a.resolve(s, d)
		return d
	}
	path := b.Dockerfile
	if path == "" {
		path = "Dockerfile"
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(b.Context, path)
	}
	d := &dockerfileSubject{src: newSource(path, nil)}
	if remote(b.Context) {
		d.err, d.missing = errors.New("its build context is elsewhere, so its Dockerfile cannot be read"), true
		return d
	}
	text, err := a.readFile(path)
	if err != nil {
		d.err, d.missing = err, true
		return d
	}
	d.src = newSource(path, text)
	a.resolve(s, d)
	return d
}

// inline is a Dockerfile that stands in the Compose file.
func (a *auditor) inline(s *subject, text string) *dockerfileSubject {
	d := &dockerfileSubject{src: newSource(s.at.File.Path, []byte(text)), inline: true}
	if place, ok := a.set.Find(s.name, "build", "dockerfile_inline"); ok {
		d.src.path, d.offset = place.File.Path, place.Line()
		d.flat = place.Value.Style&(yaml.LiteralStyle|yaml.FoldedStyle) == 0
		first := newSource(place.File.Path, place.File.Text).line(place.Line() + 1)
		d.indent = len(first) - len(strings.TrimLeft(first, " "))
	}
	return d
}

// resolve finds out what the build of a service comes to.
func (a *auditor) resolve(s *subject, d *dockerfileSubject) {
	d.file, d.err = a.parse(d)
	if d.err != nil {
		return
	}
	b := s.cfg.Build
	build := dockerfile.Build{Target: b.Target, Args: make(map[string]string), Platform: platform(s.cfg), Image: a.lookup(b)}
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
	base, known := a.rootBase(b, d.Base)
	d.baseRoot, d.baseUser = known, base.User
	for _, c := range d.commands() {
		if run, ok := c.(*instructions.RunCommand); ok {
			d.runs = append(d.runs, d.calls(run)...)
		}
	}
	d.accounts = d.created()
}

// parse parses a Dockerfile once, however many services are built from it.
func (a *auditor) parse(d *dockerfileSubject) (*dockerfile.File, error) {
	if d.inline {
		return dockerfile.Parse(a.shown(d.src.path), d.src.text)
	}
	known, ok := a.parsed[d.src.path]
	if !ok {
		known.file, known.err = dockerfile.Parse(a.shown(d.src.path), d.src.text)
		a.parsed[d.src.path] = known
	}
	return known.file, known.err
}

// rootBase says whether what a chain of stages begins with is known to start as root.
func (a *auditor) rootBase(b *types.BuildConfig, base string) (dockerfile.Image, bool) {
	if base == dockerfile.Scratch {
		return dockerfile.Image{}, true
	}
	image, known := a.lookup(b)(base)
	return image, known && identify(image.User, nil).root()
}

// lookup tells what is known of an image that a build starts from: another service's of
// this project, one that is here, or a well-known one.
func (a *auditor) lookup(b *types.BuildConfig) func(string) (dockerfile.Image, bool) {
	return func(name string) (dockerfile.Image, bool) {
		if from, ok := b.AdditionalContexts[name]; ok {
			if service, ok := strings.CutPrefix(from, "service:"); ok {
				return a.built(service)
			}
			name = strings.TrimPrefix(from, "docker-image://")
		}
		return a.imageOf(name)
	}
}

// imageOf is what is known of an image by its name.
func (a *auditor) imageOf(name string) (dockerfile.Image, bool) {
	if service, ok := a.makers[canonical(name)]; ok {
		return a.built(service)
	}
	a.asked[name] = true
	if image, ok := a.local(name); ok {
		return image, true
	}
	return wellKnown(name)
}

// built is the image that a service of this project is built as.
func (a *auditor) built(service string) (dockerfile.Image, bool) {
	s, ok := a.subjects[service]
	if !ok || a.visiting[service] {
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
	if tag == "" {
		tag = "latest"
	}
	return name + ":" + tag
}

// complete finds out which image a service runs.
func (a *auditor) complete(s *subject) {
	if a.done[s.name] {
		return
	}
	a.visiting[s.name] = true
	defer func() { a.visiting[s.name], a.done[s.name] = false, true }()
	if s.cfg.Build == nil {
		if s.cfg.Image != "" {
			s.image, s.known = a.serviceImage(s.cfg.Image)
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

// serviceImage is what is known of an image that a service only names. The well-known ones
// do not count: such a service may well start something that becomes another user.
func (a *auditor) serviceImage(name string) (dockerfile.Image, bool) {
	if service, ok := a.makers[canonical(name)]; ok {
		return a.built(service)
	}
	a.asked[name] = true
	return a.local(name)
}

// local is an image that the caller knows.
func (a *auditor) local(name string) (dockerfile.Image, bool) {
	if a.options.Image == nil {
		return dockerfile.Image{}, false
	}
	image, ok := a.options.Image(name)
	return dockerfile.Image(image), ok
}

// platform is what a service is built for.
func platform(cfg types.ServiceConfig) string {
	switch {
	case cfg.Platform != "":
		return cfg.Platform
	case len(cfg.Build.Platforms) > 0:
		return cfg.Build.Platforms[0]
	}
	return "linux/" + runtime.GOARCH
}

// created are the users that the RUN instructions create.
func (d *dockerfileSubject) created() map[string]account {
	made := make(map[string]account)
	for _, c := range d.runs {
		switch c.program() {
		case "useradd", "adduser":
			uid, ok := c.flag("-u", "--uid")
			name := d.expand(c.words[len(c.words)-1])
			if name == "" || strings.HasPrefix(name, "-") || len(c.words) < 2 {
				continue
			}
			if !ok {
				made[name] = account{}
				continue
			}
			gid, _ := c.flag("-g", "--gid")
			made[name] = account{uid: d.expand(uid), gid: d.numeric(gid)}
		case "usermod":
			if uid, ok := c.flag("-u", "--uid"); ok && len(c.words) > 2 {
				name := d.expand(c.words[len(c.words)-1])
				made[name] = account{uid: d.expand(uid), gid: made[name].gid}
			}
		}
	}
	return made
}

// expand expands a word with the variables at the end of the build.
func (d *dockerfileSubject) expand(word string) string { return d.file.Expand(word, d.Env) }

// numeric expands a group where it is a number; a name's is not known.
func (d *dockerfileSubject) numeric(group string) string {
	if value := d.expand(group); value != "" && strings.Trim(value, "0123456789") == "" {
		return value
	}
	return ""
}
