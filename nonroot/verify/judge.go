package verify

import (
	"fmt"
	"slices"
	"strings"

	"github.com/im2-audio/im2/internal/helper/probe"
	"github.com/im2-audio/im2/nonroot"
)

// seen is all that was seen of one container.
type seen struct {
	inspected inspected
	// processes are those that were seen, and by is how: ByHost and ByContainer with all that
	// the kernel knows of them, ByEngine with user and group alone.
	processes []process
	by        Way
	// only says why nothing better than the engine's word was to be had.
	only string
	// sight is what was seen inside; nil where our program could not run there.
	sight *probe.Sight
	// blind says why it could not.
	blind string
	// probe is our program's path in the container; "" where it is not.
	probe string
	// imageID is what the image's own "id -u" said; "" where there is none.
	imageUID string
	// maps are the user namespace's, as this machine has them; nil where they are not known.
	uidMap, gidMap idMap
}

// surroundings are what the engine and this machine are like.
type surroundings struct {
	// seccomp says that the engine can filter system calls.
	seccomp bool
	// remapped says that the engine gives containers a user namespace of their own, which
	// userns_mode: host takes away.
	remapped bool
	// sockets are further places of the engine's socket.
	sockets []string
	// devices maps volumes' names to the folders that they are bound to.
	devices map[string]string
}

// judge says what was seen is worth.
func judge(w want, s seen, around surroundings, files imageFiles) []Finding {
	all := []Finding{judgeUsers(w, s)}
	all = append(all, judgeCapabilities(w, s), judgeNewPrivs(w, s), judgeSeccomp(w, s, around))
	all = append(all, judgeConfiguration(w, s.inspected, around)...)
	all = append(all, judgeExecUser(w, s), judgeWrites(s), judgeSetuid(s, files))
	if w.data {
		all = append(all, judgeUmask(s))
	}
	return all
}

// judgeConfiguration judges what the engine says of the container. It holds for one that has
// ended, too.
func judgeConfiguration(w want, i inspected, around surroundings) []Finding {
	host := i.HostConfig
	all := []Finding{found(Privileged, unless(!host.Privileged, nonroot.Error), ByEngine, "%s", text(host.Privileged, "it is privileged, which is root on the machine", "no"))}
	all = append(all, judgeNamespaces(i, around))
	if m, yes := engineSocket(i.Mounts, around.sockets, around.devices); yes {
		all = append(all, found(EngineSocket, nonroot.Error, ByEngine, "%s on %s gives the engine, which can do what root can", m.Source, m.Destination))
	} else {
		all = append(all, found(EngineSocket, nonroot.OK, ByEngine, "none is mounted"))
	}
	all = append(all, judgeDevices(w, i))
	return append(all, found(ReadOnlyRoot, unless(host.ReadonlyRootfs, w.lackingReadOnly()), ByEngine, "%s", text(host.ReadonlyRootfs, "yes", "no; read_only: true")))
}

func text(yes bool, one, other string) string {
	if yes {
		return one
	}
	return other
}

func judgeNamespaces(i inspected, around surroundings) Finding {
	shared := i.hostNamespaces()
	switch {
	case len(shared) == 0:
		return found(Namespaces, nonroot.OK, ByEngine, "none is the host's")
	case len(shared) == 1 && shared[0] == "userns" && !around.remapped:
		return found(Namespaces, nonroot.Warning, ByEngine, "userns is to be the host's; this engine remaps no IDs, so it has no effect here")
	}
	return found(Namespaces, nonroot.Error, ByEngine, "the host's: %s", strings.Join(shared, ", "))
}

func judgeDevices(w want, i inspected) Finding {
	var names []string
	for _, d := range i.HostConfig.Devices {
		names = append(names, d.PathOnHost)
	}
	for _, d := range i.HostConfig.DeviceRequests {
		names = append(names, "by driver "+d.Driver)
	}
	names = append(names, i.HostConfig.DeviceCgroupRules...)
	if len(names) == 0 {
		return found(Devices, nonroot.OK, ByEngine, "none")
	}
	return found(Devices, w.lacking(), ByEngine, "%s", strings.Join(names, ", "))
}

