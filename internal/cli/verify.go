package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize/english"

	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/docker/tools"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/machine/doctor"
	"github.com/im2-audio/im2/internal/permissions"
	"github.com/im2-audio/im2/internal/policy"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/safetext"
	"github.com/im2-audio/im2/internal/term"
	"github.com/im2-audio/im2/internal/term/closest"
	"github.com/im2-audio/im2/nonroot"
	"github.com/im2-audio/im2/nonroot/verify"
)

// Verify are the flags of Target.Verify.
type Verify struct {
	// Service is the only one to check; "" for all.
	Service string
	// Proofs checks what services say of themselves, and nothing else.
	Proofs bool
	// Format is text, json or html.
	Format string
	// JSON is the format json.
	JSON bool
	// Wait is how long to wait for other commands on the project; nil as long as it takes.
	Wait *time.Duration
}

// Verify proves on the running containers that nothing is root and that files come out right.
func (t Target) Verify(ctx context.Context, o Verify) error {
	if o.JSON {
		o.Format = "json"
	}
	if !slices.Contains(verifyFormats, o.Format) {
		return exit.Errorf(exit.Unusable, "-format=%s: %s are the formats", o.Format, english.WordSeries(verifyFormats, "and"))
	}
	if o.Proofs {
		return t.verifyProofs(ctx, o)
	}
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
		return exit.Errorf(exit.Missing, "verifying %s: the engine runs containers of %q, and only those of Linux can be checked", p.Name(), e.Server.OSType)
	}
	release, err := t.alone(ctx, p.Root, o.Wait)
	if err != nil {
		return err
	}
	defer release()
	kit := tools.Kit{Home: t.Home, Runner: t.Runner, UI: t.UI}
	image, err := kit.Image(ctx, e, verifyImage())
	if err != nil {
		return err
	}
	program, err := kit.BuildOwn(ctx, tools.Helper, "linux", e.Server.GoArch())
	if err != nil {
		return err
	}
	command, progress := c.Command(), &verifyProgress{ui: t.UI}
	report, err := verify.Run(ctx, p.Compose, verify.Options{
		Docker: verify.Command{Path: command.Name, Env: command.Env}, Image: image, Program: program, Service: o.Service,
		Helpers:     []string{permissions.Repository, permissions.PutRepository, doctor.Repository},
		Conventions: policy.Conventions(p), Proofs: proofsOf(p), Root: p.Root, Alone: true, Sockets: c.Sockets(), Cache: t.remembered(p, "verify"),
		Progress: progress.set, Note: func(text string) { t.UI.Note("%s", text) },
	})
	progress.done()
	if err != nil {
		return verifyError(ctx, c, p, err)
	}
	return t.answer(p, report, o.Format)
}

// verifyFormats are how a report can be shown.
var verifyFormats = []string{"text", "json", "html"}

// answer prints a report. The error says how many checks failed.
func (t Target) answer(p *project.Project, report verify.Report, format string) (err error) {
	shown := shownReport(report)
	switch format {
	case "json":
		err = t.UI.JSON(shown)
	case "html":
		var page string
		if page, err = shown.page(time.Now()); err == nil {
			t.UI.Result("%s", page)
		}
	default:
		t.printReport(shown)
	}
	if err == nil && report.Result == nonroot.Error {
		err = exit.Errorf(exit.Failed, "%s of %s failed", english.Plural(report.Failures, "check", ""), p.Name())
	}
	return err
}

// verifyError gives an error of package verify its exit code, and says what to type.
func verifyError(ctx context.Context, c *engine.Client, p *project.Project, err error) error {
	var unknown *verify.UnknownServiceError
	var idle *verify.NotRunningError
	var failed *verify.CommandError
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &unknown):
		return exit.Errorf(exit.Unusable, "%w%s", err, closest.Hint(unknown.Service, unknown.Services))
	case errors.As(err, &idle):
		hint := ""
		if left := proofsOf(p); left != nil {
			if all, err := left(); err == nil && len(all.Found) > 0 {
				hint = `, and "mage verify -proofs" checks what those on other machines say`
			}
		}
		return exit.Errorf(exit.Unusable, "%w: \"mage up\" starts it%s", err, hint)
	case errors.As(err, &failed), errors.Is(err, context.DeadlineExceeded):
		err = c.Diagnose(ctx, err)
	}
	return fmt.Errorf("verifying %s: %w", p.Name(), err)
}

// verifyProgress shows how many containers have been checked.
type verifyProgress struct {
	ui    *term.UI
	shown *term.Progress
}

func (v *verifyProgress) set(done, total int) {
	if done == 0 {
		v.shown = v.ui.Progress("verifying "+english.Plural(total, "container", ""), 0, term.Seconds)
	}
}

func (v *verifyProgress) done() {
	if v.shown != nil {
		v.shown.Done()
	}
}

// verifyImage is the image of the program that runs inside of containers.
func verifyImage() tools.Image {
	return tools.Image{
		Own: tools.Helper, Repository: "im2/verify", Label: verify.ImageLabel, Program: verify.ProgramPath,
		Message: "checks containers for mage verify",
	}
}

