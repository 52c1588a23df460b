package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"

	"github.com/dustin/go-humanize/english"
	psnet "github.com/shirou/gopsutil/v4/net"
	"github.com/shirou/gopsutil/v4/process"

	"github.com/im2-audio/im2/internal/project"
)

// maxPorts is how many ports are tried: a range of all of them would take long.
const maxPorts = 256

// port is one that a service publishes on the engine's machine.
type port struct {
	service, ip, protocol string
	number                int
}

// String is how Compose writes it, such as "127.0.0.1:8080/tcp".
func (p port) String() string {
	text := strconv.Itoa(p.number) + "/" + p.protocol
	if p.ip != "" {
		text = p.ip + ":" + text
	}
	return text
}

// published lists the ports that the Compose file publishes under one number. A port in a range is skipped: the
// engine takes a free one.
func published(p *project.Project) []port {
	var all []port
	for _, name := range p.Services() {
		for _, c := range p.Compose.Services[name].Ports {
			number, err := strconv.Atoi(c.Published)
			if err != nil {
				continue
			}
			all = append(all, port{name, c.HostIP, cmp.Or(c.Protocol, "tcp"), number})
		}
	}
	return all
}

func checkPorts(ctx context.Context, _ *Doctor, f *facts) answer {
	ports := published(f.project)
	switch {
	case len(ports) == 0:
		return ok("the Compose file publishes none")
	case f.engine != nil && f.engine.Remote():
		return ok("%s published on the engine's machine, which is another one: not tried", english.Plural(len(ports), "port", ""))
	}
	var held, own, unknown []string
	for i, p := range ports {
		if i == maxPorts {
			unknown = append(unknown, fmt.Sprintf("%d more", len(ports)-i))
			break
		}
		switch free, err := tryPort(ctx, p); {
		case free:
			continue
		case err != nil:
			unknown = append(unknown, p.String())
			continue
		}
		if who, ours := holder(ctx, f, p); ours {
			own = append(own, p.String())
		} else {
			held = append(held, fmt.Sprintf("%s of %s is held by %s", p, p.service, who))
		}
	}
	text := english.Plural(len(ports), "port", "")
	if len(held) > 0 {
		return failed("stop what holds it, or publish another port in the Compose file", "%s", some(held))
	}
	if len(own) > 0 {
		text += fmt.Sprintf(", %d in use by this project", len(own))
	}
	if len(unknown) > 0 {
		text += ", not tried: " + some(unknown)
	}
	return ok("%s, none in use by others", text)
}

// tryPort listens on a port for a moment. The error says that this user may not try the port.
func tryPort(ctx context.Context, p port) (free bool, err error) {
	address := net.JoinHostPort(p.ip, strconv.Itoa(p.number))
	var l net.ListenConfig
	var c io.Closer
	if p.protocol == "udp" {
		c, err = l.ListenPacket(ctx, "udp", address)
	} else {
		c, err = l.Listen(ctx, "tcp", address)
	}
	switch {
	case err == nil:
		return true, c.Close()
	case errors.Is(err, syscall.EADDRINUSE):
		return false, nil
	}
	return false, err
}

func holder(ctx context.Context, f *facts, p port) (who string, ours bool) {
	if f.engine != nil {
		out, err := f.engine.Output(ctx, f.engine.Command("ps", "--filter", fmt.Sprintf("publish=%d/%s", p.number, p.protocol),
			"--format", `{{.Names}} {{.Label "com.docker.compose.project"}}`))
		name, project, _ := strings.Cut(strings.TrimSpace(strings.SplitN(string(out), "\n", 2)[0]), " ")
		if err == nil && name != "" {
			return "container " + name, project == f.project.Name()
		}
	}
	connections, err := psnet.ConnectionsWithContext(ctx, p.protocol)
	if err != nil {
		return "somebody", false
	}
	for _, c := range connections {
		if int(c.Laddr.Port) != p.number || c.Pid == 0 || p.protocol == "tcp" && c.Status != "LISTEN" {
			continue
		}
		who = fmt.Sprintf("process %d", c.Pid)
		if proc, err := process.NewProcessWithContext(ctx, c.Pid); err == nil {
			if name, err := proc.NameWithContext(ctx); err == nil {
				who += fmt.Sprintf(" (%q)", name)
			}
		}
		return who, false
	}
	return "a process that this user may not see", false
}