// judgeExecUser says whom "docker exec" without -u makes: an image that drops root in its
// entrypoint alone still gives root to everybody who runs something in it, health checks
// included. What was seen and what the engine was told must both be right.
func judgeExecUser(w want, s seen) Finding {
	uid, gid, by := w.toldUID, w.toldGID, ByConfiguration
	switch {
	case s.sight != nil:
		p, err := parseStatus(s.sight.Self, nil, nil)
		if err != nil {
			return found(ExecUser, nonroot.Error, ByContainer, "%v", err)
		}
		uid, gid, by = p.uids[1], p.gids[1], ByContainer
	case s.imageUID != "":
		uid, gid, by = small64(s.imageUID), -1, ByImageTool
	}
	switch {
	case uid == 0 || w.toldUID == 0:
		return found(ExecUser, nonroot.Error, by, "root: \"docker exec\" and health checks run as UID 0; end the Dockerfile with USER, or set user:")
	case !w.is(uid, gid):
		return found(ExecUser, nonroot.Error, by, "%s, asked for was %s", pair(uid, gid), w.asked)
	case !w.is(w.toldUID, w.toldGID):
		return found(ExecUser, nonroot.Error, ByConfiguration, "the container's user is %q, asked for was %s", s.inspected.Config.User, w.asked)
	case uid < 0:
		return found(ExecUser, nonroot.Warning, "", "not seen: user %q, and %s", s.inspected.Config.User, s.blind)
	}
	return found(ExecUser, nonroot.OK, by, "%s", pair(uid, gid))
}

// is reports whether IDs are those that were asked for, as far as both are known.
func (w want) is(uid, gid int64) bool {
	return w.uid <= 0 || (uid < 0 || uid == w.uid) && (w.gid < 0 || gid < 0 || gid == w.gid)
}

// pair writes a user and a group; a group that is not known is left out.
func pair(uid, gid int64) string {
	if gid < 0 {
		return fmt.Sprintf("UID %d", uid)
	}
	return fmt.Sprintf("%d:%d", uid, gid)
}

func small64(text string) int64 {
	if all := numeric([]string{text}); len(all) == 1 {
		return all[0]
	}
	return -1
}

// systemFolders are the folders in which nobody may write.
func systemFolders() []string { return []string{"/", "/etc"} }

func judgeWrites(s seen) Finding {
	if s.sight == nil {
		for _, m := range s.inspected.Mounts {
			if m.RW && slices.Contains(systemFolders(), m.Destination) {
				return found(SystemWrites, nonroot.Error, ByConfiguration, "%s is mounted writable", m.Destination)
			}
		}
		if s.inspected.HostConfig.ReadonlyRootfs {
			return found(SystemWrites, nonroot.OK, ByConfiguration, "its root is read-only; not tried: %s", s.blind)
		}
		return found(SystemWrites, nonroot.Warning, "", "not tried: %s", s.blind)
	}
	var refused []string
	unclear := false
	for _, write := range s.sight.Writes {
		if write.Made {
			return found(SystemWrites, nonroot.Error, ByContainer, "a file could be made in %s", write.Folder)
		}
		refused = append(refused, write.Folder+": "+write.Reason)
		unclear = unclear || write.Unclear
	}
	if unclear {
		return found(SystemWrites, nonroot.Warning, "", "tried, and not refused for want of rights: %s", strings.Join(refused, "; "))
	}
	return found(SystemWrites, nonroot.OK, ByContainer, "%s", strings.Join(refused, "; "))
}

// setuidShown is how many setuid files are named.
const setuidShown = 4

// judgeSetuid weighs files that give another user, group or capability. A process with
// no_new_privs, which it cannot take off, gains nothing by them (PR_SET_NO_NEW_PRIVS(2const)).
func judgeSetuid(s seen, files imageFiles) Finding {
	if !files.known() {
		return found(SetuidFiles, nonroot.Warning, "", "not looked at: %s", files.Why)
	}
	n := len(files.Setuid)
	if n == 0 {
		return found(SetuidFiles, nonroot.OK, ByEngine, "none in the image")
	}
	names := strings.Join(files.Setuid[:min(n, setuidShown)], ", ")
	if n > setuidShown {
		names += fmt.Sprintf(" and %d more", n-setuidShown)
	}
	if inForce, _ := s.noNewPrivs(); inForce {
		return found(SetuidFiles, nonroot.Note, ByEngine, "%d in the image, without effect: no-new-privileges", n)
	}
	return found(SetuidFiles, nonroot.Error, ByEngine, "%s; chmod ug-s, or security_opt: [\"no-new-privileges:true\"]", names)
}

// rightUmask makes 644 and 755 of what programs ask for.
const rightUmask = "0022"

// serviceUmask is the umask of the service's processes: the first that is not the right one;
// "" where it could not be seen.
func (s seen) serviceUmask() string {
	mask := ""
	for _, p := range s.processes {
		if p.umask != "" && p.umask != rightUmask {
			return p.umask
		}
		mask = p.umask
	}
	return mask
}

func judgeUmask(s seen) Finding {
	mask := s.serviceUmask()
	switch mask {
	case "":
		return found(Umask, nonroot.Warning, "", "not seen; the canary has that of \"docker exec\"")
	case rightUmask:
		return found(Umask, nonroot.OK, s.by, "022 for every process: files 644, folders 755")
	}
	return found(Umask, nonroot.Error, s.by, "%s makes other files than 644, or other folders than 755; start the program with umask 022", mask)
}
