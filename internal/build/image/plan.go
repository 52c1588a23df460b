package image

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/im2-audio/im2/internal/build/inputs"
	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/term"
)

// Module is one service that is built, and whether its image is up to date.
type Module struct {
	// Name is the service's.
	Name string `json:"module"`
	// Image is the name of its image.
	Image string `json:"image"`
	// User is the user that the Dockerfile gives the image; empty where that is not known.
	User string `json:"user,omitempty"`
	// Stale says that the image is not what a build would give, as far as can be known.
	Stale bool `json:"stale"`
	// Reasons say why, the most telling first.
	Reasons []string `json:"reasons"`
	// Built says that this run has built it.
	Built bool `json:"built"`
	// BuiltAt is when the image that is there was built; nil where there is none.
	BuiltAt *time.Time `json:"built_at,omitempty"`
	// Digest is the digest of the inputs, as in the image's label.
	Digest string `json:"digest,omitempty"`

	inputs   inputs.Inputs
	names    []string // all that its image gets, spelt as familiar does
	recorded bool     // a record says what the image was built from
}

// Text is the state in a few words: "stale: Dockerfile changed".
func (m Module) Text(now time.Time) string {
	switch {
	case m.Stale:
		return "stale: " + strings.Join(m.Reasons, ", ")
	case m.BuiltAt == nil:
		return "up to date"
	}
	return fmt.Sprintf("up to date (built %s)", ago(now.Sub(*m.BuiltAt)))
}

// ago formats a time span. A negative one comes from a clock that jumped, or from an engine on another machine.
func ago(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	}
	return fmt.Sprintf("%d days ago", int(d.Hours()/24))
}

// Plan is which modules are stale and why.
type Plan struct {
	// Modules are those that were asked about, in order.
	Modules []Module
	// Entries is how many files and folders of build contexts were looked at, and Took the
	// time which that and the digests needed.
	Entries int
	Took    time.Duration

	unnoticed []string          // see inputs.Collector
	collector *inputs.Collector // what was read
}

// Stale returns the modules to be built, in order.
func (p Plan) Stale() []string {
	var names []string
	for _, m := range p.Modules {
		if m.Stale {
			names = append(names, m.Name)
		}
	}
	return names
}

// Plan looks which of the services' images are stale. It builds and changes nothing.
func (b Builder) Plan(ctx context.Context, services ...string) (Plan, error) {
	services, err := b.choose(services)
	if err != nil {
		return Plan{}, err
	}
	return b.look(ctx, services)
}

func (b Builder) look(ctx context.Context, services []string) (Plan, error) {
	p := b.planner()
	plan, err := p.plan(ctx, services)
	if err != nil {
		return Plan{}, err
	}
	for _, service := range services { // what a build would compile first
		for _, program := range b.programs([]string{service}, p.platform) {
			if why := b.outdated(program); why != "" {
				plan.find(service).mark("its Go program: " + why)
			}
		}
	}
	return plan, nil
}

func (m *Module) mark(why string) {
	m.Stale, m.Reasons = true, append([]string{why}, m.Reasons...)
}

// planner holds what one look at the project and the engine finds.
type planner struct {
	Builder
	recipes   map[string]*inputs.Recipe
	store     store
	platform  string
	collector *inputs.Collector
	digests   map[string]string
	doubts    map[string][]string
	onStale   func() // called as soon as it is sure that an image is stale; may be nil
}

func (b Builder) planner() *planner {
	return &planner{
		Builder: b, recipes: make(map[string]*inputs.Recipe), store: make(store),
		digests: make(map[string]string), doubts: make(map[string][]string),
		collector: &inputs.Collector{Cache: inputs.Cache{Folder: b.Remembered("contexts")}},
	}
}

