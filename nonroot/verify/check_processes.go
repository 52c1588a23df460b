package verify

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dustin/go-humanize/english"

	"github.com/im2-audio/im2/nonroot"
	"github.com/im2-audio/im2/nonroot/internal/capability"
)

func checkUsers(w want, o observation) Finding {
	if len(o.processes) == 0 {
		why := o.only
		if why != "" {
			why = ": " + why
		}
		return found(Users, nonroot.Error, o.by, "no process was seen, though the container runs%s", why)
	}
	for _, p := range o.processes {
		if detail := wrongUser(w, p); detail != "" {
			f := found(Users, nonroot.Error, o.by, "process %s %s", p, detail)
			f.root = slices.Contains(p.uids, 0)
			return f
		}
	}
	if slices.ContainsFunc(o.processes, func(p process) bool { return len(p.uids) == 0 }) {
		return found(Users, nonroot.Warning, o.by, "the engine is userns-remapped, and which of its IDs these are is not known: %s", o.only)
	}
	who := fmt.Sprintf("%s as %s", english.Plural(len(o.processes), "process", ""), usersOf(o.processes))
	if o.by == ByEngine {
		return found(Users, nonroot.OK, o.by, "%s, by the engine's word alone: %s", who, o.only)
	}
	for _, p := range o.processes {
		asked := w.uid > 0 && w.gid == 0 // such as a UID that no file of the image knows
		if !asked && (slices.Contains(p.groups, 0) || slices.Contains(p.gids, 0)) {
			return found(Users, w.lacking(false), o.by, "process %s is in group 0, root's group", p)
		}
	}
	return found(Users, nonroot.OK, o.by, "%s, groups %s", who, ids(o.processes[0].groups))
}

func usersOf(all []process) string {
	var users []string
	for _, p := range all {
		users = append(users, ids(p.uids)+":"+ids(p.gids))
	}
	slices.Sort(users)
	return strings.Join(slices.Compact(users), " and ")
}

func wrongUser(w want, p process) string {
	for _, uid := range p.uids {
		switch {
		case uid == 0:
			return "is root: UIDs " + ids(p.uids)
		case uid < 0:
			return "has a UID that its user namespace does not have"
		case w.uid > 0 && uid != w.uid:
			return fmt.Sprintf("has UIDs %s, asked for was %s", ids(p.uids), w.asked)
		}
	}
	for _, gid := range p.gids {
		if w.gid >= 0 && w.uid > 0 && gid != w.gid {
			return fmt.Sprintf("has GIDs %s, asked for was %s", ids(p.gids), w.asked)
		}
	}
	if !w.strict {
		return ""
	}
	for _, group := range p.groups {
		if group != w.gid && !slices.Contains(w.groups, group) {
			return fmt.Sprintf("is in group %d, which was not asked for", group)
		}
	}
	return ""
}

// ids writes equal IDs once: real, effective, saved and file system ones are usually the same.
func ids(all []int64) string {
	if len(all) == 0 {
		return "none"
	}
	if len(slices.Compact(slices.Clone(all))) == 1 {
		all = all[:1]
	}
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(all), " ", ","), "[]")
}

// String names a process in messages.
func (p process) String() string {
	if p.name == "" {
		return p.pid
	}
	return fmt.Sprintf("%s (%q)", p.pid, p.name)
}

// checkCapabilities holds the container to its Compose file, and every process to the container.
func checkCapabilities(w want, o observation) Finding {
	host := o.inspected.HostConfig
	asked := capability.Asked(host.CapAdd, host.CapDrop, host.Privileged)
	add := capability.Names(host.CapAdd)
	for _, name := range add {
		if w.known && !slices.Contains(w.capAdd, name) && !slices.Contains(w.capAdd, "ALL") {
			return found(Capabilities, nonroot.Error, ByEngine, "%s was added, which the Compose file does not ask for", name).remedy(Recreate)
		}
	}
	if more := asked &^ capability.Asked(w.capAdd, w.capDrop, w.privileged); w.known && !w.strict && more != 0 {
		return found(Capabilities, nonroot.Error, ByEngine, "the Compose file drops what can be had: %s", more).remedy(Recreate)
	}
	allowed := asked
	if w.strict {
		allowed = capability.SetOf(w.capAdd)
	}
	if detail := moreThan(allowed, o.processes); detail != "" {
		f := found(Capabilities, nonroot.Error, o.by, "%s", detail)
		f.root = holdsRoot(o.processes) != ""
		return f
	}
	for _, name := range add {
		if c := capability.Of(name); c.Reach != capability.Process {
			return found(Capabilities, nonroot.Error, ByEngine, "cap_add: %s", c)
		}
	}
	if detail := holdsRoot(o.processes); detail != "" {
		return found(Capabilities, nonroot.Error, o.by, "%s", detail).ofRoot()
	}
	if w.strict && asked != capability.SetOf(w.capAdd) {
		return found(Capabilities, nonroot.Error, ByEngine, "cap_drop: [ALL] is not in force, so these can be had: %s", asked)
	}
	return sawCapabilities(asked, o)
}

