package bench

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/im2-audio/im2/internal/docker/tools"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/run"
	"github.com/im2-audio/im2/internal/term"
)

// Build is the part about building images and starting what is up to date.
type Build struct {
	Machine Machine `json:"machine"`
	// Versions are the versions of Docker's parts.
	Versions struct {
		Engine  string `json:"engine"`
		Compose string `json:"compose"`
		Buildx  string `json:"buildx"`
	} `json:"versions"`
	// Modules is how many images the project has, ModuleFiles how many files each of
	// them is made of beside its Dockerfile.
	Modules     int `json:"modules"`
	ModuleFiles int `json:"module_files"`
	// Services is the number of containers in the case "up".
	Services int `json:"services"`
	// Runs is how often each way ran in each case.
	Runs int `json:"runs"`
	// Cases are what was changed before a run.
	Cases []Case `json:"cases"`
}

const (
	// services is the number of containers in the case "up".
	services = 3
	// startWithin is how long containers that do nothing may take to run.
	startWithin = 30 * time.Second
	// removeWithin is how long removing may take after an interrupt: Mage gives 5
	// seconds, and the command that was interrupted may have needed 3 of them.
	removeWithin = 1900 * time.Millisecond
	// settleWithin is how long an engine whose client ended may go on with a build.
	settleWithin = 500 * time.Millisecond
)

// builder is one way to build and to start a project. Each has its own projects, so
// that none gains by what another one built.
type builder struct {
	build, up string // their names
	command   func(s sample, target string) run.Cmd
	// large is the project that is built, small the one that is started.
	large, small sample
	layers       []string // of the images of large since the last build
	containers   []string // of small, sorted
}

// change is what happens to a project before it is built.
type change struct {
	name string
	// make makes the change before run n and returns how many images have to change by it.
	make func(ctx context.Context, w *builder, n int) (int, error)
}

// Build measures building and starting a project on an image that the engine has. It needs
// Engine, and removes what it made, also when ctx ends; what BuildKit cached stays in its cache.
// Cases that were complete before an error are returned with it.
func (b *Bench) Build(ctx context.Context, base string, modules, files int) (Build, error) {
	r := Build{Machine: machine(), Modules: modules, ModuleFiles: files, Services: services, Runs: b.Runs}
	r.Versions.Engine, r.Versions.Compose, r.Versions.Buildx = b.Engine.Server.Version, b.Engine.Compose.Version, b.Engine.Buildx.Version
	path, remove, err := b.folder()
	if err != nil {
		return r, err
	}
	defer remove(ctx)
	ways, err := b.builders(ctx, path, base, modules, files)
	if err != nil {
		return r, err
	}
	defer b.forget(ctx, filepath.Base(path))
	for _, c := range b.changes() {
		c, err := b.inTurn(Case{Name: c.name, Ours: "mage build"}, []string{ways[0].build, ways[1].build}, func(way, n int) (Figures, error) {
			return b.buildAfter(ctx, ways[way], c, n)
		})
		if err != nil {
			return r, err
		}
		r.Cases = append(r.Cases, c)
	}
	for _, w := range ways {
		if err := b.bringUp(ctx, w); err != nil {
			return r, err
		}
	}
	c, err := b.inTurn(Case{Name: "up, all running", Ours: "mage up"}, []string{ways[0].up, ways[1].up}, func(way, _ int) (Figures, error) {
		return b.upAgain(ctx, ways[way])
	})
	if err == nil {
		r.Cases = append(r.Cases, c)
	}
	return r, err
}

// builders returns the ways that are compared. The small project of each is built, so that no
// measured run is the first to read a program or to compile the targets.
func (b *Bench) builders(ctx context.Context, folder, base string, modules, files int) ([]*builder, error) {
	mage, err := b.own(ctx, tools.Mage)
	if err != nil {
		return nil, err
	}
	ways := []*builder{
		{build: "docker compose build", up: "docker compose up -d", command: func(s sample, target string) run.Cmd {
			c := b.Engine.Command("compose", target)
			if target == "up" {
				c.Args = append(c.Args, "-d")
			}
			c.Dir, c.Env = s.root, environ(c.Env, base)
			return c
		}},
		{build: "mage build", up: "mage up", command: func(s sample, target string) run.Cmd {
			return run.Cmd{Name: mage, Args: []string{"-d", b.Home, "-w", s.root, target}, Dir: s.root, Env: environ(b.Environ, base)}
		}},
	}
	mark := filepath.Base(folder)
	defer b.UI.Progress("creating projects to build", 0, term.Seconds).Done()
	for i, w := range ways {
		for kind, s := range map[string]*sample{"build": &w.large, "up": &w.small} {
			name := fmt.Sprintf("%s%d", kind, i)
			*s = sample{root: filepath.Join(folder, name), name: "im2-" + mark + "-" + name, mark: mark, modules: services, files: files}
		}
		w.large.modules = modules
		for _, s := range []sample{w.large, w.small} {
			if err := s.make(); err != nil {
				return nil, exit.Errorf(exit.Failed, "creating a project in %s: %w", s.root, err)
			}
		}
		if err := b.Runner.Run(ctx, w.command(w.small, "build")); err != nil {
			return nil, exit.Errorf(exit.Failed, "trying %q: %w", w.build, err)
		}
	}
	return ways, nil
}

