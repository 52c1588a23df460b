package doctor

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/machine/doctor/probe"
	"github.com/im2-audio/im2/internal/permissions/message"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/ownership"
)

// handed is what came of a folder that this machine and a container both wrote into.
type handed struct {
	sight probe.Sight
	// own is the file that this machine made, and made the container's, as they are seen here.
	own, made probe.File
	// mine and theirs are how far their times are from this clock.
	mine, theirs *offset
}

// scratchPattern names folders that are made for a mount. Services take nothing that begins
// with a dot.
const scratchPattern = ".im2-doctor-*"

// staleAfter is when such a folder is a killed run's.
const staleAfter = time.Hour

// scratch creates an empty folder in the data folder, whose file system matters, or else in the project's.
// Everybody may write into it: the test is who owns a file, not who may write.
func scratch(p *project.Project) (string, error) {
	var first error
	for _, parent := range []string{p.Data, p.Root} {
		if parent == "" {
			continue
		}
		resolved, err := filepath.EvalSymlinks(parent)
		if err == nil {
			dropStale(resolved)
			var dir string
			if dir, err = os.MkdirTemp(resolved, scratchPattern); err == nil {
				return dir, os.Chmod(dir, 0o777)
			}
		}
		if first == nil {
			first = err
		}
	}
	return "", first
}

func dropStale(parent string) {
	old, err := filepath.Glob(filepath.Join(parent, scratchPattern))
	if err != nil {
		return // only a bad pattern
	}
	for _, path := range old {
		if info, err := os.Lstat(path); err == nil && info.IsDir() && time.Since(info.ModTime()) > staleAfter {
			_ = os.RemoveAll(path) // of another user: not ours to remove
		}
	}
}

// ownMade is a file that this machine made.
type ownMade struct {
	file probe.File
	off  *offset
}

func writeOwn(dir string) (ownMade, error) {
	path := filepath.Join(dir, probe.FromHost)
	before := time.Now()
	if err := os.WriteFile(path, []byte("made by mage doctor\n"), 0o644); err != nil {
		return ownMade{}, err
	}
	after := time.Now()
	file, err := probe.Of(path)
	if err != nil {
		return ownMade{}, err
	}
	return ownMade{*file, offsetOf(file.Modified, before, after)}, nil
}

func checkMounts(ctx context.Context, d *Doctor, f *facts) answer {
	dir, err := scratch(f.project)
	if err != nil {
		return warned(fixPermissions, "not tried, no folder could be created: %s", cause(err))
	}
	defer os.RemoveAll(dir) //nolint:errcheck // the next run removes what stays
	h, err := d.handOver(ctx, f, dir)
	if err != nil {
		if f.engine.Remote() {
			return failed("run mage where the engine is", "the engine is on another machine and does not see this folder: %s", said(err))
		}
		fix := "docker info"
		if text := said(err); strings.Contains(text, "ounts denied") || strings.Contains(text, "not shared") { // Docker Desktop
			fix = "share " + filepath.Dir(dir) + " in Docker Desktop: Settings, Resources, File sharing"
		}
		return failed(fix, "a container cannot use a folder of the project: %s", said(err))
	}
	return judgeHanded(h, appUser(f), f.engine.Server, filepath.Dir(dir)).learning(func(f *facts) { f.handed = &h })
}

// handOver runs a container that makes a file in dir, and keeps it until this machine has seen the file.
func (d *Doctor) handOver(ctx context.Context, f *facts, dir string) (handed, error) {
	own, err := writeOwn(dir)
	if err != nil {
		return handed{}, err
	}
	stdin, done, err := os.Pipe() // a file, so that nobody waits for input that never comes
	if err != nil {
		return handed{}, err
	}
	defer stdin.Close() //nolint:errcheck // only read, by the container
	defer done.Close()  //nolint:errcheck // closed before, or nobody listens any more
	h := handed{own: own.file, mine: own.off}
	before := time.Now()
	heard := errSilent
	line := &firstLine{hear: func(text []byte) {
		heard = h.hear(text, dir, before)
		_ = done.Close() // it may go
	}}
	c := f.engine.Command(d.start("mount", appUser(f).String(), "--interactive", "--mount", mountArgument(dir), d.image(), "look", "/mnt")...)
	c.Stdin, c.Stdout = stdin, line
	if err := f.engine.Run(ctx, c); err != nil {
		return handed{}, err
	}
	return h, heard
}

var errSilent = errors.New("the container said nothing")

func (h *handed) hear(text []byte, dir string, before time.Time) error {
	var err error
	if h.sight, err = probe.Hear(text); err != nil || h.sight.Made == nil {
		return err
	}
	made, err := probe.Of(filepath.Join(dir, probe.FromContainer))
	if err != nil {
		return fmt.Errorf("what the container made is not there for this machine: %w", err)
	}
	h.made, h.theirs = *made, offsetOf(made.Modified, before, time.Now())
	return nil
}

// mountArgument returns the value of --mount, which fails if the engine does not see the folder; --volume would
// create an empty one.
func mountArgument(dir string) string {
	var text bytes.Buffer
	w := csv.NewWriter(&text)
	_ = w.Write([]string{"type=bind", "source=" + dir, "target=/mnt"}) // a buffer takes everything
	w.Flush()
	return strings.TrimSuffix(text.String(), "\n")
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
	l.text = append(l.text, p...)
	if i := bytes.IndexByte(l.text, '\n'); i >= 0 {
		l.over = true
		l.hear(l.text[:i])
	}
	return len(p), nil
}

func judgeHanded(h handed, asked ownership.Owner, server engine.Server, where string) answer {
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
