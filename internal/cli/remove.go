package cli

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/docker/stack"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/scaffold"
)

// Remove are the flags of the target of that name.
type Remove struct {
	// Service is its name.
	Service string
	// DryRun only shows what would be done, JSON prints the answer as JSON.
	DryRun, JSON bool
	// Wait is how long to wait for other commands on the project; nil is as long as it takes.
	Wait *time.Duration
}

// removed is the answer of "mage remove -json".
type removed struct {
	Service string `json:"service"`
	// Compose are the Compose files that no longer name it.
	Compose []string `json:"compose"`
	// Folder is the removed one; KeptFolder is one that stays, for what Kept says.
	Folder     string `json:"folder,omitempty"`
	KeptFolder string `json:"kept_folder,omitempty"`
	Kept       string `json:"kept,omitempty"`
	// Containers and Image are those that were removed from the engine.
	Containers []string `json:"containers"`
	Image      string   `json:"image,omitempty"`
	// Written says that all of this is done.
	Written bool `json:"written"`
}

// Remove removes a service: its containers and image, its entry in the Compose file, and its folder if nobody worked in it.
func (t Target) Remove(ctx context.Context, o Remove) error {
	if !o.DryRun {
		root, err := filepath.EvalSymlinks(t.Root) // as where the project is opened
		if err != nil {
			return exit.Errorf(exit.Unusable, "finding the project's folder: %w", err)
		}
		release, err := t.alone(ctx, root, o.Wait)
		if err != nil {
			return err
		}
		defer release()
	}
	m, err := scaffold.PrepareRemove(ctx, scaffold.Request{Root: t.Root, Environ: t.Environ, Name: o.Service})
	if err != nil {
		return err
	}
	p := m.Project
	answer := removed{Service: m.Name, Containers: []string{}, Compose: []string{}, Kept: m.Kept, Written: !o.DryRun}
	for _, c := range m.Files {
		answer.Compose = append(answer.Compose, p.Rel(c.Path))
	}
	if m.Folder != "" && m.Kept == "" {
		answer.Folder = p.Rel(m.Folder)
	} else if m.Folder != "" {
		answer.KeptFolder = p.Rel(m.Folder)
	}
	c, found, err := t.containersOf(ctx, p, m.Name)
	if err != nil {
		return err
	}
	for _, container := range found {
		answer.Containers = append(answer.Containers, container.Name)
	}
	if image := ownImage(p, m.Name); c != nil && image != "" {
		if has, err := c.HasImage(ctx, image); err == nil && has {
			answer.Image = image
		}
	}
	if !o.DryRun {
		if err := t.remove(ctx, m, c, found, &answer); err != nil {
			return err
		}
	}
	if o.JSON {
		return t.UI.JSON(answer)
	}
	t.showRemoved(&m, answer, o.DryRun)
	return nil
}

// remove does it. The containers come first: if they cannot be removed, nothing else is, and "mage up" creates them again.
func (t Target) remove(ctx context.Context, m scaffold.Removal, c *engine.Client, found []stack.Container, answer *removed) error {
	if len(found) > 0 {
		args := []string{"rm", "--force"}
		for _, container := range found {
			args = append(args, container.ID())
		}
		if _, err := c.Output(ctx, c.Command(args...)); err != nil {
			return exit.Errorf(exit.Failed, "removing the containers of %s: %w", m.Name, err)
		}
	}
	if err := m.Write(ctx); err != nil {
		return err
	}
	t.forgetReplicas(m.Project, m.Name)
	if answer.Image != "" {
		if _, err := c.Output(ctx, c.Command("image", "rm", answer.Image)); err != nil {
			t.UI.Note("image %s stays: %v", answer.Image, err)
			answer.Image = ""
		}
	}
	return nil
}

// containersOf are the containers of a service. Without an engine there are none, and no client.
func (t Target) containersOf(ctx context.Context, p *project.Project, service string) (*engine.Client, []stack.Container, error) {
	c, err := engine.Open(t.engine(p.Settings.Environ()))
	var all []stack.Container
	if err == nil {
		all, err = stack.Stack{Project: p, Client: c, UI: t.UI}.Containers(ctx)
	}
	if ctx.Err() != nil {
		return nil, nil, ctx.Err()
	}
	if errors.Is(err, engine.ErrNotInstalled) || errors.Is(err, engine.ErrNotAnswering) || errors.Is(err, engine.ErrDenied) {
		t.UI.Note("no containers and no image removed: %v", err)
		return nil, nil, nil
	}
	return c, slices.DeleteFunc(all, func(c stack.Container) bool { return c.Service != service || c.ID() == "" }), err
}

// ownImage is the image that is built for a service and no other one has; "" for none.
func ownImage(p *project.Project, service string) string {
	if s, enabled := p.Compose.Services[service]; !enabled || s.Build == nil {
		return ""
	}
	for _, other := range p.Services() {
		if other != service && p.Image(other) == p.Image(service) {
			return ""
		}
	}
	return p.Image(service)
}

// forgetReplicas takes a service out of what "mage up -replicas" remembered: up would refuse a name that is not there.
func (t Target) forgetReplicas(p *project.Project, service string) {
	setting := p.Settings.Get(project.Replicas)
	var left []string
	for part := range strings.SplitSeq(setting.Value, ",") {
		if name, _, _ := strings.Cut(strings.TrimSpace(part), "="); name != service {
			left = append(left, part)
		}
	}
	if value := strings.Join(left, ","); value != setting.Value {
		err := exit.Errorf(exit.Failed, "it is in %s", setting.Where())
		if setting.Source == project.FromLocal {
			err = project.WriteLocal(p.Root, project.Replicas, value)
		}
		if err != nil {
			t.UI.Note("take %s out of %s: %v", service, project.Replicas, err)
		}
	}
}

func (t Target) showRemoved(m *scaffold.Removal, answer removed, dry bool) {
	verb := "removed"
	if dry {
		verb = "would remove"
		for i, c := range m.Files {
			t.diff("a/"+answer.Compose[i], c.Before, "b/"+answer.Compose[i], c.After)
		}
	}
	for _, name := range answer.Containers {
		t.UI.Note("%s container %s", verb, name)
	}
	if answer.Image != "" {
		t.UI.Note("%s image %s", verb, answer.Image)
	}
	if answer.Folder != "" {
		t.UI.Note("%s folder %s", verb, answer.Folder)
	}
	if answer.KeptFolder != "" {
		t.UI.Note("folder %s stays: %s", strconv.Quote(answer.KeptFolder), answer.Kept)
	}
	if !dry {
		t.UI.Result("removed service %s from %s", answer.Service, strings.Join(answer.Compose, ", "))
	}
}
