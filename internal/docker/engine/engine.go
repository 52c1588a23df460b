// Package engine finds Docker Engine, Compose and Buildx, checks their versions and
// builds the commands that speak to them.
//
// Everything goes through the docker command-line tools, so the user's contexts,
// credentials and remote hosts work. Compose and Buildx that "mage setup" built are
// used through a Docker configuration folder of the project's own whose entries are
// links to the user's: the user's folder is never written.
package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/mod/semver"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/run"
)

// What is needed at least. Compose 2.40.2 is the first whose bake definition spells a "$"
// in build arguments as Buildx reads it; Buildx 0.17 is what it asks for. 1.41 is the API of
// Docker Engine 20.10, the first whose BuildKit knows secret and cache mounts without a frontend
// image; the engine's own version is what its distributor wrote there, which may be no number.
const (
	MinAPI     = "1.41"
	MinCompose = "2.40.2"
	MinBuildx  = "0.17.0"
)

// answerWithin is how long the engine may take to answer before it counts as hanging.
const answerWithin = 15 * time.Second

// The ways in which there is no engine to be used, each with another cure.
var (
	// ErrNotInstalled is returned when there is no docker command.
	ErrNotInstalled = errors.New("docker is not installed")
	// ErrNotAnswering is returned when the docker command reaches no engine.
	ErrNotAnswering = errors.New("the docker engine does not answer")
	// ErrDenied is returned when there is an engine, but this user may not talk to it.
	ErrDenied = errors.New("the docker engine does not answer this user")
	// ErrTooOld is returned when the engine, Compose or Buildx is missing or too old.
	ErrTooOld = errors.New("missing or too old")
	// ErrPodman is returned when Podman answers instead of Docker Engine.
	ErrPodman = errors.New("the engine is Podman")
)

// Options say where to look.
type Options struct {
	// Runner runs the commands.
	Runner run.Runner
	// Environ is the environment of every command: the project's settings in force.
	Environ []string
	// Home is the folder of the IM2 checkout, which keeps the tools that setup built.
	Home string
}

// Engine is a Docker Engine that answers, with a Compose and a Buildx that are new
// enough.
type Engine struct {
	Client
	// Compose and Buildx are the plugins in use.
	Compose, Buildx Plugin
	// Server is what the engine says of itself.
	Server Server
	// Context is the Docker context in use; "default" is this machine's engine unless
	// DOCKER_HOST says otherwise.
	Context string
}

// Plugin is a Docker command-line plugin.
type Plugin struct {
	// Path is the program, which also runs on its own.
	Path string
	// Version is what it reports, such as "v5.6.0"; empty when it is not there.
	Version string
}

// Server is what the engine says of itself.
type Server struct {
	// Version is the engine's; any text that whoever built it chose.
	Version string `json:"ServerVersion"`
	// API is the newest version of Docker's API that it speaks, such as "1.41".
	API string `json:"-"`
	// Podman says that it is Podman, which speaks that API and has no BuildKit.
	Podman bool `json:"-"`
	// Architecture is the kernel's name of the processor, such as "x86_64".
	Architecture string `json:"Architecture"`
	// OSType is the system of its containers, such as "linux".
	OSType string `json:"OSType"`
	// SecurityOptions has entries such as "name=rootless" and "name=userns".
	SecurityOptions []string `json:"SecurityOptions"`
	// MemoryLimit and PidsLimit say that it can limit the memory and the processes of containers: not without control
	// groups, as a rootless engine without systemd.
	MemoryLimit bool `json:"MemoryLimit"`
	PidsLimit   bool `json:"PidsLimit"`
	// MemTotal is the memory of the engine's machine in bytes.
	MemTotal int64 `json:"MemTotal"`
	// OperatingSystem is what that machine runs, such as "Debian GNU/Linux 12 (bookworm)";
	// see Desktop.
	OperatingSystem string `json:"OperatingSystem"`
	// SystemTime is what that machine's clock said, as RFC 3339 with fractions.
	SystemTime string `json:"SystemTime"`
	// Runtimes are by name what it can start containers with, such as "runc" and "nvidia".
	Runtimes map[string]json.RawMessage `json:"Runtimes"`
	// DockerRootDir is the folder there that holds images and containers.
	DockerRootDir string `json:"DockerRootDir"`
}

