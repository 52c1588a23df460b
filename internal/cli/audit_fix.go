package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/im2-audio/im2/internal/build/image"
	"github.com/im2-audio/im2/internal/compose/edit"
	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/run"
	"github.com/im2-audio/im2/nonroot"
)

const (
	// fixRounds is how often files are fixed and read again: what one fix makes
	// visible, the next one fixes.
	fixRounds = 4
	// tryFor is how long what was fixed must run, or end as it did before.
	tryFor = 10 * time.Second
)

// original is a file as it was before it was fixed.
type original struct {
	name   string
	text   []byte // nil where there was no file
	fixed  []byte // what was written last
	backup string // the copy beside it; "" for none
	made   bool   // whether this run made the copy
}

// fix repairs until nothing changes, builds what it changed, and puts back what no longer builds or starts. It returns the files that it
// left alone for that reason.
func (t Target) fix(ctx context.Context, o Audit, least nonroot.Level) (keep []string, err error) {
	for {
		old, _ := t.project(ctx) // nil where only an audit can read it
		before := make(map[string]original)
		write := func() error { return t.fixFiles(ctx, o, least, keep, before) }
		if err := write(); err != nil || len(before) == 0 {
			return keep, errors.Join(err, t.restore(before))
		}
		changed := t.changed(ctx, old, before)
		var started map[string]outcome
		if o.Try && len(changed) > 0 {
			if err := t.restore(before); err != nil {
				return keep, err
			}
			if started, err = t.startAsTheyAre(ctx, slices.Sorted(maps.Keys(changed))); err != nil {
				return keep, err
			}
			clear(before)
			if err := write(); err != nil {
				return keep, errors.Join(err, t.restore(before))
			}
		}
		for _, path := range slices.Sorted(maps.Keys(before)) {
			t.tellFixed(before[path])
		}
		broken, err := t.checkFixed(ctx, changed, before, started)
		if err != nil { // interrupted, for example: what is not checked does not stay
			t.UI.Note("the files are as they were, since what was fixed was not checked")
			return keep, errors.Join(err, t.restore(before))
		}
		if len(broken) == 0 {
			return keep, nil
		}
		if err := t.restore(before); err != nil {
			return keep, err
		}
		keep = append(keep, broken...)
	}
}

// fixFiles writes what is fixed, and notes in before what the files were.
func (t Target) fixFiles(ctx context.Context, o Audit, least nonroot.Level, keep []string, before map[string]original) error {
	for range fixRounds {
		a, err := t.examine(ctx, o)
		if err != nil {
			return err
		}
		a.options.Keep = keep
		changes, err := nonroot.Fix(ctx, a.project.Compose, a.options, least)
		if err != nil || len(changes) == 0 {
			return auditError(err)
		}
		for _, c := range changes {
			if a.project.InData(c.Path) {
				return exit.Errorf(exit.Unusable, "fixing %s: it is in the data folder %s, where services can change it; fix: move it to another folder",
					c.Name, a.project.Rel(a.project.Data))
			}
			if err := leadsOut(a.project.Root, c); err != nil {
				return err
			}
		}
		for _, c := range changes {
			if err := save(c, before); err != nil {
				return err
			}
		}
	}
	return nil
}

// leadsOut returns an error for a file that a link leads to, out of the project: whoever wrote the project would decide which file
// of this machine is written, and has a say in what is written.
func leadsOut(root string, c nonroot.Change) error {
	target, err := filepath.EvalSymlinks(c.Path)
	if err != nil {
		return nil //nolint:nilerr // where there is no file, a new one takes the link's place
	}
	if folder, err := filepath.EvalSymlinks(root); err != nil || project.Within(folder, target) {
		return err
	}
	info, err := os.Lstat(c.Path)
	if err != nil || info.Mode().Type() != os.ModeSymlink && !project.Within(root, c.Path) {
		return err
	}
	return exit.Errorf(exit.Unusable, "fixing %s: a link leads to %q, outside the project, and nothing is written there; fix: put a copy in place of the link", c.Name, target)
}

// save writes one file. What an earlier round of this run wrote needs no backup.
func save(c nonroot.Change, before map[string]original) error {
	if was, again := before[c.Path]; again {
		was.fixed = c.After
		before[c.Path] = was
		return edit.Replace(c.Path, c.After)
	}
	backup, made, err := edit.Save(c.Path, c.After)
	if err != nil {
		return err
	}
	before[c.Path] = original{name: c.Name, text: c.Before, fixed: c.After, backup: backup, made: made}
	return nil
}

