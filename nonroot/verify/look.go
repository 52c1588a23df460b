package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/im2-audio/im2/internal/helper/probe"
	"github.com/im2-audio/im2/nonroot"
)

const (
	// looks is how often a container is looked at that restarts meanwhile.
	looksAtMost = 3
	// again is the time between two of them.
	again = 700 * time.Millisecond
)

// look is one container of a service: what was seen and what that is worth.
type look struct {
	container container
	seen      seen
	files     imageFiles
	want      want
	// steady says that it ran all the time that it was looked at.
	steady bool
	// unsteady says what happened to it meanwhile.
	unsteady string
	// mounts are those by which it reaches the data folder.
	mounts  []dataMount
	service Service
}

// look looks at a container, again where it was restarted or made anew meanwhile. The error is
// that of an engine that is gone.
func (p *prover) look(ctx context.Context, c container) (look, error) {
	for tries := 1; ; tries++ {
		if c.id == "" {
			return look{container: c}, nil
		}
		l, err := p.lookOnce(ctx, c.id, "")
		l.container = c
		if err != nil || l.unsteady == "" {
			return l, err
		}
		if tries == looksAtMost {
			l.unsteady += fmt.Sprintf(", the last of %d times", tries)
			return l, nil
		}
		if err := pause(ctx, again); err != nil {
			return l, err
		}
		if c, err = p.refresh(ctx, c); err != nil {
			return l, err
		}
	}
}

func pause(ctx context.Context, long time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(long):
		return nil
	}
}

// refresh finds the container that has the place of another one now.
func (p *prover) refresh(ctx context.Context, c container) (container, error) {
	all, err := p.containers(ctx)
	for _, other := range all {
		if other.service == c.service && other.number == c.number {
			return other, err
		}
	}
	return c, err
}

// running and restarting are states of a container.
const (
	running    = "running"
	restarting = "restarting"
)

// lookOnce looks at a container from its inspection to a second one, which tells whether all
// that was seen in between was of one run. placed is our program's path where it is in the
// container already.
func (p *prover) lookOnce(ctx context.Context, id, placed string) (look, error) {
	var l look
	before, there, err := p.inspect(ctx, id)
	if err != nil || !there {
		l.unsteady = "it went away while it was looked at"
		return l, err
	}
	l.seen.inspected, l.seen.probe = before, placed
	l.mounts = dataMounts(p.data, before.Mounts, p.surroundings().devices)
	switch before.State.Status {
	case restarting:
		l.unsteady = fmt.Sprintf("it was restarting, after exit code %d", before.State.ExitCode)
		return l, nil
	case running:
	default:
		return l, nil
	}
	if err := p.see(ctx, &l); err != nil {
		return l, err
	}
	// One that the engine had to start again may live for just as long as this took.
	if before.RestartCount > 0 {
		if err := pause(ctx, again); err != nil {
			return l, err
		}
	}
	after, there, err := p.inspect(ctx, id)
	if err == nil {
		l.steady, l.unsteady = verdict(before, after, there)
	}
	return l, err
}

// verdict says whether two inspections frame one run of a container, or what happened to it.
func verdict(before, after inspected, there bool) (steady bool, unsteady string) {
	switch {
	case !there:
		return false, "it went away while it was looked at"
	case after.State.Status != running:
		return false, fmt.Sprintf("it ended with exit code %d while it was looked at", after.State.ExitCode)
	case !before.sameRun(after):
		return false, "it restarted while it was looked at"
	}
	return true, ""
}

func (p *prover) inspect(ctx context.Context, id string) (inspected, bool, error) {
	all, err := p.describe(ctx, []string{id})
	if err != nil || len(all) == 0 {
		return inspected{}, false, err
	}
	for i, m := range all[0].Mounts {
		if resolved, err := filepath.EvalSymlinks(m.Source); err == nil { // as the engine follows them
			all[0].Mounts[i].Resolved = resolved
		}
	}
	return inspected{all[0]}, true, nil
}

