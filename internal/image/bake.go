package image

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/im2-audio/im2/internal/engine"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/project"
)

// definition is a bake file as "docker compose build --print" writes it. Keys that are
// not of interest here are kept as they are.
type definition struct {
	Group  map[string]bakeGroup      `json:"group"`
	Target map[string]map[string]any `json:"target"`
}

type bakeGroup struct {
	Targets []string `json:"targets"`
}

// bake builds the services in one BuildKit run. Compose writes the definition, since
// only it knows the tags and labels by which it finds its images again; raw
// "buildx bake -f compose.yml" gives neither.
func (b Builder) bake(ctx context.Context, e *engine.Engine, plan *Plan, services []string) error {
	printed, err := e.Output(ctx, e.ComposeCommand(b.Project.Root, append([]string{"build", "--print"}, services...)...))
	if err != nil {
		return fmt.Errorf("asking Compose what to build: %w", err)
	}
	var def definition
	if err := json.Unmarshal(printed, &def); err != nil {
		return exit.Errorf(exit.Failed, "reading what \"docker compose build --print\" wrote: %w", err)
	}
	bundle := b.Project.Settings.Get(project.CABundle).Value
	def.mark(plan)
	text, err := adapt(def, bundle)
	if err != nil {
		return err
	}
	e = e.WithEnv("BUILDX_NO_DEFAULT_ATTESTATIONS=1") // a new digest for every build otherwise
	c := e.BuildxCommand(b.Project.Root, bakeArgs(def, b.Project.Root, bundle, b.UI.Live())...)
	c.Stdin = bytes.NewReader(text)
	c.Stdout, c.Stderr = b.UI.Stderr(), b.UI.Stderr()
	if err := e.Run(ctx, c); err != nil {
		return exit.Errorf(exit.Failed, "building %s: %w", strings.Join(services, ", "), err)
	}
	return nil
}

// adapt adds the CA bundle to every target as a secret and orders what a map left in
// any order.
func adapt(def definition, bundle string) ([]byte, error) {
	for name, group := range def.Group {
		slices.Sort(group.Targets)
		def.Group[name] = group
	}
	if bundle != "" {
		for _, target := range def.Target {
			secrets, _ := target["secret"].([]any)
			target["secret"] = append(secrets, "id=ca,src="+bundle)
		}
	}
	text, err := json.Marshal(def)
	if err != nil {
		return nil, fmt.Errorf("writing the bake definition: %w", err)
	}
	return text, nil
}

// bakeArgs allows exactly the paths outside of root that are read: Buildx refuses them
// otherwise, or asks on a terminal (docker/bake-action#269).
func bakeArgs(def definition, root, bundle string, live bool) []string {
	progress := "plain"
	if live {
		progress = "auto"
	}
	args := []string{"bake", "--file", "-", "--progress", progress}
	paths := []string{bundle}
	for _, target := range def.Target {
		for _, key := range []string{"context", "dockerfile"} {
			path, _ := target[key].(string)
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	for _, path := range slices.Compact(paths) {
		if filepath.IsAbs(path) && !strings.HasPrefix(path, root+string(filepath.Separator)) {
			args = append(args, "--allow", "fs.read="+path)
		}
	}
	return args
}