func (t Target) tellFixed(o original) {
	if o.backup == "" {
		t.UI.Note("wrote %s", o.name)
	} else {
		t.UI.Note("fixed %s, kept what was there as %s", o.name, o.backup)
	}
}

// changed returns the services that are another thing than before, each with the file that is to blame if it no longer works: its
// Dockerfile, or the Compose file.
func (t Target) changed(ctx context.Context, old *project.Project, before map[string]original) map[string]string {
	p, err := t.project(ctx)
	if err != nil || old == nil {
		return nil
	}
	services := make(map[string]string)
	for _, name := range p.Services() {
		s := p.Compose.Services[name]
		if path := dockerfileOf(s); before[path].name != "" {
			services[name] = path
			continue
		}
		if was, ok := old.Compose.Services[name]; !ok || reflect.DeepEqual(was, s) {
			continue
		}
		for _, path := range p.Compose.ComposeFiles {
			if before[path].name != "" {
				services[name] = path
			}
		}
	}
	return services
}

// dockerfileOf is the path of a service's Dockerfile; "" where it is not built.
func dockerfileOf(s types.ServiceConfig) string {
	if s.Build == nil {
		return ""
	}
	path := cmp.Or(s.Build.Dockerfile, "Dockerfile")
	if !filepath.IsAbs(path) {
		path = filepath.Join(s.Build.Context, path)
	}
	return path
}

// restore writes all files back as they were, and removes the copies.
func (t Target) restore(before map[string]original) error {
	var failed []error
	for _, path := range slices.Sorted(maps.Keys(before)) {
		failed = append(failed, before[path].putBack(path))
	}
	if err := errors.Join(failed...); err != nil {
		return fmt.Errorf("putting the files back as they were: %w", err)
	}
	return nil
}

// putBack writes one file back, unless somebody changed it while it was built.
func (o original) putBack(path string) error {
	switch is, err := run.ReadFile(path); {
	case err != nil:
		return err
	case !bytes.Equal(is, o.fixed) && o.backup == "":
		return fmt.Errorf("%s was changed meanwhile, and stays", o.name)
	case !bytes.Equal(is, o.fixed):
		return fmt.Errorf("%s was changed meanwhile, and stays; what it was before is in %s", o.name, o.backup)
	case o.text == nil:
		return os.Remove(path)
	}
	if err := edit.Replace(path, o.text); err != nil || !o.made {
		return err
	}
	return os.Remove(o.backup)
}

// checkFixed builds the services that were changed, and starts them where started says how they did before. It returns the files to leave
// alone.
func (t Target) checkFixed(ctx context.Context, changed map[string]string, before map[string]original, started map[string]outcome) (broken []string, err error) {
	if len(changed) == 0 {
		return nil, nil
	}
	p, c, err := t.docker(ctx)
	if err == nil {
		_, err = c.Find(ctx)
	}
	if err != nil {
		t.UI.Note("what was fixed is not built: %v", exit.Reason(err))
		return nil, ctx.Err()
	}
	release, err := t.alone(ctx, p.Root, nil)
	if err != nil {
		return nil, err
	}
	defer release()
	build := func(names []string) error {
		if len(names) == 0 {
			return nil
		}
		_, err := t.builder(p, c).Build(ctx, image.Options{Modules: names}, t.notePlan)
		return err
	}
	byFile := make(map[string][]string) // the services that are built, by the file to blame
	for _, name := range slices.Sorted(maps.Keys(changed)) {
		if p.Compose.Services[name].Build != nil {
			byFile[changed[name]] = append(byFile[changed[name]], name)
		}
	}
	if err := build(slices.Concat(slices.Collect(maps.Values(byFile))...)); err != nil { // which one is it?
		for _, path := range slices.Sorted(maps.Keys(byFile)) {
			if err := build(byFile[path]); err != nil && ctx.Err() == nil {
				t.UI.Note("%s does not build with its fix, so it is as it was: %v", before[path].name, exit.Reason(err))
				broken = append(broken, path)
			}
		}
		return broken, ctx.Err()
	}
	for _, name := range slices.Sorted(maps.Keys(changed)) {
		was, tried := started[name]
		if !tried || was.failed() {
			continue
		}
		if is := t.tryOut(ctx, p, c, name); is.failed() && ctx.Err() == nil {
			t.UI.Note("%s does not start with its fix, so it is as it was: %s %s", before[changed[name]].name, name, is)
			broken = append(broken, changed[name])
		}
	}
	slices.Sort(broken)
	return slices.Compact(broken), ctx.Err()
}