// GoArch is the engine's architecture as Go calls it; the unknown ones stay as they are.
func (s Server) GoArch() string {
	switch s.Architecture {
	case "x86_64":
		return "amd64"
	case "aarch64":
		return "arm64"
	case "armv7l", "armv6l":
		return "arm"
	default:
		return s.Architecture
	}
}

// Desktop reports whether the engine is Docker Desktop's: in a virtual machine that shows
// files of this machine as whoever looks at them.
func (s Server) Desktop() bool { return s.OperatingSystem == "Docker Desktop" }

// The ways in which an engine gives its containers other IDs.
const (
	Rootless       = "rootless"
	UsernsRemapped = "userns-remapped"
)

// Remapped is how the engine gives other IDs to what its containers do than they see
// themselves: Rootless, UsernsRemapped, or "" when it does not. Where it does, the
// app user of a container is another one on this machine.
func (s Server) Remapped() string {
	for _, option := range s.SecurityOptions {
		switch name, _, _ := strings.Cut(option, ","); name {
		case "name=rootless":
			return Rootless
		case "name=userns":
			return UsernsRemapped
		}
	}
	return ""
}

// Find returns the engine, or an error that wraps ErrNotInstalled, ErrNotAnswering,
// ErrDenied, ErrPodman or ErrTooOld and names the command that fixes it; its exit code is exit.Missing.
func Find(ctx context.Context, o Options) (*Engine, error) {
	c, err := Open(o)
	if err != nil {
		return nil, err
	}
	return c.Find(ctx)
}

// Find asks the engine that c speaks to, as the function Find does.
func (c *Client) Find(ctx context.Context) (*Engine, error) {
	e, err := c.look(ctx)
	if err == nil {
		err = e.Judge()
	}
	if err != nil {
		return nil, err
	}
	for _, part := range []struct{ name, version, least string }{
		{"Docker Compose", e.Compose.Version, MinCompose},
		{"Docker Buildx", e.Buildx.Version, MinBuildx},
	} {
		if !AtLeast(part.version, part.least) {
			return nil, old(part.name, part.version, part.least)
		}
	}
	return e, nil
}

// Judge returns an error that wraps ErrTooOld or ErrPodman if images cannot be built with the engine.
func (e *Engine) Judge() error {
	switch s := e.Server; {
	case s.Podman:
		return e.podman(s.Version)
	case !AtLeast(s.API, MinAPI):
		t := &trouble{kind: ErrTooOld, text: fmt.Sprintf("Docker Engine %s is too old (its API is %s; needed: %s)", s.Version, s.API, MinAPI)}
		return &exit.Error{Code: exit.Missing, Err: t, Fix: exit.Fix{Note: `update it with what installed it, as "sudo apt-get install docker.io" does`}}
	}
	return nil
}

// Look returns what is there without judging versions. It fails when there is no
// docker command (ErrNotInstalled) or no engine answers (ErrNotAnswering, ErrDenied;
// then the returned Engine still tells the context and which plugins were found).
func Look(ctx context.Context, o Options) (*Engine, error) {
	c, err := Open(o)
	if err != nil {
		return nil, err
	}
	return c.look(ctx)
}

// Reach returns an engine that answers, or the errors of Look. Where a socket answers, it starts no process, and knows
// neither Compose, Buildx and the context, nor the server's API and whether it is Podman.
func Reach(ctx context.Context, o Options) (*Engine, error) {
	c, err := Open(o)
	if err != nil {
		return nil, err
	}
	return c.reach(ctx)
}

