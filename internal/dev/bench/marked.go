package bench

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/term"
)

// composeProject is the label by which Compose finds a project's images and containers.
const composeProject = "com.docker.compose.project"

const (
	// startWithin is how long containers that do nothing may take to run.
	startWithin = 30 * time.Second
	// removeWithin is how long removing may take after an interrupt: Mage gives 5
	// seconds, and the command that was interrupted may have needed 3 of them.
	removeWithin = 1900 * time.Millisecond
	// settleWithin is how long an engine whose client ended may go on with a build.
	settleWithin = 500 * time.Millisecond
)

// layers returns what the images of a project consist of, by module. Unlike an image's
// ID, that is the same for every build of the same files.
func (b *Bench) layers(ctx context.Context, s sample) (map[string]string, error) {
	args := []string{"image", "inspect", "--format", "{{json .RootFS.Layers}}"}
	for _, module := range s.each() {
		args = append(args, s.image(module))
	}
	out, err := b.Engine.Output(ctx, b.Engine.Command(args...))
	if err != nil {
		return nil, err
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != s.modules {
		return nil, fmt.Errorf("the engine describes %d images, not %d", len(lines), s.modules)
	}
	all := make(map[string]string, s.modules)
	for i, module := range s.each() {
		all[module] = lines[i]
	}
	return all, nil
}

// differing returns the names whose value is another one than before, sorted.
func differing(before, after map[string]string) []string {
	var names []string
	for name, value := range after {
		if before[name] != value {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// running returns the IDs of a project's running containers, sorted.
func (b *Bench) running(ctx context.Context, s sample) ([]string, error) {
	ids, err := b.list(ctx, "ps", "--quiet", "--no-trunc", "--filter", "label="+composeProject+"="+s.name, "--filter", "status=running")
	slices.Sort(ids)
	return ids, err
}

// bringUp starts the small project of a way and waits until all of it runs.
func (b *Bench) bringUp(ctx context.Context, w *builder) error {
	if err := b.Runner.Run(ctx, w.up(w.small)); err != nil {
		return exit.Errorf(exit.Failed, "starting with %q: %w", w.upName, err)
	}
	for deadline := time.Now().Add(startWithin); ; {
		ids, err := b.running(ctx, w.small)
		if err != nil {
			return fmt.Errorf("looking at what %q started: %w", w.upName, err)
		}
		if len(ids) == w.small.modules {
			w.containers = ids
			return nil
		}
		if time.Now().After(deadline) {
			return exit.Errorf(exit.Failed, "after %s only %d of %d containers of %q run; \"docker ps -a\" shows them", startWithin, len(ids), w.small.modules, w.upName)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// forget removes the containers and images that have the mark. When ctx ended it takes
// no longer than an interrupt may, and says what to type when that is too short.
func (b *Bench) forget(ctx context.Context, mark string) {
	progress := b.UI.Progress("removing containers and images", 0, term.Seconds)
	defer progress.Done()
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

// remove removes the containers, then the images that a filter of Docker's finds.
func (b *Bench) remove(ctx context.Context, filter string) error {
	ids, err := b.list(ctx, "ps", "--all", "--quiet", "--filter", filter)
	if err != nil {
		return err
	}
	if len(ids) > 0 {
		if _, err := b.list(ctx, append([]string{"rm", "--force"}, ids...)...); err != nil {
			return err
		}
	}
	return b.removeImages(ctx, filter)
}

func (b *Bench) removeImages(ctx context.Context, filter string) error {
	ids, err := b.list(ctx, "image", "ls", "--quiet", "--filter", filter)
	if err != nil || len(ids) == 0 {
		return err
	}
	slices.Sort(ids)
	_, err = b.list(ctx, append([]string{"image", "rm", "--force"}, slices.Compact(ids)...)...)
	return err
}

// list runs a docker command and returns the words that it prints.
func (b *Bench) list(ctx context.Context, args ...string) ([]string, error) {
	out, err := b.Engine.Output(ctx, b.Engine.Command(args...))
	return strings.Fields(string(out)), err
}
