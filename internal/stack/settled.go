package stack

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
)

// Settled is what the containers were when all of them were up. As long as it is still so, and
// the project and its images are the same, "compose up" has nothing to do.
type Settled map[string]string // IDs of containers, and the names of their images

// listed is the part of "docker ps --format json" that is read.
type listed struct {
	ID, Names, Image, State, Status, Labels string
}

// list returns the project's containers as the engine lists them. A container whose image has
// lost its name to another one shows an ID in its place.
func (s Stack) list(ctx context.Context) ([]listed, error) {
	out, err := s.Client.Ask(ctx, "ps", "--all", "--no-trunc", "--format", "{{json .}}",
		"--filter", "label="+labelProject+"="+s.Project.Name())
	if err != nil {
		return nil, fmt.Errorf("listing the containers of %s: %w", s.Project.Name(), err)
	}
	var all []listed
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var l listed
		if err := decoder.Decode(&l); err == io.EOF {
			return all, nil
		} else if err != nil {
			return nil, fmt.Errorf("reading the list of containers: %w", err)
		}
		all = append(all, l)
	}
}

// up reports whether the container runs and its health check, if it has one, is content.
func (l listed) up() bool {
	return l.State == "running" && (!strings.Contains(l.Status, "(") || strings.Contains(l.Status, "(healthy)"))
}

// Settle returns what StillSettled compares with later; nil when not all is up.
func (s Stack) Settle(ctx context.Context) (Settled, error) {
	all, err := s.list(ctx)
	if err != nil {
		return nil, err
	}
	now := make(Settled)
	for _, l := range all {
		if !l.up() {
			return nil, nil
		}
		now[l.ID] = l.Image
	}
	return now, nil
}

// StillSettled reports whether the containers are those of before, none more and none less,
// and all are up. Then it returns them as Look does.
func (s Stack) StillSettled(ctx context.Context, before Settled) ([]Container, bool, error) {
	if len(before) == 0 {
		return nil, false, nil
	}
	ids := slices.Sorted(maps.Keys(before))
	users := make([]string, len(ids))
	var all []listed
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		var err error
		all, err = s.list(ctx)
		return err
	})
	for i, id := range ids { // at once, in the hope that they are the right ones
		g.Go(func() error {
			users[i], _ = s.users(ctx, Container{id: id, Name: id}) // the list tells why
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, false, err
	}
	var found []Container
	for _, l := range all {
		i, known := slices.BinarySearch(ids, l.ID)
		if !known || !l.up() || before[l.ID] != l.Image || users[i] == "" {
			return nil, false, nil
		}
		found = append(found, l.container(users[i]))
	}
	sortContainers(found)
	return found, len(found) == len(before), nil
}

func (l listed) container(users string) Container {
	c := Container{Name: l.Names, State: l.State, User: users, Image: l.Image, id: l.ID}
	if strings.Contains(l.Status, "(healthy)") {
		c.Health = "healthy"
	}
	for _, label := range strings.Split(l.Labels, ",") {
		switch name, value, _ := strings.Cut(label, "="); name {
		case labelService:
			c.Service = value
		case labelNumber:
			c.number = value
		}
	}
	return c
}
