package verify

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/im2-audio/im2/internal/helper/probe"
	"github.com/im2-audio/im2/nonroot/internal/subpath"
)

// clean removes everything that was made for this project: containers by their label, files by
// their names. It is a sweep, so it also removes what a killed run left. What cannot be
// removed by this user is removed through the engine.
func (p *prover) clean(ctx context.Context, all []observation) {
	if ids, err := p.labelled(ctx, p.label); err == nil && len(ids) > 0 {
		p.remove(ctx, ids...)
	}
	cleared := make(map[string]bool)
	for _, folder := range p.folders() {
		cleared[folder] = p.clear(folder) == nil
	}
	for i := range all {
		if all[i].container.foreign {
			continue
		}
		p.cleanContainer(ctx, &all[i], cleared)
	}
}

func (p *prover) folders() []string {
	if p.data == "" {
		return nil
	}
	all := append([]string{p.data}, p.parts()...)
	for _, s := range p.project.Services {
		for _, v := range s.Volumes {
			if rel, in := subpath.Rel(p.Conventions.Data, v.Source); in && v.Type == types.VolumeTypeBind {
				all = append(all, filepath.Join(p.data, rel))
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// cleanContainer removes what is in a container, and in the folders that it mounts.
func (p *prover) cleanContainer(ctx context.Context, o *observation, cleared map[string]bool) {
	left := make(map[string][]string) // parts, by their mounts
	for _, m := range o.mounts {
		for _, host := range append([]string{m.host}, p.parts()...) {
			rel, in := subpath.Rel(m.host, host)
			if !in || !m.writable || cleared[host] {
				continue
			}
			// On another machine than the engine's, nothing to clear means nothing.
			if p.clear(host) != nil || o.by != ByHost {
				left[m.inside] = append(left[m.inside], filepath.ToSlash(rel))
				continue
			}
			cleared[host] = true
		}
	}
	if o.probe != "" && !slices.ContainsFunc(o.mounts, dataMount.canWrite) { // what it made in the root folder is root's
		_, _ = p.output(ctx, "exec", "--user", "0", o.inspected.ID, o.probe, "clear", "/", ".")
		return
	}
	for mount, parts := range left {
		p.cleanThroughEngine(ctx, o, append([]string{"clear", mount}, parts...))
	}
}

// cleanThroughEngine clears folders of a container that this user may not clear: as the
// service, or as root of a container with one capability.
func (p *prover) cleanThroughEngine(ctx context.Context, o *observation, command []string) {
	if o.sight != nil {
		if _, err := p.output(ctx, append([]string{"exec", o.inspected.ID, o.probe}, command...)...); err == nil {
			return
		}
	}
	args := []string{
		"run", "--rm", "--label", p.label, "--pull", "never", "--network", "none", "--log-driver", "none", "--read-only",
		"--security-opt", "no-new-privileges", "--cap-drop", "ALL", "--cap-add", "DAC_OVERRIDE", "--user", "0:0",
		"--volumes-from", o.inspected.ID, p.Image,
	}
	if _, err := p.output(ctx, append(args, command...)...); err != nil {
		p.note("some of what was made in the data folder could not be removed: %s; its names begin with %s", said(err), probe.Prefix)
	}
}

// open opens a part of the data folder. No link leads out of that: who works in it could put
// one there.
func (p *prover) open(folder string) (*os.Root, error) {
	data, err := os.OpenRoot(p.data)
	if err != nil {
		return nil, err
	}
	defer func() { _ = data.Close() }()
	rel, err := filepath.Rel(p.data, folder)
	if err != nil {
		return nil, err
	}
	return data.OpenRoot(rel + "/.") // of a FIFO in its place, there is no such name
}

// clear removes what is ours in a part of the data folder.
func (p *prover) clear(folder string) error {
	root, err := p.open(folder)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	return probe.ClearIn(root)
}

// remove removes containers with what belongs to them, also after an interrupt.
func (p *prover) remove(ctx context.Context, ids ...string) {
	late, cancel := outlive(ctx, cleanWithin)
	defer cancel()
	_, _ = p.output(late, append([]string{"rm", "--force", "--volumes"}, ids...)...) // gone already, or the next run's
}

// outlive returns a context that ends some time after another one has: what cleans up is in a
// hurry only after an interrupt, and a slow machine is none.
func outlive(ctx context.Context, by time.Duration) (context.Context, context.CancelFunc) {
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(by, cancel) })
	return late, func() {
		stop()
		cancel()
	}
}
