package doctor

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/run"
)

// hungEngine fixes an engine that does not answer.
var hungEngine = cmp.Or(engine.Restart.Type, engine.Restart.Note)

func checkEngine(ctx context.Context, d *Doctor, f *facts) answer {
	before := time.Now()
	e, err := engine.Look(ctx, d.options(f))
	after := time.Now()
	if err != nil {
		_, fix := exit.Split(err)
		return failed(cmp.Or(fix.Type, fix.Note, hungEngine), "%s", cause(err))
	}
	s := e.Server
	about := []string{"Docker Engine " + s.Version, s.OperatingSystem, s.OSType + "/" + s.GoArch()}
	if e.Context != "" && e.Context != "default" {
		about = append(about, "context "+e.Context)
	}
	if s.Remapped() != "" {
		about = append(about, s.Remapped())
	}
	if e.Remote() {
		about = append(about, "on another machine")
	}
	text := strings.Join(slices.DeleteFunc(about, func(s string) bool { return s == "" }), ", ")
	if err := e.Judge(); err != nil {
		why, fix := exit.Split(err)
		return failed(cmp.Or(fix.Type, fix.Note), "%s", why)
	}
	if s.OSType != "linux" {
		return failed("switch Docker to Linux containers", "%s; its containers are not Linux's", text)
	}
	return ok("%s", text).learning(func(f *facts) {
		f.engine = e
		if theirs, err := time.Parse(time.RFC3339Nano, s.SystemTime); err == nil {
			f.clock = offsetOf(theirs, before, after)
		}
	})
}

func checkCompose(ctx context.Context, _ *Doctor, f *facts) answer {
	if a, fine := plugin("Docker Compose", f.engine.Compose, engine.MinCompose); !fine || f.project == nil {
		return a
	}
	out, err := f.engine.Output(ctx, f.engine.ComposeCommand(f.project.Root, "config", "--services"))
	if err != nil {
		return failed("docker compose config", "%s does not read the Compose file: %s", f.engine.Compose.Version, said(err))
	}
	theirs := strings.Fields(string(out))
	slices.Sort(theirs)
	if ours := f.project.Services(); !slices.Equal(ours, theirs) {
		return failed("docker compose config --services", "%s reads the services %s, the targets %s",
			f.engine.Compose.Version, strings.Join(theirs, ", "), strings.Join(ours, ", "))
	}
	return ok("%s, reads the Compose file as the targets do", f.engine.Compose.Version)
}

func checkBuildx(ctx context.Context, d *Doctor, f *facts) answer {
	if a, fine := plugin("Docker Buildx", f.engine.Buildx, engine.MinBuildx); !fine {
		return a
	}
	out, err := f.engine.Output(ctx, f.engine.BuildxCommand(d.Root, "inspect"))
	if err != nil {
		return failed("docker buildx use default", "%s, but its builder does not answer: %s", f.engine.Buildx.Version, said(err))
	}
	name, driver := field(out, "Name:"), field(out, "Driver:")
	return ok("%s, builder %s (driver %s)", f.engine.Buildx.Version, name, driver).learning(func(f *facts) { f.driver = driver })
}

func plugin(name string, p engine.Plugin, least string) (a answer, fine bool) {
	switch {
	case p.Version == "":
		return failed(fixSetup, "%s is missing; needed: %s", name, least), false
	case !engine.AtLeast(p.Version, least):
		return failed(fixSetup, "%s is too old; needed: %s", p.Version, least), false
	}
	return ok("%s", p.Version), true
}

func field(text []byte, name string) string {
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		if value, found := strings.CutPrefix(lines.Text(), name); found {
			return strings.TrimSpace(value)
		}
	}
	return "?"
}

func said(err error) string {
	var bad *run.Error
	if errors.As(err, &bad) && bad.Stderr != "" {
		text, _, _ := strings.Cut(oneLine(bad.Stderr), " Run 'docker ") // how to ask it for help
		return strings.TrimPrefix(text, "docker: ")
	}
	return cause(err)
}
