package verify

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/im2-audio/im2/nonroot"
	"github.com/im2-audio/im2/nonroot/internal/device"
	"github.com/im2-audio/im2/ownership"
)

// surroundings are what the engine and this machine are like.
type surroundings struct {
	// seccomp says that the engine can filter system calls.
	seccomp bool
	// remapped says that the engine gives containers a user namespace of their own, which
	// userns_mode: host takes away.
	remapped bool
	// mapped says that users of containers have other IDs on this machine.
	mapped bool
	// sockets are further places of the engine's socket.
	sockets []string
	// devices maps volumes' names to the folders that they are bound to.
	devices map[string]string
	// limitsMemory and limitsPids say that the engine can limit memory and processes.
	limitsMemory, limitsPids bool
	// uidMap and gidMap are the tables of the user namespace that its containers get; nil where users of containers
	// have the same IDs on this machine, or where the tables are not known.
	uidMap, gidMap idMap
}

// outside is an owner in containers as this machine sees it; false where the engine maps none, or that is not known.
func (s surroundings) outside(o ownership.Owner) (ownership.Owner, bool) {
	uid, gid := s.uidMap.outside(int64(o.UID)), s.gidMap.outside(int64(o.GID))
	if uid < 0 || gid < 0 {
		return ownership.Owner{}, false
	}
	return ownership.Owner{UID: uint32(uid), GID: uint32(gid)}, true
}

func check(w want, o observation, around surroundings) []Finding {
	all := []Finding{checkUsers(w, o), checkCapabilities(w, o), checkNewPrivs(w, o), checkSeccomp(w, o, around)}
	all = append(all, checkConfiguration(w, o.inspected, around)...)
	all = append(all, checkExecUser(w, o), checkWrites(o), checkSetuid(o))
	if w.data {
		all = append(all, checkUmask(o))
	}
	return all
}

// checkConfiguration checks what the engine says of the container. It holds for one that has
// ended, too.
func checkConfiguration(w want, i inspected, around surroundings) []Finding {
	privileged := found(Privileged, nonroot.OK, ByEngine, "no")
	if i.HostConfig.Privileged {
		privileged = found(Privileged, nonroot.Error, ByEngine, "it is privileged, which is root on the machine")
	}
	socket := found(EngineSocket, nonroot.OK, ByEngine, "none is mounted")
	if m, yes := engineSocket(i.Mounts, around.sockets, around.devices); yes {
		socket = found(EngineSocket, nonroot.Error, ByEngine, "%s on %s gives the engine, which can do what root can", m.Source, m.Destination)
	}
	readOnly := found(ReadOnlyRoot, nonroot.OK, ByEngine, "yes")
	if !i.HostConfig.ReadonlyRootfs {
		readOnly = found(ReadOnlyRoot, w.lacking(w.readOnly), ByEngine, "no; read_only: true")
	}
	return []Finding{privileged, checkNamespaces(i, around), socket, checkDevices(w, i), readOnly, checkLimits(w, i, around)}
}

// checkMounts checks whether what a container mounts is what there is at its place now, if it mounts anything of this machine.
// The data folder may have been moved since: then what people put there is not what the service sees.
func (p *prover) checkMounts(i inspected) (f Finding, has bool) {
	if !slices.ContainsFunc(i.Mounts, func(m mounted) bool { return m.Type == "bind" }) {
		return f, false
	}
	replaced, err := i.Replaced(p.Proc)
	switch {
	case err != nil:
		return found(Mounts, nonroot.Note, "", "not known whether they were replaced: %v", err), true
	case len(replaced) == 0:
		return found(Mounts, nonroot.OK, ByHost, "each is of what is at its source now"), true
	}
	var all []string
	for _, m := range replaced {
		all = append(all, m.Destination+" of "+m.Source)
	}
	return found(Mounts, nonroot.Error, ByHost, "moved, replaced or mounted over since it was started: %s", strings.Join(all, ", ")).remedy(Recreate), true
}

