package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/im2-audio/im2/internal/docker/tools"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/run"
)

// The names of our way.
const (
	mageBuild = "mage build"
	mageUp    = "mage up"
)

// builder is one way to build and to start a project. Each has projects of its own, so
// that none gains by what another one built.
type builder struct {
	buildName, upName string
	// build and up are its commands for a project.
	build, up func(sample) run.Cmd
	// large is the project that is built, small the one that is started.
	large, small sample

	// layers are what the images of large consist of since the last build, by module.
	layers map[string]string
	// containers are those of small, sorted.
	containers []string
}

// builders returns all ways that are compared, with their projects below folder.
func (b *Bench) builders(ctx context.Context, folder string, o Project) ([]*builder, error) {
	mage, err := b.own(ctx, tools.Mage())
	if err != nil {
		return nil, err
	}
	env := environ(b.Environ, o.Base)
	targets := filepath.Join(folder, "targets")
	b.UI.Note("compiling the targets")
	err = b.Runner.Run(ctx, run.Cmd{Name: mage, Args: []string{"-d", b.Home, "-compile", targets}, Dir: b.Home, Env: env})
	if err != nil {
		return nil, exit.Errorf(exit.Failed, "compiling the targets: %w", err)
	}
	compose := func(args ...string) func(sample) run.Cmd {
		return func(s sample) run.Cmd {
			c := b.Engine.Command(append([]string{"compose"}, args...)...)
			c.Dir, c.Env = s.root, environ(c.Env, o.Base)
			return c
		}
	}
	typed := func(target string) func(sample) run.Cmd {
		return func(s sample) run.Cmd {
			return run.Cmd{Name: mage, Args: []string{"-d", b.Home, "-w", s.root, target}, Dir: s.root, Env: env}
		}
	}
	compiled := func(target string) func(sample) run.Cmd {
		return func(s sample) run.Cmd { return run.Cmd{Name: targets, Args: []string{target}, Dir: s.root, Env: env} }
	}
	ways := []*builder{
		{buildName: "docker compose build", build: compose("build"), upName: "docker compose up -d", up: compose("up", "-d")},
		{buildName: mageBuild + ", compiled targets", build: compiled("build"), upName: mageUp + ", compiled targets", up: compiled("up")},
		{buildName: mageBuild, build: typed("build"), upName: mageUp, up: typed("up")},
	}
	mark := filepath.Base(folder)
	for i, w := range ways {
		place := func(kind string, modules int) sample {
			name := fmt.Sprintf("%s%d", kind, i)
			return sample{
				root: filepath.Join(folder, name), name: "im2-" + mark + "-" + name, mark: mark,
				modules: modules, files: o.ModuleFiles,
			}
		}
		w.large, w.small = place("build", o.Modules), place("up", services)
	}
	return ways, nil
}

// judge returns an error unless the modules whose images changed are those that had to.
func (w *builder) judge(want, got []string) error {
	if slices.Equal(got, want) {
		return nil
	}
	return exit.Errorf(exit.Failed, "%q was to build %q, but the images of %q changed", w.buildName, want, got)
}

// change is what happens to a project before it is built.
type change struct {
	name string
	// make makes the change before run n and returns the modules whose images have to
	// change by it, sorted.
	make func(ctx context.Context, b *Bench, w *builder, n int) ([]string, error)
}

// nothingChanged is the name of the case in which an up-to-date project is built.
const nothingChanged = "nothing changed"

// changes are the cases that build, in an order in which each leaves what the next needs:
// a project that is up to date.
func changes() []change {
	return []change{
		{"cold", func(ctx context.Context, b *Bench, w *builder, _ int) ([]string, error) {
			if err := b.removeImages(ctx, "label="+composeProject+"="+w.large.name); err != nil {
				return nil, err
			}
			return w.large.each(), w.large.freshen(ctx)
		}},
		{nothingChanged, func(ctx context.Context, b *Bench, w *builder, n int) ([]string, error) {
			if n > 0 {
				return nil, nil
			}
			return nil, b.Runner.Run(ctx, w.build(w.large)) // what it remembers, it may know from here on
		}},
		{"one file changed", func(_ context.Context, _ *Bench, w *builder, n int) ([]string, error) {
			module := w.large.module(n % w.large.modules)
			return []string{module}, w.large.change(module)
		}},
	}
}

// digest asks ours how long it looks at the files to see that none of them changed: the
// median of that many runs, in seconds; 0 when it does not tell.
func (b *Bench) digest(ctx context.Context, ways []*builder, runs int) (float64, error) {
	w := ways[slices.IndexFunc(ways, func(w *builder) bool { return w.buildName == mageBuild })]
	c := w.build(w.large)
	c.Args = append(c.Args, "-json")
	var all []float64
	for range runs {
		out, err := run.Output(ctx, b.Runner, c)
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		seconds, ok := digestSeconds(out)
		if err != nil || !ok {
			b.UI.Note("the time for looking at the files is left out: \"mage build -json\" does not tell it")
			return 0, nil //nolint:nilerr // the figures of the cases are worth more than this one
		}
		all = append(all, seconds)
	}
	return median(all), nil
}

// digestSeconds reads what "mage build -json" says about the time it looked at files.
func digestSeconds(answer []byte) (float64, bool) {
	var got struct {
		DigestSeconds *float64 `json:"digest_seconds"`
	}
	if err := json.Unmarshal(answer, &got); err != nil || got.DigestSeconds == nil {
		return 0, false
	}
	return *got.DigestSeconds, true
}
