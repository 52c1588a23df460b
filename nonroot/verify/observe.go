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

	"github.com/im2-audio/im2/internal/helper/probe"
	"github.com/im2-audio/im2/nonroot"
)

const (
	// maxTries is how often a container is observed that restarts meanwhile.
	maxTries = 3
	// again is the time between two tries.
	again = 700 * time.Millisecond
)

// observation is all that was seen of one container.
type observation struct {
	container container
	inspected inspected
	// steady says that it ran all the time, unsteady what happened to it otherwise.
	steady   bool
	unsteady string
	// mounts are those by which it reaches the data folder.
	mounts []dataMount
	files  imageFiles
	// processes are those that were seen, and by is how: ByHost and ByContainer with all that
	// the kernel knows of them, ByEngine with user and group alone.
	processes []process
	by        Way
	// only says why nothing better than the engine's word was to be had.
	only string
	// sight is what was seen inside; nil where our program could not run there, and blind says why.
	sight *probe.Sight
	blind string
	// probe is our program's path in the container; "" where it is not.
	probe string
	// imageUID is what the image's own "id -u" said; "" where there is none.
	imageUID string
	// maps are the user namespace's, as this machine has them; nil where they are not known.
	uidMap, gidMap idMap
}

// observe observes a container, again where it was restarted or replaced meanwhile. The error is
// that of an engine that is gone.
func (p *prover) observe(ctx context.Context, c container) (observation, error) {
	for tries := 1; ; tries++ {
		if c.id == "" {
			return observation{container: c}, nil
		}
		o, err := p.observeOnce(ctx, c, "")
		if err != nil || o.unsteady == "" {
			return o, err
		}
		if tries == maxTries {
			o.unsteady += fmt.Sprintf(", the last of %d times", tries)
			return o, nil
		}
		if err := pause(ctx, again); err != nil {
			return o, err
		}
		if c.guest() {
			continue
		}
		all, err := p.containers(ctx)
		if err != nil {
			return o, err
		}
		if i := slices.IndexFunc(all, func(other container) bool {
			return other.service == c.service && other.number == c.number && !other.oneOff
		}); i >= 0 {
			c = all[i]
		}
	}
}

// over reports whether a container has ended on which the project does not count.
func (o observation) over() bool {
	return o.container.guest() && slices.Contains([]string{"", "created", "exited", "dead", "removing"}, o.inspected.State.Status)
}

func pause(ctx context.Context, long time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(long):
		return nil
	}
}

// observeOnce observes a container from its inspection to a second one, which tells whether all
// that was seen in between was of one run. placed is our program's path where it is in the
// container already.
func (p *prover) observeOnce(ctx context.Context, c container, placed string) (observation, error) {
	const gone = "it went away while it was looked at"
	before, there, err := p.inspect(ctx, c.id)
	if err != nil || !there {
		return observation{container: c, unsteady: gone}, err
	}
	o := observation{container: c, inspected: before, probe: placed, mounts: dataMounts(p.data, before.Mounts, p.around.devices)}
	switch before.State.Status {
	case "restarting":
		o.unsteady = fmt.Sprintf("it was restarting, after exit code %d", before.State.ExitCode)
		return o, nil
	case "running":
	default:
		return o, nil
	}
	if err := p.look(ctx, &o); err != nil {
		return o, err
	}
	// One that the engine had to start again may live for just as long as this took.
	if before.RestartCount > 0 {
		if err := pause(ctx, again); err != nil {
			return o, err
		}
	}
	after, there, err := p.inspect(ctx, c.id)
	switch {
	case err != nil:
	case !there:
		o.unsteady, o.inspected.State = gone, after.State
	case after.State.Status != "running":
		o.inspected.State = after.State
		o.unsteady = fmt.Sprintf("it ended with exit code %d while it was looked at", after.State.ExitCode)
	case !before.sameRun(after):
		o.unsteady = "it restarted while it was looked at"
	default:
		o.steady = true
	}
	return o, err
}

