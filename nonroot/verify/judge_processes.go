package verify

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dustin/go-humanize/english"

	"github.com/im2-audio/im2/nonroot"
	"github.com/im2-audio/im2/nonroot/internal/capability"
)

// judgeUsers holds every process to the user that was asked for.
func judgeUsers(w want, s seen) Finding {
	if len(s.processes) == 0 {
		return found(Users, nonroot.Error, s.by, "no process was seen, though the container runs%s", behind(s.only))
	}
	for _, p := range s.processes {
		if detail := wrongUser(w, p); detail != "" {
			return found(Users, nonroot.Error, s.by, "process %s%s %s", p.pid, nameOf(p), detail)
		}
	}
	if slices.ContainsFunc(s.processes, func(p process) bool { return len(p.uids) == 0 }) {
		return found(Users, nonroot.Warning, s.by, "the engine is userns-remapped, and which of its IDs these are is not known: %s", s.only)
	}
	who := fmt.Sprintf("%s as %s", english.Plural(len(s.processes), "process", ""), usersOf(s.processes))
	if s.by == ByEngine {
		return found(Users, nonroot.OK, s.by, "%s, by the engine's word alone: %s", who, s.only)
	}
	for _, p := range s.processes {
		asked := w.uid > 0 && w.gid == 0 // such as a UID that no file of the image knows
		if !asked && (slices.Contains(p.groups, 0) || slices.Contains(p.gids, 0)) {
			return found(Users, w.lacking(), s.by, "process %s%s is in group 0, root's", p.pid, nameOf(p))
		}
	}
	return found(Users, nonroot.OK, s.by, "%s, groups %s", who, ids(s.processes[0].groups))
}

// usersOf names the users of processes, each once.
func usersOf(all []process) string {
	var users []string
	for _, p := range all {
		users = append(users, ids(p.uids)+":"+ids(p.gids))
	}
	slices.Sort(users)
	return strings.Join(slices.Compact(users), " and ")
}

// behind puts a text behind another one.
func behind(text string) string {
	if text == "" {
		return ""
	}
	return ": " + text
}

// wrongUser says what is wrong with a process' IDs; "" for nothing.
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
			return fmt.Sprintf("is in group %d, for which nobody asked", group)
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

func nameOf(p process) string {
	if p.name == "" {
		return ""
	}
	return fmt.Sprintf(" (%q)", p.name)
}

// judgeCapabilities holds the container to its Compose file, and every process to the container.
func judgeCapabilities(w want, s seen) Finding {
	host := s.inspected.HostConfig
	asked := capability.Asked(host.CapAdd, host.CapDrop, host.Privileged)
	add := capability.Names(host.CapAdd)
	for _, name := range add {
		if w.known && !slices.Contains(w.capAdd, name) && !slices.Contains(w.capAdd, "ALL") {
			return found(Capabilities, nonroot.Error, ByEngine, "%s was added, for which the Compose file does not ask", name).remedy(Recreate)
		}
	}
	if more := asked &^ capability.Asked(w.capAdd, w.capDrop, w.privileged); w.known && !w.strict && more != 0 {
		return found(Capabilities, nonroot.Error, ByEngine, "the Compose file drops what can be had: %s", more).remedy(Recreate)
	}
	allowed := asked
	if w.strict {
		allowed = capability.SetOf(w.capAdd)
	}
	if detail := moreThan(allowed, s.processes); detail != "" {
		return found(Capabilities, nonroot.Error, s.by, "%s", detail)
	}
	for _, name := range add {
		if c := capability.Of(name); c.Reach != capability.Process {
			return found(Capabilities, nonroot.Error, ByEngine, "cap_add: %s", c)
		}
	}
	if detail := holdsRoot(s.processes); detail != "" {
		return found(Capabilities, nonroot.Error, s.by, "%s", detail)
	}
	if w.strict && asked != capability.SetOf(w.capAdd) {
		return found(Capabilities, nonroot.Error, ByEngine, "cap_drop: [ALL] is not in force, so these can be had: %s", asked)
	}
	return sawCapabilities(asked, s)
}

// moreThan names the first process that has more capabilities, in any set; "" for none.
func moreThan(allowed capability.Set, all []process) string {
	for _, p := range all {
		for _, set := range capSets() {
			if more := p.caps[set[1]] &^ allowed; more != 0 {
				return fmt.Sprintf("process %s%s has more than was asked for in its %s set: %s", p.pid, nameOf(p), set[1], more)
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
				return fmt.Sprintf("process %s%s has root's power by its %s set: %s", p.pid, nameOf(p), set, strong)
			}
		}
	}
	return ""
}

// sawCapabilities words what is no failure.
func sawCapabilities(asked capability.Set, s seen) Finding {
	switch {
	case s.by == ByEngine && asked == 0:
		return found(Capabilities, nonroot.OK, ByConfiguration, "all are dropped, by the configuration; the processes' own could not be seen: %s", s.only)
	case asked == 0:
		return found(Capabilities, nonroot.OK, s.by, "none in any set of %s", english.Plural(len(s.processes), "process", ""))
	case asked == capability.All:
		return found(Capabilities, nonroot.Warning, s.by, "it could have every one")
	case len(s.inspected.HostConfig.CapDrop) == 0:
		return found(Capabilities, nonroot.Warning, s.by, "nothing is dropped, so these could be had: %s; cap_drop: [ALL]", asked)
	}
	return found(Capabilities, nonroot.OK, s.by, "no more than was asked for: %s", asked)
}

// noNewPrivs reports whether no_new_privs is in force, and how that is known.
func (s seen) noNewPrivs() (bool, Way) {
	if s.by == ByEngine || slices.ContainsFunc(s.processes, func(p process) bool { return p.newPrivs < 0 }) {
		return s.inspected.asksNoNewPrivs(), ByConfiguration
	}
	return !slices.ContainsFunc(s.processes, func(p process) bool { return p.newPrivs != 1 }), s.by
}

func judgeNewPrivs(w want, s seen) Finding {
	asked := w.newPrivs || s.inspected.asksNoNewPrivs()
	inForce, by := s.noNewPrivs()
	switch {
	case inForce && by == ByConfiguration:
		return found(NewPrivs, nonroot.OK, by, "by the configuration; the processes' own bit could not be seen")
	case inForce:
		return found(NewPrivs, nonroot.OK, by, "in force for every process")
	case asked:
		return found(NewPrivs, nonroot.Error, by, "it was asked for, and a process goes without")
	}
	return found(NewPrivs, w.lacking(), by, "not in force; security_opt: [\"no-new-privileges:true\"]")
}

func judgeSeccomp(w want, s seen, around surroundings) Finding {
	profile, _ := s.inspected.option("seccomp")
	unconfined := profile == "unconfined" || s.inspected.HostConfig.Privileged
	unseen := s.by == ByEngine || slices.ContainsFunc(s.processes, func(p process) bool { return p.seccomp < 0 })
	filtered := !slices.ContainsFunc(s.processes, func(p process) bool { return p.seccomp != 2 })
	switch {
	case unconfined:
		return found(Seccomp, w.lacking(), ByConfiguration, "no system call is filtered, as was asked for")
	case !around.seccomp:
		return found(Seccomp, nonroot.Warning, ByEngine, "this engine filters no system calls")
	case unseen:
		return found(Seccomp, nonroot.OK, ByConfiguration, "nobody asked to go without; the processes' own mode could not be seen")
	case filtered:
		return found(Seccomp, nonroot.OK, s.by, "every process' system calls are filtered")
	}
	return found(Seccomp, nonroot.Error, s.by, "a process' system calls are not filtered, though nobody asked for that")
}
