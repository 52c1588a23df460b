package cli

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/im2-audio/im2/internal/cluster"
	"github.com/im2-audio/im2/internal/compose/dockerfile"
	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/policy"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/run"
	"github.com/im2-audio/im2/internal/safetext"
	"github.com/im2-audio/im2/nonroot"
)

// ClusterRender are the flags of the target of that name.
type ClusterRender struct {
	// Out is the folder to write to; "" for standard output.
	Out string
	// JSON prints the objects and the notes as JSON.
	JSON bool
	// Autoscale is one of cluster.Autoscalers; "" for none.
	Autoscale string
	// Replicas are as those of Up.
	Replicas string
}

// renderedJSON is the answer of "mage cluster-render -json".
type renderedJSON struct {
	Namespace string           `json:"namespace"`
	Model     string           `json:"model"`
	Objects   []map[string]any `json:"objects"`
	Notes     []cluster.Note   `json:"notes"`
}

// ClusterRender prints or writes the project's manifests.
func (t Target) ClusterRender(ctx context.Context, o ClusterRender) error {
	if o.JSON && o.Out != "" {
		return exit.Errorf(exit.Unusable, "-json: it prints what -out writes; fix: leave one of them out")
	}
	p, err := t.project(ctx)
	if err != nil {
		return err
	}
	// A cluster gives each pod an address, so that one port is enough for all.
	want, err := chosenFor(p, o.Replicas, func(types.ServiceConfig, int) error { return nil })
	if err != nil {
		return err
	}
	r, err := t.manifests(ctx, p, cluster.Options{Autoscale: o.Autoscale, Replicas: want})
	if err != nil {
		return err
	}
	if err := r.Err(); err != nil {
		return err
	}
	if o.JSON {
		objects, err := r.Values()
		if err != nil {
			return exit.With(exit.Failed, err)
		}
		return t.UI.JSON(renderedJSON{Namespace: r.Namespace, Model: r.Model, Objects: objects, Notes: append([]cluster.Note{}, r.Notes...)})
	}
	for _, line := range r.Lines() {
		t.UI.Note("%s", safetext.Line(line))
	}
	if o.Out != "" {
		return t.writeManifests(o.Out, r)
	}
	text, err := r.YAML()
	if err != nil {
		return exit.With(exit.Failed, err)
	}
	t.UI.Result("%s", strings.TrimSuffix(string(text), "\n"))
	return nil
}

// manifests renders a project. What o does not have of users, health checks and files is found out here, as far as Dockerfiles and
// the engine's images tell; an engine is not needed.
func (t Target) manifests(ctx context.Context, p *project.Project, o cluster.Options) (cluster.Rendered, error) {
	options := policy.Audit(p, nil)
	names, err := nonroot.Images(ctx, p.Compose, options)
	if err != nil {
		return cluster.Rendered{}, auditError(err)
	}
	for _, name := range p.Services() {
		if p.Compose.Services[name].Build == nil {
			names = append(names, p.Image(name))
		}
	}
	slices.Sort(names)
	found := t.inspectImages(ctx, p, slices.Compact(names))
	if len(found) > 0 {
		options.Image = lookup(found)
	}
	audit, err := nonroot.Audit(ctx, p.Compose, options)
	if err != nil {
		return cluster.Rendered{}, auditError(err)
	}
	o.Verdicts = make(map[string]nonroot.Verdict)
	for _, v := range audit.Verdicts {
		o.Verdicts[v.Service] = v
	}
	o.Health = healthChecks(p, found)
	o.IsFile = func(path string) bool {
		info, err := os.Stat(path)
		return err == nil && info.Mode().IsRegular()
	}
	o.Read = run.ReadFile
	return cluster.Render(p, o)
}