func (p *prover) inspect(ctx context.Context, id string) (inspected, bool, error) {
	all, err := p.describe(ctx, []string{id})
	if err != nil || len(all) == 0 {
		return inspected{}, false, err
	}
	return inspected{all[0]}, true, nil
}

// look reads a container's processes, from outside and inside. What fails because the container is
// gone shows in the second inspection.
//
// A process that the runtime is starting, such as a health check, is root's and has capabilities until it runs
// the container's program. So it is looked at again until it does or is gone. Its name alone excuses nothing: what
// still looks like that after p.starts is taken for what it is.
func (p *prover) look(ctx context.Context, o *observation) error {
	for began := time.Now(); ; {
		if err := p.lookOnce(ctx, o); err != nil {
			return err
		}
		if !slices.ContainsFunc(o.processes, process.starting) || time.Since(began) > p.starts {
			return nil
		}
		o.processes, o.only, o.blind, o.sight = nil, "", "", nil
		if err := pause(ctx, again/5); err != nil {
			return err
		}
	}
}

func (p *prover) lookOnce(ctx context.Context, o *observation) error {
	if !o.container.foreign { // Nothing is put into those.
		p.probe(ctx, o)
	}
	if o.sight == nil && !o.container.foreign {
		if text, err := p.output(ctx, "exec", o.inspected.ID, "id", "-u"); err == nil {
			o.imageUID = text
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	rows, err := p.processes(ctx, o.inspected.ID)
	var why string
	var failed *CommandError
	switch {
	case errors.As(err, &failed): // usually the container's end; or the engine cannot, as a rootless one without cgroups
		why = "the engine cannot list them: " + said(err)
		if pids, err := o.inspected.Processes(p.Proc); err == nil {
			why = p.fromHost(o, pids, true)
		}
	case err != nil:
		return err
	default:
		why = p.fromHost(o, pidsOf(rows), false)
	}
	p.readProcesses(ctx, o, rows, why)
	return ctx.Err()
}

// readProcesses finds out what can be known of the processes, also where the engine does not list them. why says
// why this machine's kernel does not tell; "" if it did.
func (p *prover) readProcesses(ctx context.Context, o *observation, rows [][]string, why string) {
	if o.by = ByHost; why == "" {
		return
	}
	o.by, o.processes, o.uidMap, o.gidMap = ByContainer, nil, nil, nil
	if sight := o.sight; o.inspected.ownProcesses() {
		if sight == nil {
			sight = p.beside(ctx, o.inspected.ID)
		}
		// In the container's own IDs. Our program is one process, so it does not see a helper of its own.
		for _, threads := range sight.Others {
			if one, err := parseThreads(threads, nil, nil); err == nil {
				o.processes = append(o.processes, one...)
			}
		}
	}
	if len(o.processes) == 0 {
		o.by, o.only, o.processes = ByEngine, why, fromEngine(rows, p.around.remapped)
	}
}

// pidsOf are the first columns.
func pidsOf(rows [][]string) (pids []string) {
	for _, row := range rows {
		pids = append(pids, row[0])
	}
	return pids
}

// fromHost reads what this machine's kernel knows of the processes. certain says that they are known to be the
// container's; else their control groups must say so. why says why that is not to be had: the processes of an
// engine on another machine, or of a virtual one, are not here, and others have their numbers.
func (p *prover) fromHost(o *observation, pids []string, certain bool) (why string) {
	for _, pid := range pids {
		folder := filepath.Join(p.Proc, pid)
		texts, err := readAll(folder, "cgroup", "uid_map", "gid_map")
		var threads []string
		if err == nil {
			threads, err = probe.Threads(folder)
		}
		switch {
		case errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) || err == nil && !slices.ContainsFunc(threads, alive):
			continue // it has ended, such as a health check
		case err != nil:
			return "reading the engine's processes: " + err.Error()
		case !certain && !strings.Contains(texts[0], o.inspected.ID):
			return "the engine's processes are not in this machine's " + p.Proc
		}
		if o.uidMap == nil { // those of the first, which is the container's own
			o.uidMap, o.gidMap = parseMap(texts[1]), parseMap(texts[2])
		}
		one, err := parseThreads(threads, o.uidMap.insideOf, o.gidMap.insideOf)
		if err != nil {
			return err.Error()
		}
		o.processes = append(o.processes, one...)
	}
	if len(o.processes) == 0 {
		return "this machine's " + p.Proc + " has none of the processes that the engine lists"
	}
	return ""
}

func readAll(folder string, names ...string) ([]string, error) {
	var texts []string
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			return nil, err
		}
		texts = append(texts, string(text))
	}
	return texts, nil
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
		all = append(all, process{pid: row[0], name: strings.Join(row[3:], " "), uids: uid, gids: gid, newPrivs: -1, seccomp: -1})
	}
	return all
}

