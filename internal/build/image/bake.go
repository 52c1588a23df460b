package image

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/im2-audio/im2/internal/build/inputs"
	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/run"
	"github.com/im2-audio/im2/internal/safetext"
)

func (b Builder) bake(ctx context.Context, r ready, plan *Plan, services []string) error {
	def, err := b.define(r.printed, b.once(services))
	if err != nil {
		return err
	}
	def.mark(plan)
	b.rememberOld(ctx, services)
	return b.run(ctx, r.engine, def, services)
}

// Stage builds one stage of a service's Dockerfile, on the base image that is named, as an image
// with a name and labels of its own. No plan knows of it.
func (b Builder) Stage(ctx context.Context, e *engine.Engine, service, stage, base, name string, labels map[string]string) error {
	printed, err := b.print(ctx, e, []string{service})
	if err != nil {
		return err
	}
	def, err := b.define(printed, []string{service})
	if err != nil {
		return err
	}
	for _, chosen := range def.Group["default"].Targets {
		target := def.Target[chosen]
		target["target"], target["tags"], target["labels"] = stage, []any{name}, labels
		if args, ok := target["args"].(map[string]any); ok {
			args[project.BaseImage] = base
		}
	}
	return b.run(ctx, e, def, []string{service})
}

// run builds a definition in which nothing is escaped yet.
func (b Builder) run(ctx context.Context, e *engine.Engine, def definition, services []string) error {
	bundle := b.Project.Settings.Get(project.CABundle).Value
	args := append(b.bakeArgs(), def.grants(b.Project.Root, bundle)...)
	def.escape()
	def.trust(bundle)
	def.proxy(b.proxies())
	text, err := def.encode()
	if err != nil {
		return err
	}
	// Without attestations, which would give every build a new digest, nobody needs to know
	// what Git says of each context.
	e = e.WithEnv("BUILDX_NO_DEFAULT_ATTESTATIONS=1", "BUILDX_GIT_INFO=false")
	c := e.BuildxCommand(b.Project.Root, args...)
	c.Stdin = bytes.NewReader(text) // not a file: arguments may be secret, as a proxy's password is
	step := b.UI.Step("building "+some(services), "built "+some(services))
	c.Stdout, c.Stderr = step.Output(), step.Output()
	return b.explain(e, services, step.End(e.Run(ctx, c)))
}

// print asks Compose what to build: only Compose knows the tags and labels by which it finds its images again.
// "buildx bake -f compose.yml" sets neither.
func (b Builder) print(ctx context.Context, e *engine.Engine, services []string) ([]byte, error) {
	args := []string{"build", "--print"}
	if b.push {
		args = append(args, "--push")
	}
	// With that variable, Compose (5.6) refuses services that name another platform, which win when it starts them.
	c := e.WithEnv(inputs.DefaultPlatform+"=").ComposeCommand(b.Project.Root, append(args, services...)...)
	printed, err := e.Output(ctx, c)
	if err != nil {
		return nil, exit.Errorf(exit.Failed, "asking Compose what to build: %w", err)
	}
	return printed, nil
}

func (b Builder) define(printed []byte, services []string) (definition, error) {
	var def definition
	if err := json.Unmarshal(printed, &def); err != nil {
		return def, exit.Errorf(exit.Failed, "reading what \"docker compose build --print\" wrote: %w", err)
	}
	def.choose(services)
	def.prune()
	def.setPlatforms(b.platforms, b.push)
	return def, nil
}

func (b Builder) bakeArgs() []string {
	progress := "plain"
	if b.UI.Live() && b.UI.Verbose() {
		progress = "auto"
	}
	return []string{"bake", "--file", "-", "--progress", progress}
}

// explain makes an error of a failed build. BuildKit's own output above it names the step and the line.
func (b Builder) explain(e *engine.Engine, services []string, err error) error {
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("building %s: %w", some(services), context.Canceled)
	}
	var failed *run.Error
	if !errors.As(err, &failed) {
		return err
	}
	said := failed.Stderr[strings.LastIndexByte(failed.Stderr, '\n')+1:]
	if said = strings.TrimPrefix(said, "ERROR: "); said == "" {
		said = failed.Err.Error()
	}
	if strings.Contains(said, "moby.buildkit.frontend.contexts") {
		return exit.Errorf(exit.Missing, "building %s: additional_contexts: Docker Engine %s is too old (needed: 23.0); update it, or begin those Dockerfiles with \"# syntax=docker/dockerfile:1.4\" where that image can be pulled",
			some(b.named(services)), e.Server.Version)
	}
	if strings.Contains(failed.Stderr, "Multi-platform build is not supported") {
		fix := exit.Fix{Type: "docker buildx create --use", Note: "makes a builder that can, or turn on the engine's containerd image store"}
		return exit.Fixable(exit.Missing, fix, "building %s for several platforms: this engine's builder makes images for one", some(services))
	}
	return exit.Errorf(exit.Failed, "building %s: %s; see BuildKit's output above. What did not build keeps its previous image",
		some(services), said)
}

func (b Builder) named(services []string) []string {
	return slices.DeleteFunc(slices.Clone(services), func(name string) bool {
		return len(b.Project.Compose.Services[name].Build.AdditionalContexts) == 0
	})
}

func some(services []string) string { return safetext.List(services, 4, ", ") }
