package nonroot

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/im2-audio/im2/nonroot/internal/capability"
	"github.com/im2-audio/im2/nonroot/internal/device"
	"github.com/im2-audio/im2/nonroot/internal/socket"
)

// privileges reports what makes a container as good as root, whoever its user is.
func (a *auditor) privileges(s *subject) {
	report := func(key, format string, args ...any) {
		a.found("C04", OK, s, spotOf(a.place(s, key)), "%s "+format, append([]any{s.title}, args...)...)
	}
	if s.cfg.Privileged {
		level := OK
		if !a.own() && !a.nonroot(s) {
			level = Error
		}
		a.found("C04", level, s, spotOf(a.place(s, "privileged")), "%s is privileged: it has every device and capability, and no filter", s.title)
	}
	if b := s.cfg.Build; b != nil && (b.Privileged || slices.Contains(b.Entitlements, "security.insecure")) {
		report("build", "is built without limits: a RUN instruction can do what root can on the builder's machine")
	}
	for _, namespace := range []struct{ key, value string }{
		{"pid", s.cfg.Pid},
		{"ipc", s.cfg.Ipc},
		{"network_mode", s.cfg.NetworkMode},
		{"userns_mode", s.cfg.UserNSMode},
		{"uts", s.cfg.Uts},
		{"cgroup", s.cfg.Cgroup},
	} {
		if namespace.value == "host" {
			report(namespace.key, "shares a namespace with the host: %s is host", namespace.key)
		}
	}
	if other, ok := strings.CutPrefix(s.cfg.Pid, "container:"); ok {
		report("pid", "sees the processes of the container %s, and may control those of its own user", other)
	}
	for _, added := range s.cfg.CapAdd {
		if a.needsToStepDown(s, added) {
			continue
		}
		if c := capability.Of(added); c.Reach != capability.Process {
			report("cap_add", "adds a capability: %s", c)
		}
	}
	for _, option := range s.cfg.SecurityOpt {
		switch option = strings.ReplaceAll(option, "=", ":"); option {
		case "seccomp:unconfined", "apparmor:unconfined", "label:disable", "systempaths:unconfined":
			report("security_opt", "has a filter switched off: %s", option)
		}
	}
	a.engineSockets(s, report)
	devices(s, report)
	a.groups(s)
}

// needsToStepDown reports whether a capability is one that the engine gives by itself, and the service drops all others and starts as
// root to become another user: that is less than it has without.
func (a *auditor) needsToStepDown(s *subject, added string) bool {
	dropsAll := slices.ContainsFunc(s.cfg.CapDrop, func(c string) bool { return strings.EqualFold(c, "ALL") })
	return dropsAll && capability.ByDefault(added) && s.of == nil && a.verdict(s).Outcome == StepsDown
}

// engineSockets reports mounts that reach an engine.
func (a *auditor) engineSockets(s *subject, report func(key, format string, args ...any)) {
	if s.cfg.UseAPISocket {
		report("use_api_socket", "may use the engine, which can do what root can")
	}
	for _, m := range a.mounts(s) {
		if m.source != "" && socket.Reached(m.source) {
			report(m.key, "has an engine's socket by %s, which can do what root can", m.what)
		}
		if m.container != "" {
			report(m.key, "has the mounts of the container %s, which are not known", m.container)
		}
	}
}

// devices reports devices by which a container is as good as root.
func devices(s *subject, report func(key, format string, args ...any)) {
	for _, d := range s.cfg.Devices {
		if can := device.Power(d.Source); can != "" {
			report("devices", "has the machine's %s, which %s", path.Clean(d.Source), can)
		}
	}
	for _, rule := range s.cfg.DeviceCgroupRules {
		if can := device.Rule(rule); can != "" {
			report("device_cgroup_rules", "may use devices of the machine by the rule %q: one %s", rule, can)
		}
	}
}

// powerful are groups whose members are as good as root, or read what only root should, by what distributions give them.
var powerful = map[string]string{
	"root": "whose files and devices root shares", "docker": "that may use the engine", "disk": "that reads and writes disks", "kmem": "that reads the machine's memory",
	"shadow": "that reads passwords", "sudo": "that may become root", "wheel": "that may become root", "lxd": "that may use an engine", "incus-admin": "that may use an engine",
}

// debianGroups are the numbers of some in Debian's images.
var debianGroups = map[string]string{"0": "root", "6": "disk", "15": "kmem", "27": "sudo", "42": "shadow"}

// power says what a group may do that others must not; "" for nothing that is known.
func power(group string) string {
	name := group
	if known, ok := debianGroups[strings.TrimLeft(group, "+")]; ok {
		name = known
	}
	can := powerful[name]
	if can != "" && name != group {
		return fmt.Sprintf("%s, which is %s, a group %s", group, name, can)
	}
	if can != "" {
		return fmt.Sprintf("%s, a group %s", group, can)
	}
	return ""
}

// groups reports groups that are added. That of the user is checked with it.
func (a *auditor) groups(s *subject) {
	for _, group := range s.cfg.GroupAdd {
		if can := power(group); can != "" {
			a.found("C17", OK, s, spotOf(a.place(s, "group_add")), "%s joins group %s", s.title, can)
		}
	}
}