func checkNamespaces(i inspected, around surroundings) Finding {
	shared := i.hostNamespaces()
	switch {
	case len(shared) == 0:
		return found(Namespaces, nonroot.OK, ByEngine, "none is the host's")
	case len(shared) == 1 && shared[0] == "userns" && !around.remapped:
		return found(Namespaces, nonroot.Warning, ByEngine, "userns is set to the host's; this engine remaps no IDs, so it has no effect here")
	}
	return found(Namespaces, nonroot.Error, ByEngine, "the host's: %s", strings.Join(shared, ", "))
}

func checkDevices(w want, i inspected) Finding {
	names := slices.Clone(i.HostConfig.DeviceCgroupRules)
	for _, rule := range names {
		if can := device.Rule(rule); can != "" {
			return found(Devices, nonroot.Error, ByEngine, "the rule %q, and a device by it %s", rule, can)
		}
	}
	for _, d := range i.HostConfig.Devices {
		if can := device.Power(d.PathOnHost); can != "" {
			return found(Devices, nonroot.Error, ByEngine, "%s, which %s", d.PathOnHost, can)
		}
		names = append(names, d.PathOnHost)
	}
	for _, d := range i.HostConfig.DeviceRequests {
		names = append(names, "by driver "+d.Driver)
	}
	if len(names) == 0 {
		return found(Devices, nonroot.OK, ByEngine, "none")
	}
	return found(Devices, w.lacking(false), ByEngine, "%s", strings.Join(names, ", "))
}

// checkExecUser checks which user "docker exec" without -u gets: an image that drops root in its
// entrypoint alone still gives root to everybody who runs something in it, health checks
// included. What was seen and what the engine was told must both be right.
func checkExecUser(w want, o observation) Finding {
	uid, gid, by := w.toldUID, w.toldGID, ByConfiguration
	switch {
	case o.sight != nil:
		p, err := parseStatus(o.sight.Self, nil, nil)
		if err != nil {
			return found(ExecUser, nonroot.Error, ByContainer, "%v", err)
		}
		uid, gid, by = p.uids[1], p.gids[1], ByContainer
	case o.imageUID != "":
		uid, gid, by = -1, -1, ByImageTool
		if all := numeric([]string{o.imageUID}); len(all) == 1 {
			uid = all[0]
		}
	}
	pair := fmt.Sprintf("%d:%d", uid, gid)
	if gid < 0 {
		pair = fmt.Sprintf("UID %d", uid)
	}
	switch {
	case uid == 0 || w.toldUID == 0:
		f := found(ExecUser, nonroot.Error, by, "root: \"docker exec\" and health checks run as UID 0; end the Dockerfile with USER, or set user:")
		f.root = uid == 0
		return f
	case !w.is(uid, gid):
		return found(ExecUser, nonroot.Error, by, "%s, asked for was %s", pair, w.asked)
	case !w.is(w.toldUID, w.toldGID):
		return found(ExecUser, nonroot.Error, ByConfiguration, "the container's user is %q, asked for was %s", o.inspected.Config.User, w.asked)
	case uid < 0:
		return found(ExecUser, nonroot.Warning, "", "not seen: user %q, and %s", o.inspected.Config.User, o.blind)
	}
	return found(ExecUser, nonroot.OK, by, "%s", pair)
}

// systemFolders are the folders in which nobody may write.
var systemFolders = []string{"/", "/etc"}

func checkWrites(o observation) Finding {
	if o.sight == nil {
		for _, m := range o.inspected.Mounts {
			if m.RW && slices.Contains(systemFolders, m.Destination) {
				return found(SystemWrites, nonroot.Error, ByConfiguration, "%s is mounted writable", m.Destination)
			}
		}
		if o.inspected.HostConfig.ReadonlyRootfs {
			return found(SystemWrites, nonroot.OK, ByConfiguration, "its root is read-only; not tried: %s", o.blind)
		}
		return found(SystemWrites, nonroot.Warning, "", "not tried: %s", o.blind)
	}
	var refused []string
	unclear := false
	for _, write := range o.sight.Writes {
		if write.Made {
			return found(SystemWrites, nonroot.Error, ByContainer, "a file could be made in %s", write.Folder).ofRoot()
		}
		refused = append(refused, write.Folder+": "+write.Reason)
		unclear = unclear || write.Unclear
	}
	if unclear {
		return found(SystemWrites, nonroot.Warning, "", "tried, and not refused for want of rights: %s", strings.Join(refused, "; "))
	}
	return found(SystemWrites, nonroot.OK, ByContainer, "%s", strings.Join(refused, "; "))
}