// changes are the cases that build. Each leaves what the next needs: a project that is up to date.
func (b *Bench) changes() []change {
	return []change{
		{"cold", func(ctx context.Context, w *builder, _ int) (int, error) {
			if err := b.removeImages(ctx, "label="+composeProject+"="+w.large.name); err != nil {
				return 0, err
			}
			return w.large.modules, w.large.freshen()
		}},
		{"nothing changed", func(ctx context.Context, w *builder, n int) (int, error) {
			if n > 0 {
				return 0, nil
			}
			return 0, b.Runner.Run(ctx, w.command(w.large, "build")) // what it remembers, it may know from here on
		}},
		{"one file changed", func(_ context.Context, w *builder, n int) (int, error) {
			return 1, w.large.fresh(n%w.large.modules, 0)
		}},
	}
}

// buildAfter makes a change, measures the build, and checks that it built what changed
// and nothing else.
func (b *Bench) buildAfter(ctx context.Context, w *builder, c change, n int) (Figures, error) {
	want, err := c.make(ctx, w, n)
	if err != nil {
		return Figures{}, err
	}
	f, err := b.measure(ctx, w.command(w.large, "build"))
	if err != nil {
		return f, err
	}
	now, err := b.layers(ctx, w.large)
	if err != nil {
		return f, fmt.Errorf("inspecting what it built: %w", err)
	}
	changed := 0
	for i, layers := range now {
		if w.layers == nil || w.layers[i] != layers {
			changed++
		}
	}
	if w.layers = now; changed != want {
		return f, fmt.Errorf("%d images changed, not %d", changed, want)
	}
	return Figures{Seconds: f.Seconds}, nil // the engine did the work
}

// layers returns what the images of a project consist of, in order. Unlike an image's
// ID, that is the same for every build of the same files.
func (b *Bench) layers(ctx context.Context, s sample) ([]string, error) {
	args := []string{"image", "inspect", "--format", "{{json .RootFS.Layers}}"}
	for n := range s.modules {
		args = append(args, s.name+"-"+module(n))
	}
	return b.docker(ctx, args...)
}

func (b *Bench) upAgain(ctx context.Context, w *builder) (Figures, error) {
	f, err := b.measure(ctx, w.command(w.small, "up"))
	if err != nil {
		return f, err
	}
	now, err := b.running(ctx, w.small)
	if err == nil && !slices.Equal(now, w.containers) {
		err = fmt.Errorf("other containers run than before: %q, not %q", now, w.containers)
	}
	return Figures{Seconds: f.Seconds}, err // the engine did the work
}

func (b *Bench) running(ctx context.Context, s sample) ([]string, error) {
	ids, err := b.docker(ctx, "ps", "--quiet", "--no-trunc", "--filter", "label="+composeProject+"="+s.name, "--filter", "status=running")
	slices.Sort(ids)
	return ids, err
}

func (b *Bench) bringUp(ctx context.Context, w *builder) error {
	err := b.Runner.Run(ctx, w.command(w.small, "up"))
	if err == nil {
		err = poll(ctx, startWithin, 100*time.Millisecond, func() (bool, error) {
			var err error
			w.containers, err = b.running(ctx, w.small)
			return len(w.containers) == services, err
		})
	}
	if err != nil {
		return exit.Fixable(exit.Failed, exit.Fix{Type: "docker ps -a", Note: "shows what was started"}, "starting with %q: %w", w.up, err)
	}
	return nil
}

func poll(ctx context.Context, within, every time.Duration, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(every):
		}
	}
}

// forget removes the containers and images that have the mark. When ctx ended it takes
// no longer than an interrupt may, and says what to type when that is too short.
func (b *Bench) forget(ctx context.Context, mark string) {
	defer b.UI.Progress("removing containers and images", 0, term.Seconds).Done()
	filter := "label=" + markLabel + "=" + mark
	err := b.remove(ctx, filter)
	if ctx.Err() != nil {
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeWithin)
		defer cancel()
		_ = b.remove(late, filter) // the second try's error counts
		time.Sleep(settleWithin)
		err = b.remove(late, filter)
	}
	if err != nil {
		b.UI.Note("removing containers and images: %v; those left are listed by \"docker ps -a --filter %s\" and \"docker images --filter %s\"", err, filter, filter)
	}
}

func (b *Bench) remove(ctx context.Context, filter string) error {
	ids, err := b.docker(ctx, "ps", "--all", "--quiet", "--filter", filter)
	if err == nil && len(ids) > 0 {
		_, err = b.docker(ctx, append([]string{"rm", "--force"}, ids...)...)
	}
	if err != nil {
		return err
	}
	return b.removeImages(ctx, filter)
}

func (b *Bench) removeImages(ctx context.Context, filter string) error {
	ids, err := b.docker(ctx, "image", "ls", "--quiet", "--filter", filter)
	if err == nil && len(ids) > 0 {
		slices.Sort(ids)
		_, err = b.docker(ctx, append([]string{"image", "rm", "--force"}, slices.Compact(ids)...)...)
	}
	return err
}

// composeProject is the label by which Compose finds a project's images and containers.
const composeProject = "com.docker.compose.project"