// see looks at a container's processes and from inside. What fails because the container is
// gone shows in the second inspection.
func (p *prover) see(ctx context.Context, l *look) error {
	p.probe(ctx, l)
	if l.seen.sight == nil {
		if text, err := p.output(ctx, "exec", l.seen.inspected.ID, "id", "-u"); err == nil {
			l.seen.imageUID = text
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	rows, err := p.processes(ctx, l.seen.inspected.ID)
	var failed *CommandError
	switch {
	case errors.As(err, &failed):
		l.seen.by, l.seen.only = ByEngine, said(err) // usually the container's end
		return ctx.Err()
	case err != nil:
		return err
	}
	p.seeProcesses(&l.seen, rows)
	return ctx.Err()
}

// seeProcesses finds out what can be known of the processes that the engine lists.
func (p *prover) seeProcesses(s *seen, rows [][]string) {
	var why string
	if s.processes, s.uidMap, s.gidMap, why = p.fromHost(s.inspected.ID, rows); why == "" {
		s.by = ByHost
		return
	}
	if s.sight != nil && s.inspected.ownProcesses() {
		if s.processes = fromInside(*s.sight); len(s.processes) > 0 {
			s.by = ByContainer
			return
		}
	}
	s.by, s.only = ByEngine, why
	s.processes = fromEngine(rows, p.remapped())
}

// fromHost reads what this machine's kernel knows of the processes. why says why that is not
// to be had: the processes of an engine on another machine, or of a virtual one, are not here,
// and others have their numbers.
func (p *prover) fromHost(id string, rows [][]string) (all []process, uid, gid idMap, why string) {
	for _, row := range rows {
		folder := filepath.Join(p.Proc, row[0])
		texts, err := readAll(folder, "cgroup", "uid_map", "gid_map")
		var threads []string
		if err == nil {
			threads, err = probe.Threads(folder)
		}
		if ended(err) || err == nil && !slices.ContainsFunc(threads, alive) {
			continue // such as a health check
		}
		if err != nil {
			return nil, nil, nil, "reading the engine's processes: " + err.Error()
		}
		if !strings.Contains(texts[0], id) {
			return nil, nil, nil, "the engine's processes are not in this machine's " + p.Proc
		}
		if uid == nil { // those of the first, which is the container's own
			uid, gid = parseMap(texts[1]), parseMap(texts[2])
		}
		one, err := parseThreads(threads, uid.insideOf, gid.insideOf)
		if err != nil {
			return nil, nil, nil, err.Error()
		}
		all = append(all, one...)
	}
	if len(all) == 0 {
		return nil, nil, nil, "this machine's " + p.Proc + " has none of the processes that the engine lists"
	}
	return all, uid, gid, ""
}

// readAll reads files of one folder.
func readAll(folder string, names ...string) ([]string, error) {
	var texts []string
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(folder, name)) //nolint:gosec // the kernel's
		if err != nil {
			return nil, err
		}
		texts = append(texts, string(text))
	}
	return texts, nil
}

// ended reports whether the reason for an error is that a process is not there any more.
func ended(err error) bool {
	return errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH)
}

// fromInside reads what our program saw in the container, in the container's own IDs. Its
// own helpers are not among it: it is one process.
func fromInside(sight probe.Sight) []process {
	var all []process
	for _, threads := range sight.Others {
		if one, err := parseThreads(threads, nil, nil); err == nil {
			all = append(all, one...)
		}
	}
	return all
}

// fromEngine takes the engine's word for users and groups. With userns-remap these are the
// machine's IDs, and nothing here tells which they are inside, but that of root is known to be
// another one.
func fromEngine(rows [][]string, remapped bool) []process {
	var all []process
	for _, row := range rows {
		uid, gid := numeric(row[1:2]), numeric(row[2:3])
		if remapped && !slices.Contains(uid, 0) {
			uid, gid = nil, nil
		}
		all = append(all, process{pid: row[0], uids: uid, gids: gid, newPrivs: -1, seccomp: -1})
	}
	return all
}