// probe brings our program into a running container and runs it there. Where that
// cannot be done, blind says why.
func (p *prover) probe(ctx context.Context, o *observation) {
	id := o.inspected.ID
	if o.probe == "" {
		folder := "/"
		if i := slices.IndexFunc(o.mounts, dataMount.canWrite); i >= 0 {
			folder = o.mounts[i].inside
		} else if o.inspected.HostConfig.ReadonlyRootfs {
			o.blind = "it has no data folder to put a program of ours into, and a read-only root"
			return
		}
		name := p.name("probe-" + id[:12])
		if err := p.deliver(ctx, id, folder, name); err != nil {
			o.blind = "our program could not be brought into it: " + said(err)
			return
		}
		o.probe = path.Join(folder, name)
	}
	text, err := p.output(ctx, append([]string{"exec", id, o.probe, "look", p.name("write")}, systemFolders...)...)
	if err != nil {
		o.blind = "our program could not be run in it: " + said(err)
		return
	}
	var sight probe.Sight
	if err := json.Unmarshal([]byte(text), &sight); err != nil {
		o.blind = "our program's answer could not be read: " + err.Error()
		return
	}
	o.sight = &sight
}

// deliver puts our program into a container. The engine does it, so that this user need not be
// allowed to write there, and it works where the engine is on another machine.
func (p *prover) deliver(ctx context.Context, id, folder, name string) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	text, err := os.ReadFile(p.Program)
	if err != nil {
		return err
	}
	archive, err := pack(name, text)
	if err != nil {
		return err
	}
	return p.Docker.Docker(ctx, archive, nil, "cp", "-", id+":"+folder)
}

func (p *prover) service(ctx context.Context, o observation, around surroundings) Service {
	if o.container.foreign {
		return p.guest(o)
	}
	i := o.inspected
	w := p.wants(o.container.service, i.Config.User, i.HostConfig.GroupAdd, o.files)
	w.data = slices.ContainsFunc(o.mounts, dataMount.canWrite)
	s := Service{Service: o.container.service, Container: o.container.name}
	switch {
	case o.steady:
		s.Asked = w.asked
		state := found(State, nonroot.OK, ByEngine, "runs, and did all the time")
		if o.container.oneOff {
			state = found(State, nonroot.Note, ByEngine, "\"docker compose run\" made it beside the service's own containers")
		}
		s.Checks = append(s.Checks, state)
		s.Checks = append(s.Checks, check(w, o, around)...)
		if mounts, has := p.checkMounts(i); has {
			s.Checks = append(s.Checks, mounts)
		}
		if cfg, ok := p.project.Services[s.Service]; ok && !o.container.oneOff {
			s.Checks = append(s.Checks, p.checkCommands(ctx, cfg, o.files))
		}
	case o.container.id == "":
		s.Checks = append(s.Checks, checkMissing(p.project, o.container.service))
	case o.unsteady != "":
		s.Checks = append(s.Checks, found(State, nonroot.Error, ByEngine, "%s", o.unsteady))
	default:
		s.Checks = append(s.Checks, checkStopped(i))
		s.Checks = append(s.Checks, checkConfiguration(w, i, around)...)
	}
	return s
}