func (p *planner) plan(ctx context.Context, services []string) (Plan, error) {
	order, err := p.read(services)
	if err != nil {
		return Plan{}, err
	}
	if err := p.ask(ctx, order); err != nil {
		return Plan{}, err
	}
	start := time.Now()
	progress := p.UI.Progress("checking what images are made of", 0, term.Seconds)
	modules, err := p.judgeAll(ctx, order)
	progress.Done()
	if err != nil {
		return Plan{}, err
	}
	plan := Plan{Entries: p.collector.Entries(), Took: time.Since(start), unnoticed: p.collector.Unnoticed(), collector: p.collector}
	for _, m := range modules {
		if slices.Contains(services, m.Name) {
			plan.Modules = append(plan.Modules, m)
		}
	}
	slices.SortFunc(plan.Modules, func(a, b Module) int { return strings.Compare(a.Name, b.Name) })
	return plan, nil
}

// read reads the recipes of the services and of those that they are built on. It returns all of them, each after
// those that it needs.
func (p *planner) read(services []string) ([]string, error) {
	var order []string
	var visit func(name string, from []string) error
	visit = func(name string, from []string) error {
		if slices.Contains(from, name) {
			return exit.Errorf(exit.Unusable, "services %s are built on one another; fix: correct their additional_contexts in the Compose file",
				strings.Join(append(from, name), " -> "))
		}
		if _, done := p.recipes[name]; done {
			return nil
		}
		service, ok := p.Project.Compose.Services[name]
		if !ok || service.Build == nil {
			return exit.Errorf(exit.Unusable, "service %s is built on %q, which no service builds; fix: correct its additional_contexts in the Compose file",
				from[len(from)-1], name)
		}
		recipe, err := inputs.Read(p.Project.Name(), service, p.platforms(name), p.lookup)
		if err != nil {
			return exit.With(exit.Unusable, err)
		}
		recipe.Service = p.owner(name) // those that share an image share what it is made from
		for _, need := range recipe.Needs() {
			if err := visit(need, append(from, name)); err != nil {
				return err
			}
		}
		p.recipes[name] = recipe
		order = append(order, name)
		return nil
	}
	for _, name := range services {
		if err := visit(name, nil); err != nil {
			return nil, err
		}
	}
	return order, nil
}

func (p *planner) ask(ctx context.Context, services []string) error {
	names, err := p.imageNames(services)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		var err error
		p.platform, err = p.Client.Platform(ctx)
		return err
	})
	g.Go(func() error { return p.store.look(ctx, p.Client, names) })
	if err := g.Wait(); err != nil {
		return err
	}
	p.notice(services)
	p.settleBases()
	names, err = p.imageNames(services) // others, where a base image has a stand-in
	if err != nil {
		return err
	}
	return p.store.look(ctx, p.Client, names)
}

// notice calls onStale as soon as one image is missing or was not built by mage.
func (p *planner) notice(services []string) {
	for _, service := range services {
		image := p.store[p.Project.Image(service)]
		if p.onStale != nil && (image == nil || image.Config.Labels[Label] == "") {
			p.onStale()
			return
		}
	}
}

// imageNames returns the images that are built, those that they are built on, and the stand-ins of the latter.
func (p *planner) imageNames(services []string) ([]string, error) {
	var names []string
	for _, service := range services {
		names = append(append(names, p.Project.Image(service)), p.Project.Compose.Services[service].Build.Tags...)
		recipe := p.recipes[service]
		if asked := recipe.Args[project.BaseImage]; asked != "" {
			names = append(names, asked)
			if own, _, ok := OwnBase(asked); ok {
				names = append(names, own)
			}
		}
		resolved, err := recipe.Resolve(p.platform, p.store.image)
		if err != nil {
			return nil, exit.Errorf(exit.Unusable, "building %s: %w; fix: correct that line", service, err)
		}
		names = append(names, resolved.Images...)
	}
	return names, nil
}

func (p *planner) settleBases() {
	for _, recipe := range p.recipes {
		asked := recipe.Args[project.BaseImage]
		own, _, ok := OwnBase(asked)
		if in := p.store[own]; ok && p.store[asked] == nil && in != nil && isFor(*in, recipe.Targets(p.platform)) {
			recipe.Args[project.BaseImage] = own
		}
	}
}