// healthChecks are those of the services' images: of their Dockerfiles, or of the images that the engine has.
func healthChecks(p *project.Project, found []engine.ImageInfo) map[string]*types.HealthCheckConfig {
	all := make(map[string]*types.HealthCheckConfig)
	for _, name := range p.Services() {
		s := p.Compose.Services[name]
		if s.Build == nil {
			for _, image := range found {
				if c := image.Config.Healthcheck; c != nil && slices.Contains(image.RepoTags, p.Image(name)) {
					all[name] = healthCheck(c.Test, c.Interval, c.Timeout, c.StartPeriod, c.StartInterval, c.Retries)
				}
			}
			continue
		}
		text, err := []byte(s.Build.DockerfileInline), error(nil)
		if len(text) == 0 {
			text, err = run.ReadFile(dockerfileOf(s))
		}
		if err != nil {
			continue // the audit has said so
		}
		file, err := dockerfile.Parse("Dockerfile", text)
		if err != nil {
			continue
		}
		if c := file.HealthCheck(s.Build.Target); c != nil {
			h := c.Health
			all[name] = healthCheck(h.Test, h.Interval, h.Timeout, h.StartPeriod, h.StartInterval, h.Retries)
		}
	}
	return all
}

// healthCheck is an image's check as the Compose file would have it.
func healthCheck(test []string, interval, timeout, startPeriod, startInterval time.Duration, retries int) *types.HealthCheckConfig {
	c := &types.HealthCheckConfig{Test: test}
	for to, d := range map[**types.Duration]time.Duration{&c.Interval: interval, &c.Timeout: timeout, &c.StartPeriod: startPeriod, &c.StartInterval: startInterval} {
		if d > 0 {
			value := types.Duration(d)
			*to = &value
		}
	}
	if retries > 0 {
		n := uint64(retries)
		c.Retries = &n
	}
	return c
}

// writeManifests writes one file for each service and kind, and removes those of an earlier run. It touches no file of others, and
// follows no link out of the folder.
func (t Target) writeManifests(out string, r cluster.Rendered) error {
	folder := out
	if !filepath.IsAbs(folder) {
		folder = filepath.Join(t.From, folder)
	}
	files, err := r.Files()
	if err != nil {
		return exit.With(exit.Failed, err)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return exit.Errorf(exit.Unusable, "creating the folder %s: %w", safetext.Quoted(out), exit.Reason(err))
	}
	root, err := os.OpenRoot(folder + "/.")
	if err != nil {
		return exit.Errorf(exit.Unusable, "opening the folder %s: %w", safetext.Quoted(out), exit.Reason(err))
	}
	defer func() { _ = root.Close() }() // only a folder
	there, err := os.ReadDir(folder + "/.")
	if err != nil {
		return exit.Errorf(exit.Unusable, "reading the folder %s: %w", safetext.Quoted(out), exit.Reason(err))
	}
	var old []string
	for _, e := range there {
		if !strings.HasSuffix(e.Name(), ".yaml") && files[e.Name()] == nil {
			continue
		}
		if !ours(root, e) {
			if files[e.Name()] != nil {
				return exit.Errorf(exit.Unusable, "writing %s: what is there is not from \"mage cluster-render\"; fix: use another folder", safetext.Quoted(filepath.Join(out, e.Name())))
			}
			continue
		}
		old = append(old, e.Name())
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := root.WriteFile(name, files[name], 0o644); err != nil {
			return exit.Errorf(exit.Failed, "writing %s: %w", safetext.Quoted(filepath.Join(out, name)), exit.Reason(err))
		}
	}
	for _, name := range old {
		if files[name] == nil {
			if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return exit.Errorf(exit.Failed, "removing %s: %w", safetext.Quoted(filepath.Join(out, name)), exit.Reason(err))
			}
		}
	}
	t.UI.Note("wrote %d files to %s", len(files), safetext.Quoted(out))
	return nil
}

// ours says that a file is one that an earlier run wrote.
func ours(root *os.Root, e fs.DirEntry) bool {
	if !e.Type().IsRegular() {
		return false
	}
	f, err := root.Open(e.Name())
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }() // it was only read
	begin := make([]byte, 200)
	n, _ := io.ReadFull(f, begin) // shorter ones are not ours
	return cluster.Ours(string(begin[:n]))
}

// inspectImages asks the engine for images, all at once; nil where it does not answer.
func (t Target) inspectImages(ctx context.Context, p *project.Project, names []string) (found []engine.ImageInfo) {
	if len(names) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, imagesWithin)
	defer cancel()
	var stdout run.Buffer
	// The exit code says only that the engine has not all of the images.
	_ = t.Runner.Run(ctx, run.Cmd{
		Name: "docker", Args: append([]string{"image", "inspect", "--"}, names...), Env: p.Settings.Environ(), Stdout: &stdout,
	})
	if json.Unmarshal(stdout.Bytes(), &found) != nil {
		return nil
	}
	return found
}
