package proof

import (
	"math/bits"
	"slices"
	"strings"
)

// capNames are the capabilities by number (linux/capability.h).
func capNames() []string {
	return []string{
		"CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
		"LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
		"SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
		"SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
		"MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
		"CHECKPOINT_RESTORE",
	}
}

// defaultCaps are those that the engine gives to every container that asks for nothing else
// (docs.docker.com/engine/containers/run, "Runtime privilege and Linux capabilities").
func defaultCaps() []string {
	return []string{
		"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "NET_RAW",
		"SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
	}
}

// rootLike are the capabilities that lead to all of the machine: with each of them there is a
// known way to it (capabilities(7), and moby's list of what privileged adds).
func rootLike() []string {
	return []string{
		"ALL", "BPF", "DAC_READ_SEARCH", "MAC_ADMIN", "MAC_OVERRIDE", "NET_ADMIN", "PERFMON", "SYSLOG", "SYS_ADMIN",
		"SYS_BOOT", "SYS_MODULE", "SYS_PTRACE", "SYS_RAWIO", "SYS_TIME",
	}
}

// allCaps is the set of everything.
const allCaps = ^uint64(0)

// capName is a capability in one spelling: Compose files and engines write cap_chown, CHOWN
// and CAP_CHOWN.
func capName(text string) string {
	return strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(text)), "CAP_")
}

func capNamesOf(texts []string) []string {
	var all []string
	for _, text := range texts {
		all = append(all, capName(text))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// capSet is the set of the named capabilities; one that is not known here is left out.
func capSet(names []string) uint64 {
	var set uint64
	for _, name := range names {
		if name == "ALL" {
			return allCaps
		}
		if i := slices.Index(capNames(), name); i >= 0 {
			set |= 1 << i
		}
	}
	return set
}

// askedCaps is the set that a container gets by its cap_add and cap_drop: what is added with
// ALL dropped is exactly that; otherwise the engine's default is the beginning.
func askedCaps(add, drop []string, privileged bool) uint64 {
	add, drop = capNamesOf(add), capNamesOf(drop)
	switch {
	case privileged:
		return allCaps
	case slices.Contains(add, "ALL"):
		return allCaps &^ capSet(without(drop, "ALL"))
	case slices.Contains(drop, "ALL"):
		return capSet(add)
	}
	return capSet(defaultCaps())&^capSet(drop) | capSet(add)
}

func without(names []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == name })
}

// capText names a set's members.
func capText(set uint64) string {
	names := capNames()
	if set == 0 {
		return "none"
	}
	if full := uint64(1)<<len(names) - 1; set&full == full {
		return "all"
	}
	var all []string
	for set != 0 {
		i := bits.TrailingZeros64(set)
		set &^= 1 << i
		if i < len(names) {
			all = append(all, names[i])
		} else {
			all = append(all, "an unknown one")
		}
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}
