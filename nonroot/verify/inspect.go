package verify

import (
	"strings"

	"github.com/im2-audio/im2/internal/docker/inspect"
	"github.com/im2-audio/im2/nonroot/internal/socket"
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

// engineSocket returns the mount by which an engine's socket is reached, if there is one: the
// socket itself, by whichever folder it is in, or a folder above it. used are further places of
// sockets: that of the engine in use. device is what a volume of that name is bound to.
func engineSocket(mounts []mounted, used []string, device map[string]string) (mounted, bool) {
	for _, m := range mounts {
		sources := []string{device[m.Name]}
		if m.Type == "bind" {
			sources = []string{m.Source, m.Resolved}
		}
		for _, source := range sources {
			if source != "" && socket.Reached(source, used...) {
				return m, true
			}
		}
	}
	return mounted{}, false
}