// maxSetuid is how many setuid files are named.
const maxSetuid = 4

// checkSetuid checks files that give another user, group or capability. A process with
// no_new_privs, which it cannot take off, gains nothing by them (PR_SET_NO_NEW_PRIVS(2const)).
func checkSetuid(o observation) Finding {
	files, n := o.files.Setuid, len(o.files.Setuid)
	inForce, _ := o.noNewPrivs()
	switch {
	case !o.files.known():
		return found(SetuidFiles, nonroot.Warning, "", "not looked at: %s", o.files.Why)
	case n == 0:
		return found(SetuidFiles, nonroot.OK, ByEngine, "none in the image")
	case inForce:
		return found(SetuidFiles, nonroot.Note, ByEngine, "%d in the image, without effect: no-new-privileges", n)
	}
	names := strings.Join(files[:min(n, maxSetuid)], ", ")
	if n > maxSetuid {
		names += fmt.Sprintf(" and %d more", n-maxSetuid)
	}
	return found(SetuidFiles, nonroot.Error, ByEngine, "%s; chmod ug-s, or security_opt: [\"no-new-privileges:true\"]", names)
}

// rightUmask makes 644 and 755 of what programs ask for.
const rightUmask = "0022"

// umask is the umask of the service's processes: the first that is not the right one;
// "" where it could not be seen. What the engine starts beside them, such as a health check, has that of
// containerd instead, and who writes the Compose file cannot change it.
func (o observation) umask() string {
	mask := ""
	for _, p := range o.processes {
		if o.beside(p) {
			continue
		}
		if mask = p.umask; mask != "" && mask != rightUmask {
			break
		}
	}
	return mask
}

// beside reports whether the engine started a process, or one that this one descends from, in the container after
// its first one.
func (o observation) beside(p process) bool {
	first := "1"
	if o.by == ByHost {
		first = strconv.Itoa(o.inspected.State.Pid)
	}
	parents := make(map[string]string)
	for _, other := range o.processes {
		parents[other.pid] = other.parent
	}
	for pid := p.pid; pid != first; {
		parent, inside := parents[pid]
		if !inside || parent == "" {
			return !inside
		}
		delete(parents, pid) // numbers are given again, so that there may be a circle
		pid = parent
	}
	return false
}

func checkUmask(o observation) Finding {
	switch mask := o.umask(); mask {
	case "":
		return found(Umask, nonroot.Warning, "", "not seen; the canary has that of \"docker exec\"")
	case rightUmask:
		return found(Umask, nonroot.OK, o.by, "022 for every process: files 644, folders 755")
	default:
		return found(Umask, nonroot.Error, o.by, "%s makes other files than 644, or other folders than 755; start the program with umask 022", mask)
	}
}

func checkStopped(i inspected) Finding {
	switch s := i.State; {
	case s.Status == "exited" && s.ExitCode == 0: // such as one that prepares something
		return found(State, nonroot.Note, ByEngine, "it has ended with exit code 0; what its processes were cannot be seen any more")
	case s.Status == "exited":
		return found(State, nonroot.Error, ByEngine, "it has ended with exit code %d", s.ExitCode).remedy(ReadLogs)
	default:
		return found(State, nonroot.Error, ByEngine, "it does not run, it is %s", s.Status)
	}
}

func checkMissing(p *types.Project, service string) Finding {
	s := p.Services[service]
	if s.Provider != nil || s.GetScale() == 0 {
		return found(State, nonroot.Note, ByEngine, "the Compose file asks for no container of it")
	}
	return found(State, nonroot.Error, ByEngine, "there is no container").remedy(Create)
}
