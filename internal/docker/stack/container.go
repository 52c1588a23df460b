// Package stack brings the project's services up and down and tells how they are.
package stack

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/term"
)

// Stack is the services of one project on one engine.
type Stack struct {
	// Project says which services there are.
	Project *project.Project
	// Client asks the engine that runs them. Compose is looked for when it is needed.
	Client *engine.Client
	// UI is told what goes on.
	UI *term.UI
}

// Container is the state of one service's container.
type Container struct {
	// Service is its name in the Compose file.
	Service string `json:"service"`
	// Name is the container's name; empty when there is none.
	Name string `json:"container,omitempty"`
	// State is "running", "exited", "restarting", ... or "not created".
	State string `json:"state"`
	// Health is "healthy", "unhealthy", "starting", or empty without a health check.
	Health string `json:"health,omitempty"`
	// ExitCode is the code of the last exit; nil while it runs.
	ExitCode *int `json:"exit_code,omitempty"`
	// User is the UID:GID of its processes as the engine's host sees them, of several
	// ones joined by a comma. While none runs it is what the image asks for, and empty
	// when the engine could not tell.
	User string `json:"user,omitempty"`
	// Image is what it was made from.
	Image string `json:"image,omitempty"`
	// Started is when it was last started; nil before that.
	Started *time.Time `json:"started,omitempty"`
	// Replaced are the files and folders that it mounts and that were moved, removed or mounted over since it was
	// started: it has what was there then. It is empty where that is not known, as with an engine in a virtual machine.
	Replaced []string `json:"replaced,omitempty"`
	// Outdated says what the project has changed to since the container was made: "image", "user".
	Outdated []string `json:"outdated,omitempty"`

	info       engine.ContainerInfo
	id         string
	imageID    string
	networks   []string // the IDs of those it is in, in order
	number     string
	healthSaid string
	unseen     bool // its mounts are not this machine's kernel's
}

// notCreated is the state of a service without a container.
const notCreated = "not created"

// labels by which Compose finds its containers again.
const (
	labelProject = "com.docker.compose.project"
	labelService = "com.docker.compose.service"
	labelNumber  = "com.docker.compose.container-number"
	labelOneOff  = "com.docker.compose.oneoff"
)

// Containers returns the containers of all enabled services, by service and number; a
// service without one is there with the state "not created".
func (s Stack) Containers(ctx context.Context) ([]Container, error) {
	ids, err := s.Client.Containers(ctx, labelProject+"="+s.Project.Name())
	if err != nil {
		return nil, fmt.Errorf("listing the containers of %s: %w", s.Project.Name(), err)
	}
	all, err := s.Client.Describe(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("inspecting the containers of %s: %w", s.Project.Name(), err)
	}
	var found []Container
	for _, i := range all {
		if i.Config.Labels[labelOneOff] != "True" {
			found = append(found, containerOf(i))
		}
	}
	for _, name := range s.Project.Services() {
		if !slices.ContainsFunc(found, func(c Container) bool { return c.Service == name }) {
			found = append(found, Container{Service: name, State: notCreated})
		}
	}
	slices.SortFunc(found, func(a, b Container) int {
		return cmp.Or(strings.Compare(a.Service, b.Service), strings.Compare(a.number, b.number))
	})
	return found, nil
}

func containerOf(i engine.ContainerInfo) Container {
	c := Container{
		Service: i.Config.Labels[labelService], Name: strings.TrimPrefix(i.Name, "/"),
		State: i.State.Status, User: i.Config.User, Image: i.Config.Image,
		info: i, id: i.ID, imageID: i.Image, number: i.Config.Labels[labelNumber],
	}
	if !i.State.StartedAt.IsZero() {
		c.Started = &i.State.StartedAt
	}
	if c.State == "exited" || c.State == "dead" || c.State == "restarting" {
		c.ExitCode = &i.State.ExitCode
	}
	for _, network := range i.NetworkSettings.Networks {
		c.networks = append(c.networks, network.NetworkID)
	}
	slices.Sort(c.networks)
	if c.running() {
		mounts, err := i.Replaced("/proc")
		c.unseen = err != nil
		for _, m := range mounts {
			c.Replaced = append(c.Replaced, m.Source)
		}
		slices.Sort(c.Replaced)
	}
	if h := i.State.Health; h != nil {
		c.Health = h.Status
		if n := len(h.Log); n > 0 {
			c.healthSaid = strings.TrimSpace(h.Log[n-1].Output)
		}
	}
	return c
}

// ID is the engine's name for it; empty when there is none.
func (c Container) ID() string { return c.id }

// Number tells it from others of the same service.
func (c Container) Number() string { return c.number }

// Here reports whether it is certain that this machine's kernel runs it, and not that of a virtual machine or another one.
func (c Container) Here() bool { return c.running() && !c.unseen }

func (c Container) running() bool { return c.State == "running" }

// users returns the UID:GID of the container's processes, several joined by a comma. Where this machine's kernel does
// not tell, it asks the engine, which starts a ps for each container. It works from outside, so the image needs no ps.
func (s Stack) users(ctx context.Context, c Container) (string, error) {
	if users, err := c.info.UsersHere("/proc", "/sys/fs/cgroup"); err == nil {
		return strings.Join(users, ","), nil
	}
	// The engine refuses a list without the process IDs (seen with 20.10).
	rows, err := s.Client.Processes(ctx, c.id, "pid", "uid", "gid")
	if err != nil {
		// A rootless engine without control groups cannot list them; this machine's kernel does.
		if users, here := c.info.Users("/proc"); here == nil {
			return strings.Join(users, ","), nil
		}
		return "", fmt.Errorf("looking at the processes of %s: %w", c.Name, err)
	}
	var users []string
	for _, row := range rows {
		users = append(users, row[1]+":"+row[2])
	}
	slices.Sort(users)
	return strings.Join(slices.Compact(users), ","), nil
}