// probe brings our program into a running container and looks around with it. Where that
// cannot be done, seen.blind says why.
func (p *prover) probe(ctx context.Context, l *look) {
	id := l.seen.inspected.ID
	if l.seen.probe == "" {
		folder, ok := p.place(l)
		if !ok {
			l.seen.blind = "it has no data folder to put a program of ours into, and a read-only root"
			return
		}
		name := p.name("probe-" + id[:12])
		if err := p.deliver(ctx, id, folder, name); err != nil {
			l.seen.blind = "our program could not be brought into it: " + said(err)
			return
		}
		l.seen.probe = path.Join(folder, name)
	}
	text, err := p.output(ctx, append([]string{"exec", id, l.seen.probe, "look", p.name("write")}, systemFolders()...)...)
	if err != nil {
		l.seen.blind = "our program could not be run in it: " + said(err)
		return
	}
	sight := new(probe.Sight)
	if err := json.Unmarshal([]byte(text), sight); err != nil {
		l.seen.blind = "our program's answer could not be read: " + err.Error()
		return
	}
	l.seen.sight = sight
}

// place is a folder of the container into which the engine can put a file: the data folder, or
// the root where it is not read-only.
func (p *prover) place(l *look) (string, bool) {
	for _, m := range l.mounts {
		if m.writable {
			return m.inside, true
		}
	}
	return "/", !l.seen.inspected.HostConfig.ReadonlyRootfs
}

// deliver puts our program into a container. The engine does it, so that this user need not be
// allowed to write there, and it works where the engine is on another machine.
func (p *prover) deliver(ctx context.Context, id, folder, name string) error {
	text, err := os.ReadFile(p.Program)
	if err != nil {
		return err
	}
	archive, err := pack(name, text)
	if err != nil {
		return err
	}
	return p.docker.Docker(ctx, archive, nil, "cp", "-", id+":"+folder)
}

// judge says what was seen is worth.
func (l *look) judge(p *prover, around surroundings) {
	i := l.seen.inspected
	l.service = Service{Service: l.container.service, Container: l.container.name}
	l.want = p.wants(l.container.service, i.Config.User, i.HostConfig.GroupAdd, l.files)
	l.want.data = slices.ContainsFunc(l.mounts, func(m dataMount) bool { return m.writable })
	add := func(all ...Finding) { l.service.Checks = append(l.service.Checks, all...) }
	switch {
	case l.steady:
		l.service.Asked = l.want.asked
		add(found(State, nonroot.OK, ByEngine, "runs, and did all the time"))
		add(judge(l.want, l.seen, around, l.files)...)
	case l.container.id == "":
		add(judgeMissing(p.project, l.container.service))
	case l.unsteady != "":
		add(found(State, nonroot.Error, ByEngine, "%s", l.unsteady))
	default:
		add(judgeStopped(*l))
		add(judgeConfiguration(l.want, i, around)...)
	}
}

// judgeStopped judges a container that does not run.
func judgeStopped(l look) Finding {
	switch s := l.seen.inspected.State; {
	case s.Status == "exited" && s.ExitCode == 0: // such as one that prepares something
		return found(State, nonroot.Note, ByEngine, "it has ended with exit code 0; what its processes were cannot be seen any more")
	case s.Status == "exited":
		return found(State, nonroot.Error, ByEngine, "it has ended with exit code %d", s.ExitCode).remedy(ReadLogs)
	default:
		return found(State, nonroot.Error, ByEngine, "it does not run, it is %s", s.Status)
	}
}

// judgeMissing judges a service that has no container.
func judgeMissing(p *types.Project, service string) Finding {
	s := p.Services[service]
	if s.Provider != nil || s.GetScale() == 0 {
		return found(State, nonroot.Note, ByEngine, "the Compose file asks for no container of it")
	}
	return found(State, nonroot.Error, ByEngine, "there is no container").remedy(Create)
}