func (c *Client) reach(ctx context.Context) (*Engine, error) {
	e := &Engine{Client: *c}
	if c.socket != nil && c.socket.get(ctx, "/info", &e.Server) == nil && e.Server.Version != "" {
		return e, nil
	}
	return c.look(ctx)
}

func (c *Client) look(ctx context.Context) (*Engine, error) {
	e := &Engine{Client: *c}
	return e, e.ask(ctx)
}

// info is the part of "docker info" that is read.
type info struct {
	Server
	ServerErrors []string
	Host         struct{ BuildahVersion string } // what Podman's own "info" says, where "docker" is Podman
	ClientInfo   struct {
		Context string
		Plugins []struct {
			Name, Path, Version, Err string
		}
	}
}

func (e *Engine) ask(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	out, err := run.Output(limited, e.runner, e.Command("info", "--format", "{{json .}}"))
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return hangs()
	}
	var got info
	if jsonErr := json.Unmarshal(out, &got); jsonErr != nil {
		return e.silent(err, nil)
	}
	if got.Host.BuildahVersion != "" {
		return e.podman("")
	}
	e.Context = got.ClientInfo.Context
	for _, p := range got.ClientInfo.Plugins {
		plugin := Plugin{Path: p.Path, Version: p.Version}
		switch p.Name {
		case "compose":
			e.Compose = plugin
		case "buildx":
			e.Buildx = plugin
		}
	}
	if err != nil || got.Version == "" {
		return e.silent(err, got.ServerErrors)
	}
	v, err := e.version(ctx)
	if err != nil {
		return err
	}
	e.Server = got.Server
	e.Server.API, e.Server.Podman = v.APIVersion, v.podman()
	return nil
}

func (e *Engine) silent(err error, said []string) error {
	text := strings.Join(said, "; ")
	var failed *run.Error
	if text == "" && errors.As(err, &failed) {
		text = failed.Stderr
	}
	if run.NotFound(err) {
		return ail(ErrNotInstalled, err.Error(), exit.Fix{Type: "mage setup", Note: "installs it or says how"})
	}
	// What a client of another machine says ("Permission denied (publickey)") has
	// another cure.
	lower := strings.ToLower(text)
	if strings.Contains(lower, "permission denied") && (strings.Contains(lower, "daemon socket") || strings.Contains(lower, "docker api")) {
		text, _, _ = strings.Cut(text, `: Get "http`) // the same once more
		return ail(ErrDenied, text, exit.Fix{
			Type: "sudo usermod -aG docker $USER", Note: ", then log in again (members of that group can do what root can)",
		})
	}
	return ail(ErrNotAnswering, text, e.start())
}

// ComposeCommand is a command of Compose for the project in dir. The plugin is started
// directly, which saves the client's search for plugins.
func (e *Engine) ComposeCommand(dir string, args ...string) run.Cmd {
	return run.Cmd{Name: e.Compose.Path, Args: args, Dir: dir, Env: e.env}
}

// BuildxCommand is a command of Buildx with dir as its working folder.
func (e *Engine) BuildxCommand(dir string, args ...string) run.Cmd {
	return run.Cmd{Name: e.Buildx.Path, Args: args, Dir: dir, Env: e.env}
}

// WithEnv returns the engine with one more variable in the environment of its commands.
func (e *Engine) WithEnv(entries ...string) *Engine {
	changed := *e
	changed.env = append(append([]string{}, e.env...), entries...)
	return &changed
}

// AtLeast reports whether version is least or newer. Suffixes count for nothing:
// "20.10.24+dfsg1" and "2.40.3-desktop.1" are what their numbers say. What is no
// version ("" for a plugin that is not there) is never new enough.
func AtLeast(version, least string) bool {
	version = semver.Canonical("v" + strings.TrimPrefix(version, "v")) // without what follows a "+"
	core := strings.TrimSuffix(version, semver.Prerelease(version))
	return semver.Compare(core, "v"+least) >= 0 // what is no version is older than any
}