// printReport shows the findings as one table, by service: those to be read, and one line for all others of a
// container.
func (t Target) printReport(r verifyReport) {
	var rows [][]string
	add := func(who string, all []verifyFinding) {
		for _, row := range findingRows(all, t.UI.Verbose()) {
			rows = append(rows, append([]string{who}, row...))
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
	for _, s := range r.Elsewhere {
		add(safetext.Line(s.Service+" on "+cmp.Or(s.Node, s.Container)), s.Checks)
	}
	add("(data)", r.Data)
	add("(control)", r.Control)
	t.UI.Table([]string{"SERVICE", "CHECK", "RESULT", "DETAIL"}, rows)
	more := ""
	if !t.UI.Verbose() {
		more = `; "mage -v verify" shows every check`
	}
	t.UI.Result("\n%s, %s, in %.1f s%s", english.Plural(r.Failures, "failure", ""), english.Plural(r.Warnings, "warning", ""), r.Seconds, more)
}

// findingRows are the rows of a container's findings: all of them, or those to be read and one that counts the others.
func findingRows(all []verifyFinding, every bool) (rows [][]string) {
	others, notes, detail := 0, 0, ""
	for _, f := range all {
		text := seenBy(f) + safetext.Line(f.Detail)
		if every || f.telling() {
			rows = append(rows, []string{string(f.Check), "[" + f.Level + "]", text})
			continue
		}
		others++
		if f.Level == nonroot.Note.String() {
			notes++
		}
		if f.Check == verify.Users {
			what, _, _ := strings.Cut(safetext.Line(f.Detail), ": ") // of the control, without how it looks
			detail = seenBy(f) + what
		}
	}
	if others == 0 {
		return rows
	}
	count := english.Plural(others, "check", "")
	if len(rows) > 0 {
		count = english.Plural(others, "other", "")
	}
	if notes > 0 {
		detail = strings.TrimPrefix(detail+", "+english.Plural(notes, "note", ""), ", ")
	}
	return append(rows, []string{count, "[ok]", detail})
}

// telling reports whether a finding is to be read: it is not OK, there is something to do, or it is why there is little
// else.
func (f verifyFinding) telling() bool {
	switch f.Level {
	case nonroot.OK.String():
		return false
	case nonroot.Note.String():
		return f.Check == verify.State || f.remedy != ""
	}
	return true
}

// seenBy says how something was seen where that is not the best way there is.
func seenBy(f verifyFinding) string {
	switch f.By {
	case verify.ByStandIn:
		return "through a stand-in: "
	case verify.ByImageTool:
		return "by the image's own id: "
	case verify.ByConfiguration:
		return "by configuration: "
	case verify.ByHost, verify.ByEngine, verify.ByContainer, verify.ByService:
	}
	return ""
}

// The answer of "mage verify": a report in the words that this target has for levels.
type (
	verifyReport struct {
		Project string `json:"project"`
		// Result is fail where any check failed, else ok.
		Result   string          `json:"result"`
		Failures int             `json:"failures"`
		Warnings int             `json:"warnings"`
		Seconds  float64         `json:"seconds"`
		Services []verifyService `json:"services"`
		// Elsewhere are services of which only a proof is there.
		Elsewhere []verifyService `json:"elsewhere,omitempty"`
		Data      []verifyFinding `json:"data,omitempty"`
		Control   []verifyFinding `json:"control"`
	}
	verifyService struct {
		Service   string          `json:"service"`
		Container string          `json:"container,omitempty"`
		Node      string          `json:"node,omitempty"`
		Asked     string          `json:"asked,omitempty"`
		Checks    []verifyFinding `json:"checks"`
	}
	verifyFinding struct {
		Check  verify.Check `json:"check"`
		Level  string       `json:"result"`
		By     verify.Way   `json:"by,omitempty"`
		Detail string       `json:"detail"`
		remedy verify.Remedy
	}
)

func shownReport(r verify.Report) verifyReport {
	shown := verifyReport{
		Project: r.Project, Result: levelWord(r.Result), Failures: r.Failures, Warnings: r.Warnings, Seconds: r.Seconds,
		Services: []verifyService{}, Data: shownFindings(r.Data, ""), Control: append([]verifyFinding{}, shownFindings(r.Control, "")...),
	}
	for _, s := range r.Services {
		shown.Services = append(shown.Services, shownService(s))
	}
	for _, s := range r.Elsewhere {
		shown.Elsewhere = append(shown.Elsewhere, shownService(s))
	}
	return shown
}

func shownService(s verify.Service) verifyService {
	return verifyService{s.Service, s.Container, s.Node, s.Asked, shownFindings(s.Checks, s.Service)}
}

func shownFindings(all []verify.Finding, service string) []verifyFinding {
	var shown []verifyFinding
	for _, f := range all {
		detail := f.Detail
		switch f.Remedy {
		case verify.Create:
			detail += `; "mage up" makes it`
		case verify.Recreate:
			detail += `; "mage up" creates the container again`
		case verify.ResetRights:
			detail += `; "mage reset-permissions" puts that right`
		case verify.ReadLogs:
			detail += fmt.Sprintf(`; "mage logs -service=%s" may say why`, service)
		}
		shown = append(shown, verifyFinding{f.Check, levelWord(f.Level), f.By, detail, f.Remedy})
	}
	return shown
}

// levelWord is what this target calls a level.
func levelWord(l nonroot.Level) string {
	switch l {
	case nonroot.Warning:
		return "warn"
	case nonroot.Error:
		return "fail"
	case nonroot.OK, nonroot.Note:
	}
	return l.String()
}
