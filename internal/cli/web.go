package cli

import (
	"context"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/run"
)

// webFlags are the flags that are settings of the pages, "web" before the other one.
var webFlags = []struct{ name, setting string }{{"web", project.Web}, {"webUpload", project.WebUpload}}

// Pages are the flags of webFlags: on or off, or "" for as it is remembered.
type Pages struct {
	// Web is whether the pages are started, Upload whether songs can be put in with them.
	Web, Upload string
}

// withWeb is the target for a project whose pages are as the flags say. remember writes that to .env.local.
func (t Target) withWeb(flags Pages) (with Target, remember func(*project.Project), err error) {
	before, err := project.ReadSettings(t.Root, t.Environ)
	with = t
	with.Environ = slices.Clone(t.Environ)
	var wrote []project.Setting
	for i, value := range []string{flags.Web, flags.Upload} {
		switch flag := webFlags[i]; {
		case value == "":
		case !slices.Contains(project.WebValues, value):
			return t, nil, exit.Errorf(exit.Unusable, "-%s=%s: it must be on or off", flag.name, value)
		case err != nil:
			return t, nil, err
		default:
			with.Environ = append(with.Environ, flag.setting+"="+value)
			wrote = append(wrote, project.Setting{Name: flag.setting, Value: value})
		}
	}
	return with, func(p *project.Project) {
		for _, s := range wrote {
			t.rememberWeb(p, before.Get(s.Name), s.Value)
		}
	}, nil
}

// rememberWeb writes a setting to .env.local, unless it was the same before.
func (t Target) rememberWeb(p *project.Project, before project.Setting, value string) {
	switch {
	case before.Value == value:
	case before.Source == project.FromEnvironment:
		t.UI.Note("%s of the environment counts again next time", before.Name)
	default:
		if err := project.WriteLocal(p.Root, before.Name, value); err != nil {
			t.UI.Note("not remembered: %v", err)
			return
		}
		t.UI.Note("wrote %s=%s to %s", before.Name, value, project.LocalFile)
	}
}

// checkWeb refuses settings with which the pages cannot be served.
func checkWeb(p *project.Project, flags Pages) error {
	for i, value := range []string{flags.Web, flags.Upload} {
		if p.Web == "" && value != "" {
			return exit.Errorf(exit.Unusable, "-%s=%s: %w", webFlags[i].name, value, noPages(p))
		}
	}
	if p.Web == "" {
		return nil
	}
	for _, name := range []string{project.Web, project.WebUpload, project.WebAddress} {
		if err := p.Settings.CheckWeb(name); err != nil {
			return err
		}
	}
	return nil
}

func noPages(p *project.Project) error {
	return exit.Errorf(exit.Unusable, "project %s has no pages; fix: name the service that has them in the Compose file, \"x-im2: {web: SERVICE}\"", p.Name())
}

// portTaken says of an error of Compose that another program has the port of the pages; any other error stays as it is.
func portTaken(p *project.Project, err error) error {
	at, parseErr := url.Parse(p.WebURL())
	if err == nil || parseErr != nil || at.Host == "" || !strings.Contains(err.Error(), ":"+at.Port()) {
		return err
	}
	for _, text := range []string{"port is already allocated", "address already in use"} {
		if strings.Contains(err.Error(), text) {
			fix := exit.Fix{Note: "put WEB_ADDRESS=127.0.0.1:PORT with a free port into " + project.LocalFile + `, or leave the pages out: "mage up -web=off"`}
			return exit.Fixable(exit.Failed, fix, "starting %s: another program has %s, where its pages are to be", p.Name(), at.Host)
		}
	}
	return err
}

// showWeb prints where the pages are.
func (t Target) showWeb(p *project.Project) {
	if at := p.WebURL(); at != "" {
		t.UI.Result("")
		t.UI.Result("%s", at)
	}
}

// answersWithin is how long the pages may take to answer.
const answersWithin = 5 * time.Second

// Open opens the project's pages in a browser, and prints their address.
func (t Target) Open(ctx context.Context) error {
	p, err := t.project(ctx)
	if err != nil {
		return err
	}
	if err := checkWeb(p, Pages{}); err != nil {
		return err
	}
	at := p.WebURL()
	switch {
	case p.Web == "":
		return noPages(p)
	case p.WebOff():
		return exit.Fixable(exit.Failed, exit.Fix{Type: "mage up -web=on", Note: "starts them"}, "the pages of %s are off", p.Name())
	case at == "":
		return exit.Errorf(exit.Unusable, "the service %s publishes no port; fix: give it one in the Compose file", p.Web)
	}
	if err := answers(ctx, at); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return exit.Fixable(exit.Failed, exit.Fix{Type: "mage up", Note: "starts them"}, "the pages of %s do not answer: %w", p.Name(), err)
	}
	t.UI.Result("%s", at)
	name, args := browser(runtime.GOOS, t.Environ, at)
	if name == "" {
		return nil
	}
	err = t.Runner.Run(ctx, run.Cmd{Name: name, Args: args})
	if err != nil && ctx.Err() == nil { // The address is printed.
		t.UI.Note("no browser was opened: %v", err)
		return nil
	}
	return err
}

// answers asks for the pages, without a proxy.
func answers(ctx context.Context, at string) error {
	ctx, cancel := context.WithTimeout(ctx, answersWithin)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, at, nil)
	if err != nil {
		return err
	}
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		return err
	}
	return response.Body.Close()
}

// browser is the command that opens an address; "" where there is no desktop.
func browser(system string, environ []string, at string) (name string, args []string) {
	switch system {
	case "darwin":
		return "open", []string{at}
	case "windows":
		return "rundll32", []string{"url.dll,FileProtocolHandler", at}
	}
	if run.Getenv(environ, "DISPLAY") == "" && run.Getenv(environ, "WAYLAND_DISPLAY") == "" {
		return "", nil
	}
	return "xdg-open", []string{at}
}
