package doctor

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/im2-audio/im2/internal/docker/tools"
	"github.com/im2-audio/im2/internal/machine/doctor/probe"
	"github.com/im2-audio/im2/ownership"
)

// importWithin is how long after an interrupt the engine may take for the program's image.
const importWithin = 2 * time.Second

// checkProbe compiles the program for containers and imports it into the engine, which needs neither a registry
// nor a base image.
func checkProbe(ctx context.Context, d *Doctor, f *facts) answer {
	kit := tools.Kit{Home: d.Home, Runner: d.Runner, UI: d.UI}
	path, err := kit.BuildOwn(ctx, tools.Helper, "linux", f.engine.Server.GoArch())
	if err != nil {
		return failed("go build "+tools.Helper.Package, "%s", said(err))
	}
	program, err := os.ReadFile(path)
	if err != nil {
		return failed("mage clean -tools", "%s", cause(err))
	}
	d.makes.Store(true)
	taken, cancel := lasting(ctx, importWithin)
	defer cancel()
	own := tools.Image{Program: "/" + probe.Name, Label: label + "=" + d.run, Message: "used by mage doctor"}
	if err := own.Import(taken, f.engine, d.image(), program); err != nil {
		return failed("docker system df", "the engine takes no image: %s", said(err))
	}
	return ok("%s, for linux/%s, without a registry", size(int64(len(program))), f.engine.Server.GoArch()).
		learning(func(f *facts) { f.program = program })
}

func appUser(f *facts) ownership.Owner {
	if f.project == nil {
		return ownership.Owner{UID: 1000, GID: 1000}
	}
	return f.project.Settings.AppUser
}

func (d *Doctor) start(what, user string, more ...string) []string {
	return append([]string{
		"run", "--rm", "--name", d.container(what), "--label", label + "=" + d.run, "--pull=never", "--network=none",
		"--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--log-driver=none", "--pids-limit=64",
		"--user", user,
	}, more...)
}

func checkContainer(ctx context.Context, d *Doctor, f *facts) answer {
	user := appUser(f)
	before := time.Now()
	out, err := f.engine.Output(ctx, f.engine.Command(d.start("look", user.String(), d.image(), "look")...))
	after := time.Now()
	if err != nil {
		fix := "docker info"
		if f.engine.Server.Remapped() != "" && strings.Contains(said(err), "id") { // setuid, setgid, uid, gid
			fix = "choose smaller IDs, or map more in /etc/subuid and /etc/subgid"
		}
		return failed(fix, "a container of %s does not run: %s", user, said(err))
	}
	sight, err := probe.Hear(out)
	if err != nil {
		return failed("docker info", "%s", cause(err))
	}
	if sight.User != user {
		return failed("docker info", "a container that was to run as %s ran as %s", user, sight.User)
	}
	return ok("ran as %s, without network and capabilities, in %.1f s", user, after.Sub(before).Seconds()).
		learning(func(f *facts) { f.sight, f.inner = &sight, offsetOf(sight.Now, before, after) })
}

// clockOff and clockWrong are from when on clocks that differ are worth a word, and from when
// on things fail by it: package archives and certificates are not valid yet, or no more.
const (
	clockOff   = 2 * time.Second
	clockWrong = time.Minute
)

func checkClock(_ context.Context, _ *Doctor, f *facts) answer {
	fixClock := hungEngine
	if runtime.GOOS == "linux" {
		fixClock = "sudo timedatectl set-ntp true"
	}
	clocks := []clock{{"the engine", f.clock, fixClock}, {"containers", f.inner, fixClock}}
	if f.handed != nil {
		clocks = append(clocks, clock{"files of this machine", f.handed.mine, fixFiles}, clock{"files of containers", f.handed.theirs, fixFiles})
	} else if f.project != nil {
		clocks = append(clocks, clock{"files of this machine", ownFile(f), fixFiles})
	}
	return assessClocks(clocks)
}

const fixFiles = "set the clock of the file server"

func ownFile(f *facts) *offset {
	own, err := newScratch(f.project)
	if err != nil {
		return nil
	}
	defer own.remove()
	mine, err := own.writeOwn()
	if err != nil {
		return nil
	}
	return mine.off
}

// clock is one other clock; off is nil where it could not be asked.
type clock struct {
	whose string
	off   *offset
	fix   string
}

func assessClocks(clocks []clock) answer {
	worst := ok("")
	var agree, unknown []string
	for _, c := range clocks {
		switch {
		case c.off == nil:
			unknown = append(unknown, c.whose)
		case c.off.by.Abs() < clockOff:
			agree = append(agree, c.whose)
		case c.off.by.Abs() < clockWrong && worst.level == OK:
			worst = warned(c.fix, "%s", c.off.text(c.whose))
		case c.off.by.Abs() >= clockWrong && worst.level != Fail:
			worst = failed(c.fix, "%s", c.off.text(c.whose))
		}
	}
	if worst.level != OK {
		return worst
	}
	if len(agree) == 0 {
		return ok("nothing to compare with could be asked")
	}
	text := fmt.Sprintf("within %s of this machine's: %s", clockOff, strings.Join(agree, ", "))
	if len(unknown) > 0 {
		text += "; not asked: " + strings.Join(unknown, ", ")
	}
	return ok("%s", text)
}

func (o *offset) text(whose string) string {
	way := "ahead of"
	if o.by < 0 {
		way = "behind"
	}
	return fmt.Sprintf("%s: %s %s this machine's clock", whose, o.by.Abs().Round(time.Second), way)
}