// startAsTheyAre builds and starts services before they are fixed, so that it can be compared.
func (t Target) startAsTheyAre(ctx context.Context, services []string) (map[string]outcome, error) {
	p, c, err := t.docker(ctx)
	if err != nil {
		return nil, err
	}
	release, err := t.alone(ctx, p.Root, nil)
	if err != nil {
		return nil, err
	}
	defer release()
	built := slices.DeleteFunc(slices.Clone(services), func(name string) bool { return p.Compose.Services[name].Build == nil })
	if len(built) > 0 {
		if _, err := t.builder(p, c).Build(ctx, image.Options{Modules: built}, t.notePlan); err != nil {
			return nil, fmt.Errorf("building what is to be fixed, as it is: %w", err)
		}
	}
	started := make(map[string]outcome)
	for _, name := range services {
		started[name] = t.tryOut(ctx, p, c, name)
	}
	return started, ctx.Err()
}

// outcome is how a container did that was started to see whether it works.
type outcome struct {
	running bool
	code    int
	said    string
}

func (o outcome) failed() bool { return !o.running && o.code != 0 }

func (o outcome) String() string {
	return fmt.Sprintf("ended with code %d: %s", o.code, o.said)
}

// tryOut starts one container of a service, without the services that it needs and without its ports, in a project of its own, and
// returns how it did. The container and its volumes are removed.
func (t Target) tryOut(ctx context.Context, p *project.Project, c *engine.Client, service string) outcome {
	e, err := c.Find(ctx)
	if err != nil {
		return outcome{code: 1, said: err.Error()}
	}
	t.UI.Note("starting %s for up to %s", service, tryFor)
	files := []string{"--project-name", p.Name() + "-try"}
	for _, file := range p.Compose.ComposeFiles {
		files = append(files, "--file", file)
	}
	// The project's own image, not one that is built for this name.
	policy := types.PullPolicyMissing
	if p.Compose.Services[service].Build != nil {
		policy = types.PullPolicyNever
	}
	override := fmt.Sprintf("services: {%q: {image: %q, pull_policy: %s}}", service, p.Image(service), policy)
	compose := func(ctx context.Context, args ...string) ([]byte, error) {
		c := e.ComposeCommand(p.Root, slices.Concat(files, []string{"--file", "-"}, args)...)
		c.Stdin = strings.NewReader(override)
		return run.Output(ctx, e, c)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tryFor)
		defer cancel()
		if _, err := compose(ctx, "down", "--volumes", "--remove-orphans", "--timeout", "1"); err != nil {
			t.UI.Note("removing what was started: %v", err)
		}
	}()
	id, err := compose(ctx, "run", "--detach", "--no-deps", "--no-TTY", "--quiet-pull", service)
	container := strings.TrimSpace(string(id))
	if i := strings.LastIndexByte(container, '\n'); i >= 0 {
		container = container[i+1:]
	}
	if err != nil {
		return outcome{code: 1, said: err.Error()}
	}
	return t.wait(ctx, c, container)
}

// wait returns how a container is after a while, or as soon as it ends.
func (t Target) wait(ctx context.Context, c *engine.Client, container string) outcome {
	end := time.Now().Add(tryFor)
	for {
		all, err := c.Describe(ctx, []string{container})
		if err != nil || len(all) != 1 {
			return outcome{code: 1, said: "it is gone"}
		}
		state := all[0].State
		if state.Status == "exited" || state.Status == "dead" {
			out, _ := c.Combined(ctx, c.Command("logs", "--tail", "3", container))
			return outcome{code: state.ExitCode, said: strings.TrimSpace(string(out))}
		}
		if time.Now().After(end) || ctx.Err() != nil {
			return outcome{running: true}
		}
		time.Sleep(200 * time.Millisecond)
	}
}
