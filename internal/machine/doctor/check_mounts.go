package doctor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/machine/doctor/probe"
	"github.com/im2-audio/im2/internal/permissions/message"
	"github.com/im2-audio/im2/internal/run"
	"github.com/im2-audio/im2/ownership"
)

// handed is the result of the test in which this machine and a container write into one folder.
type handed struct {
	sight probe.Sight
	// own is the file that this machine made, and made the container's, as they are seen here.
	own, made probe.File
	// mine and theirs are how far their times are from this clock.
	mine, theirs *offset
}

func checkMounts(ctx context.Context, d *Doctor, f *facts) answer {
	shared, err := newScratch(f.project)
	if err != nil {
		return warned(fixPermissions, "not tried, no folder could be created: %s", cause(err))
	}
	defer shared.remove()
	h, err := d.handOver(ctx, f, shared)
	if err != nil {
		if f.engine.Remote() {
			return failed("run mage where the engine is", "the engine is on another machine and does not see this folder: %s", said(err))
		}
		fix := "docker info"
		if text := said(err); strings.Contains(text, "ounts denied") || strings.Contains(text, "not shared") { // Docker Desktop
			fix = "share " + shared.where + " in Docker Desktop: Settings, Resources, File sharing"
		}
		return failed(fix, "a container cannot use a folder of the project: %s", said(err))
	}
	return assessHanded(h, appUser(f), f.engine.Server, shared.where).learning(func(f *facts) { f.handed = &h })
}

// handOver runs a container that makes a file in the folder, and keeps it until this machine has seen the file.
func (d *Doctor) handOver(ctx context.Context, f *facts, shared *scratch) (handed, error) {
	own, err := shared.writeOwn()
	if err != nil {
		return handed{}, err
	}
	stdin, done, err := os.Pipe() // a file, so that nobody waits for input that never comes
	if err != nil {
		return handed{}, err
	}
	defer func() { _ = stdin.Close() }() // only read, by the container
	defer func() { _ = done.Close() }()  // closed before, or nobody listens any more
	h := handed{own: own.file, mine: own.off}
	before := time.Now()
	heard := errSilent
	line := &firstLine{hear: func(text []byte) {
		heard = h.hear(text, shared, before)
		_ = done.Close() // it may go
	}}
	c := f.engine.Command(d.start("mount", appUser(f).String(), "--interactive", "--mount", engine.BindMount(shared.mount, mountedAt), d.image(), "look", shared.inside)...)
	c.Stdin, c.Stdout = stdin, line
	if err := f.engine.Run(ctx, c); err != nil {
		return handed{}, err
	}
	return h, heard
}

var errSilent = errors.New("the container printed nothing")

func (h *handed) hear(text []byte, shared *scratch, before time.Time) error {
	var err error
	if h.sight, err = probe.Hear(text); err != nil || h.sight.Made == nil {
		return err
	}
	made, err := shared.look(probe.FromContainer)
	if err != nil {
		return fmt.Errorf("what the container made is not there for this machine: %w", err)
	}
	h.made, h.theirs = *made, offsetOf(made.Modified, before, time.Now())
	return nil
}

// firstLine hears the first line that is written to it.
type firstLine struct {
	hear func([]byte)
	text []byte
	over bool
}

func (l *firstLine) Write(p []byte) (int, error) {
	if l.over {
		return len(p), nil
	}
	if len(l.text)+len(p) > run.MaxOutput {
		return 0, &run.TooMuchError{Limit: run.MaxOutput}
	}
	l.text = append(l.text, p...)
	if i := bytes.IndexByte(l.text, '\n'); i >= 0 {
		l.over = true
		l.hear(l.text[:i])
	}
	return len(p), nil
}

func assessHanded(h handed, asked ownership.Owner, server engine.Server, where string) answer {
	if h.sight.Made == nil {
		if selinux() {
			return failed("sudo chcon -Rt container_file_t "+where, "SELinux keeps containers out of %s: %s", where, oneLine(h.sight.Denied))
		}
		return failed("move the project to another file system", "a container may not write into a folder that is open for everybody: %s", oneLine(h.sight.Denied))
	}
	here := h.made.Owner
	mapped, known := mappedOwner(h.sight, asked)
	a := ok("a file of %s in containers belongs to %s here", asked, here)
	switch remapped := server.Remapped(); {
	case here == asked && mapped == asked:
	case server.Desktop() || runtime.GOOS != "linux":
		a.detail += ": the engine's virtual machine shows every file as its user's own"
	case remapped != "" && known && here == mapped:
		a.detail += fmt.Sprintf(": the engine is %s (%s)", remapped, mapText(h.sight))
	case here != asked && here != mapped:
		return failed("move the project to a file system with owners", "%s, not to %s: the file system has its own owners", a.detail, mapped)
	}
	if host := h.sight.Host; host != nil && host.Owner != h.own.Owner {
		a.more = append(a.more, fmt.Sprintf("a file of %s here belongs to %s in containers", h.own.Owner, host.Owner))
	}
	return a
}

func mappedOwner(s probe.Sight, o ownership.Owner) (ownership.Owner, bool) {
	return message.IDMaps{UID: s.UIDMap, GID: s.GIDMap}.Outside(o)
}

func mapText(s probe.Sight) string {
	var rows []string
	for line := range strings.Lines(s.UIDMap) {
		var inner, outer, count uint64
		if _, err := fmt.Sscan(line, &inner, &outer, &count); err == nil {
			rows = append(rows, fmt.Sprintf("%d-%d are %d-%d", inner, inner+count-1, outer, outer+count-1))
		}
	}
	return "UIDs " + strings.Join(rows, ", ")
}

func selinux() bool {
	text, err := os.ReadFile("/sys/fs/selinux/enforce")
	return err == nil && strings.TrimSpace(string(text)) == "1"
}