func (p *planner) judgeAll(ctx context.Context, order []string) ([]Module, error) {
	var modules []Module
	for len(order) > 0 {
		n := slices.IndexFunc(order, func(name string) bool { return !p.ready(name) })
		if n < 0 {
			n = len(order)
		}
		found := make([]Module, n)
		g, ctx := errgroup.WithContext(ctx)
		g.SetLimit(runtime.GOMAXPROCS(0))
		for i, name := range order[:n] {
			g.Go(func() error {
				var err error
				found[i], err = p.judge(ctx, name)
				return err
			})
		}
		if err := g.Wait(); err != nil {
			return nil, err
		}
		for _, m := range found {
			p.digests[m.Name], p.doubts[m.Name] = m.Digest, m.inputs.Doubts
		}
		modules, order = append(modules, found...), order[n:]
	}
	return modules, nil
}

func (p *planner) ready(name string) bool {
	return !slices.ContainsFunc(p.recipes[name].Needs(), func(need string) bool {
		_, done := p.digests[need]
		return !done
	})
}

func (p *planner) judge(ctx context.Context, name string) (Module, error) {
	recipe := p.recipes[name]
	resolved, err := recipe.Resolve(p.platform, p.store.image)
	if err != nil {
		return Module{}, exit.Errorf(exit.Unusable, "building %s: %w; fix: correct that line", name, err)
	}
	if err := p.checkProgram(name, resolved.Sources); err != nil {
		return Module{}, err
	}
	in, err := p.collector.Collect(ctx, recipe, resolved, inputs.Given{
		Platform: p.platform, Images: p.store.ids(), Services: p.digests,
	})
	if ctx.Err() != nil {
		return Module{}, ctx.Err()
	}
	if err != nil {
		return Module{}, exit.With(exit.Unusable, err)
	}
	for _, need := range recipe.Needs() {
		for _, doubt := range p.doubts[need] { // it is built each time, and this then on another image
			in.Doubts = append(in.Doubts, "service "+need+": "+doubt)
		}
	}
	m := Module{
		Name: name, Image: p.Project.Image(name), Digest: in.Digest(), Reasons: []string{},
		inputs: in, names: p.names(name),
	}
	if resolved.KnownUser {
		m.User = resolved.User
	}
	if image := p.store[m.Image]; image != nil {
		at, known := p.records().Built(recipe.Service, image.Config.Labels[Label])
		if !known {
			at = image.Created
		}
		m.BuiltAt, m.recorded = &at, known
		m.Reasons = append(m.Reasons, p.differences(m, *image)...)
	} else {
		m.Reasons = append(m.Reasons, "there is no image")
	}
	m.Reasons = append(m.Reasons, in.Doubts...)
	m.Stale = len(m.Reasons) > 0
	return m, nil
}

func (p *planner) differences(m Module, image engine.ImageInfo) []string {
	var why []string
	switch label := image.Config.Labels[Label]; label {
	case m.Digest:
	case "":
		why = append(why, "its image was not built by mage build")
	default:
		why = append(why, p.records().Why(label, m.inputs)...)
	}
	if len(why) > 0 {
		return why // which explains what else is different
	}
	if !isFor(image, strings.Split(m.inputs.Platform, ",")) {
		why = append(why, fmt.Sprintf("its image is for %s/%s, not %s", image.Os, image.Architecture, m.inputs.Platform))
	}
	if m.User != "" && image.Config.User != m.User {
		why = append(why, fmt.Sprintf("its image runs as %q, not %s", image.Config.User, m.User))
	}
	for _, tag := range p.Project.Compose.Services[m.Name].Build.Tags {
		if other := p.store[tag]; other == nil || other.ID != image.ID {
			why = append(why, "tag "+tag+" is not on its image")
		}
	}
	return why
}