// moreThan names the first process that has more capabilities, in any set; "" for none.
func moreThan(allowed capability.Set, all []process) string {
	for _, p := range all {
		for _, set := range capSets {
			if more := p.caps[set[1]] &^ allowed; more != 0 {
				return fmt.Sprintf("process %s has more than was asked for in its %s set: %s", p, set[1], more)
			}
		}
	}
	return ""
}

// holdsRoot names the first process that holds a capability with root's power; "" for none. What the
// container was given by default is a warning while it is only in the bounding or the inheritable
// set: from there a process gets it only by a file's set-user-ID bit or capabilities.
func holdsRoot(all []process) string {
	for _, p := range all {
		for _, set := range []string{"effective", "permitted", "ambient"} {
			if strong := p.caps[set].ToRoot(); strong != 0 {
				return fmt.Sprintf("process %s has root's power by its %s set: %s", p, set, strong)
			}
		}
	}
	return ""
}

// sawCapabilities words what is no failure.
func sawCapabilities(asked capability.Set, o observation) Finding {
	switch {
	case o.by == ByEngine && asked == 0:
		return found(Capabilities, nonroot.OK, ByConfiguration, "all are dropped, by the configuration; the processes' own could not be seen: %s", o.only)
	case asked == 0:
		return found(Capabilities, nonroot.OK, o.by, "none in any set of %s", english.Plural(len(o.processes), "process", ""))
	case asked == capability.All:
		return found(Capabilities, nonroot.Warning, o.by, "it could have every one")
	case len(o.inspected.HostConfig.CapDrop) == 0:
		return found(Capabilities, nonroot.Warning, o.by, "nothing is dropped, so these could be had: %s; cap_drop: [ALL]", asked)
	}
	return found(Capabilities, nonroot.OK, o.by, "no more than was asked for: %s", asked)
}

// noNewPrivs reports whether no_new_privs is in force, and how that is known.
func (o observation) noNewPrivs() (bool, Way) {
	if o.by == ByEngine || slices.ContainsFunc(o.processes, func(p process) bool { return p.newPrivs < 0 }) {
		return o.inspected.asksNoNewPrivs(), ByConfiguration
	}
	return !slices.ContainsFunc(o.processes, func(p process) bool { return p.newPrivs != 1 }), o.by
}

func checkNewPrivs(w want, o observation) Finding {
	asked := w.newPrivs || o.inspected.asksNoNewPrivs()
	inForce, by := o.noNewPrivs()
	switch {
	case inForce && by == ByConfiguration:
		return found(NewPrivs, nonroot.OK, by, "by the configuration; the processes' own bit could not be seen")
	case inForce:
		return found(NewPrivs, nonroot.OK, by, "in force for every process")
	case asked:
		return found(NewPrivs, nonroot.Error, by, "it was asked for, and a process goes without")
	}
	return found(NewPrivs, w.lacking(false), by, "not in force; security_opt: [\"no-new-privileges:true\"]")
}

func checkSeccomp(w want, o observation, around surroundings) Finding {
	profile, _ := o.inspected.option("seccomp")
	unconfined := profile == "unconfined" || o.inspected.HostConfig.Privileged
	unseen := o.by == ByEngine || slices.ContainsFunc(o.processes, func(p process) bool { return p.seccomp < 0 })
	filtered := !slices.ContainsFunc(o.processes, func(p process) bool { return p.seccomp != 2 })
	switch {
	case unconfined:
		return found(Seccomp, w.lacking(false), ByConfiguration, "no system call is filtered, as was asked for")
	case !around.seccomp:
		return found(Seccomp, nonroot.Warning, ByEngine, "this engine filters no system calls")
	case unseen:
		return found(Seccomp, nonroot.OK, ByConfiguration, "no option switches it off; the processes' own mode could not be seen")
	case filtered:
		return found(Seccomp, nonroot.OK, o.by, "every process' system calls are filtered")
	}
	return found(Seccomp, nonroot.Error, o.by, "a process' system calls are not filtered, though no option switches that off")
}
