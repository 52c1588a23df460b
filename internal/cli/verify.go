package cli

import (
	"context"
	"strings"

	"github.com/dustin/go-humanize/english"

	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/docker/stack"
	"github.com/im2-audio/im2/internal/docker/tools"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/safetext"
	"github.com/im2-audio/im2/nonroot/verify"
)

// Verify proves on the running containers that nothing is root and that files come out right.
// service is the only one to look at, "" for all.
func (t Target) Verify(ctx context.Context, service string, asJSON bool) error {
	p, c, err := t.docker(ctx)
	if err != nil {
		return err
	}
	// Neither Compose nor Buildx is needed, so their versions do not matter.
	e, err := engine.Look(ctx, t.engine(p.Settings.Environ()))
	if err != nil {
		return err
	}
	if e.Server.OSType != "linux" {
		return exit.Errorf(exit.Missing, "verifying %s: the engine's containers are of %q, and only those of Linux can be looked at", p.Name(), e.Server.OSType)
	}
	kit := tools.Kit{Home: t.Home, Runner: t.Runner, UI: t.UI}
	image, err := kit.Image(ctx, e, verify.Image())
	if err != nil {
		return err
	}
	program, err := kit.BuildOwn(ctx, tools.Helper(), "linux", e.Server.GoArch())
	if err != nil {
		return err
	}
	prover := verify.Prover{
		Project: p, Docker: c, Server: e.Server, Stack: stack.Stack{Project: p, Client: c, UI: t.UI},
		Image: image, Program: program, Sockets: c.Sockets(), Cache: t.remembered(p, "verify"), Proc: "/proc", UI: t.UI,
	}
	report, err := prover.Prove(ctx, service)
	if err != nil {
		return err
	}
	if asJSON {
		err = t.UI.JSON(report)
	} else {
		t.printReport(report)
	}
	if err == nil && report.Result == verify.Fail {
		err = exit.Errorf(exit.Failed, "%s of %s failed", english.Plural(report.Failures, "check", ""), p.Name())
	}
	return err
}

// printReport shows the findings as one table, by service.
func (t Target) printReport(r verify.Report) {
	var rows [][]string
	add := func(who string, all []verify.Finding) {
		for _, f := range all {
			rows = append(rows, []string{who, string(f.Check), "[" + string(f.Level) + "]", seenBy(f) + safetext.Line(f.Detail)})
			who = "" // once for each group
		}
	}
	for _, s := range r.Services {
		name := s.Container
		if name == "" {
			name = s.Service
		}
		add(strings.TrimPrefix(name, r.Project+"-"), s.Checks)
	}
	add("(control)", r.Control)
	t.UI.Table([]string{"SERVICE", "CHECK", "RESULT", "DETAIL"}, rows)
	t.UI.Result("\n%s, %s, in %.1f s", english.Plural(r.Failures, "failure", ""), english.Plural(r.Warnings, "warning", ""), r.Seconds)
}

// seenBy says how something was seen where that is not the best way there is.
func seenBy(f verify.Finding) string {
	switch f.By {
	case verify.ByStandIn:
		return "through a stand-in: "
	case verify.ByImageTool:
		return "by the image's own id: "
	case verify.ByConfiguration:
		return "by configuration: "
	case verify.ByHost, verify.ByEngine, verify.ByContainer:
	}
	return ""
}
