package capability

import (
	"math/bits"
	"slices"
	"strings"

	kernel "github.com/moby/sys/capability"
)

// Set is a set of capabilities as the kernel shows it: bit n is capability n.
type Set uint64

// All is the set of everything, also of what is not known here.
const All = ^Set(0)

// defaults are those that the engine gives to every container that asks for nothing else
// (docs.docker.com/engine/containers/run, "Runtime privilege and Linux capabilities").
const defaults Set = 1<<kernel.CAP_CHOWN | 1<<kernel.CAP_DAC_OVERRIDE | 1<<kernel.CAP_FOWNER | 1<<kernel.CAP_FSETID |
	1<<kernel.CAP_KILL | 1<<kernel.CAP_SETGID | 1<<kernel.CAP_SETUID | 1<<kernel.CAP_SETPCAP | 1<<kernel.CAP_NET_BIND_SERVICE |
	1<<kernel.CAP_NET_RAW | 1<<kernel.CAP_SYS_CHROOT | 1<<kernel.CAP_MKNOD | 1<<kernel.CAP_AUDIT_WRITE | 1<<kernel.CAP_SETFCAP

// ByDefault reports whether the engine gives a capability to a container that asks for nothing.
func ByDefault(text string) bool {
	return Name(text) != "ALL" && SetOf([]string{text})&^defaults == 0 && SetOf([]string{text}) != 0
}

// Name is a capability in one spelling: Compose files and engines write cap_chown, CHOWN and
// CAP_CHOWN.
func Name(text string) string {
	return strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(text)), "CAP_")
}

// Names are the capabilities of a list in one spelling, sorted, each once.
func Names(texts []string) []string {
	var all []string
	for _, text := range texts {
		all = append(all, Name(text))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// SetOf is the set of what a list names; what is not known is left out, and so the engine does.
func SetOf(texts []string) Set {
	var set Set
	for _, name := range Names(texts) {
		if name == "ALL" {
			return All
		}
		for i, c := range Known() {
			if c.Name == name {
				set |= 1 << i
			}
		}
	}
	return set
}

// Asked is the set that a container gets by its cap_add and cap_drop: what is added with ALL
// dropped is exactly that; otherwise the engine's default is the beginning.
func Asked(add, drop []string, privileged bool) Set {
	add, drop = Names(add), Names(drop)
	switch {
	case privileged:
		return All
	case slices.Contains(add, "ALL"):
		return All &^ SetOf(slices.DeleteFunc(drop, func(name string) bool { return name == "ALL" }))
	case slices.Contains(drop, "ALL"):
		return SetOf(add)
	}
	return defaults&^SetOf(drop) | SetOf(add)
}

// ToRoot is the part of a set that has root's power; what is not known here counts.
func (s Set) ToRoot() Set {
	for i, c := range Known() {
		if c.Reach == Process {
			s &^= 1 << i
		}
	}
	return s
}

// String names the members.
func (s Set) String() string {
	known := Known()
	if s == 0 {
		return "none"
	}
	if full := Set(1)<<len(known) - 1; s&full == full {
		return "all"
	}
	var all []string
	for s != 0 {
		i := bits.TrailingZeros64(uint64(s))
		s &^= 1 << i
		if i < len(known) {
			all = append(all, known[i].Name)
		} else {
			all = append(all, "an unknown one")
		}
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}
