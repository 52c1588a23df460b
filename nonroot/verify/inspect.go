package verify

import (
	"path"
	"slices"
	"strings"

	"github.com/im2-audio/im2/internal/docker/inspect"
	"github.com/im2-audio/im2/nonroot/internal/subpath"
)

// inspected is what the engine says of a container.
type inspected struct{ inspect.Container }

// mounted is one mount of a container. Its Resolved is as far as this machine has the source.
type mounted = inspect.Mount

func (i inspected) sameRun(other inspected) bool {
	return i.ID == other.ID && i.State.Pid == other.State.Pid && i.State.StartedAt.Equal(other.State.StartedAt) &&
		i.State.Running == other.State.Running
}

// option returns the value of a security option. They are spelled "name=value", by old
// versions "name:value", and no-new-privileges also alone.
func (i inspected) option(name string) (string, bool) {
	for _, text := range i.HostConfig.SecurityOpt {
		rest, ok := strings.CutPrefix(text, name)
		switch {
		case !ok:
		case rest == "":
			return "true", true
		case rest[0] == '=' || rest[0] == ':':
			return rest[1:], true
		}
	}
	return "", false
}

func (i inspected) asksNoNewPrivs() bool {
	value, ok := i.option("no-new-privileges")
	return ok && value != "false"
}

// ownProcesses reports whether what is in sight inside are this container's processes alone.
func (i inspected) ownProcesses() bool {
	return i.HostConfig.PidMode == "" || i.HostConfig.PidMode == "private"
}

func (i inspected) hostNamespaces() []string {
	var shared []string
	for _, n := range []struct{ name, mode string }{
		{"pid", i.HostConfig.PidMode},
		{"ipc", i.HostConfig.IpcMode},
		{"net", i.HostConfig.NetworkMode},
		{"uts", i.HostConfig.UTSMode},
		{"userns", i.HostConfig.UsernsMode},
	} {
		if n.mode == "host" {
			shared = append(shared, n.name)
		}
	}
	return shared
}

// sockets are where engines listen: a process that can write to one is root on its machine.
var sockets = []string{
	"/run/docker.sock", "/run/containerd/containerd.sock", "/run/podman/podman.sock", "/run/crio/crio.sock",
	"/run/docker/containerd/containerd.sock",
}

// engineSocket returns the mount by which an engine's socket is reached, if there is one: the
// socket itself, by whichever folder it is in, or a folder above it. used are further places of
// sockets: that of the engine in use. device is what a volume of that name is bound to.
func engineSocket(mounts []mounted, used []string, device map[string]string) (mounted, bool) {
	all := slices.Concat(sockets, used)
	for _, m := range mounts {
		sources := []string{device[m.Name]}
		if m.Type == "bind" {
			sources = []string{m.Source, m.Resolved}
		}
		for _, source := range sources {
			if source == "" {
				continue
			}
			source = canonical(source)
			named := slices.Contains([]string{"docker.sock", "containerd.sock", "podman.sock", "crio.sock"}, path.Base(source))
			if named || slices.ContainsFunc(all, func(s string) bool { return subpath.In(source, canonical(s)) }) {
				return m, true
			}
		}
	}
	return mounted{}, false
}

// canonical is a path as the kernel would have it: /var/run is a link to /run everywhere.
func canonical(name string) string {
	name = path.Clean(name)
	if rest, ok := strings.CutPrefix(name, "/var/run"); ok && (rest == "" || rest[0] == '/') {
		return "/run" + rest
	}
	return name
}
