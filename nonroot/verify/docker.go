package verify

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/im2-audio/im2/internal/docker/inspect"
	"github.com/im2-audio/im2/internal/run"
)

// Docker runs docker commands.
type Docker interface {
	// Docker runs "docker ARG..." to its end. stdin and stdout may be nil. A command that could not be started or
	// did not exit with 0 is a *[CommandError]. When ctx ends, so does the command.
	Docker(ctx context.Context, stdin io.Reader, stdout io.Writer, args ...string) error
}

// Command is the docker command of this machine. The zero value is "docker" in PATH with this process's
// environment, so DOCKER_HOST and Docker contexts work.
type Command struct {
	// Path is the program; "" stands for "docker".
	Path string
	// Env is its whole environment, as "NAME=value"; nil stands for this process's.
	Env []string
}

// Docker implements [Docker].
func (c Command) Docker(ctx context.Context, stdin io.Reader, stdout io.Writer, args ...string) error {
	err := run.Local{}.Run(ctx, run.Cmd{Name: cmp.Or(c.Path, "docker"), Args: args, Env: c.Env, Stdin: stdin, Stdout: stdout})
	var failed *run.Error
	if errors.As(err, &failed) {
		return &CommandError{Args: args, Stderr: failed.Stderr, Err: failed.Err}
	}
	return err
}

// CommandError is returned for a docker command that failed.
type CommandError struct {
	// Args are its arguments.
	Args []string
	// Stderr is the last part of what it wrote to standard error, trimmed.
	Stderr string
	// Err is the cause, such as its exit code; never nil.
	Err error
}

// Error names the command, what happened, and what the command wrote.
func (e *CommandError) Error() string {
	text := fmt.Sprintf("running \"docker %s\": %v", strings.Join(e.Args, " "), e.Err)
	if e.Stderr != "" {
		text += ": " + e.Stderr
	}
	return text
}

// Unwrap returns the cause.
func (e *CommandError) Unwrap() error { return e.Err }

// The labels by which Compose finds its containers again.
const (
	labelProject = "com.docker.compose.project"
	labelService = "com.docker.compose.service"
	labelNumber  = "com.docker.compose.container-number"
	labelOneOff  = "com.docker.compose.oneoff"
)

// container is one container of a service, or a foreign one.
type container struct {
	service string // in the Compose file; "" for a foreign one
	name    string // "" where there is none
	id      string // "" where there is none
	number  string
	oneOff  bool // "docker compose run" made it
	foreign bool // it is not the project's, and mounts the data folder
}

// guest reports whether the project does not count on the container: it may end at any moment.
func (c container) guest() bool { return c.oneOff || c.foreign }

// containers returns the containers of all enabled services, by service and number, with those of "docker compose run"
// that run and those of services that are no longer in the file; a service without one is there, too.
func (p *prover) containers(ctx context.Context) ([]container, error) {
	ids, err := p.labelled(ctx, labelProject+"="+p.project.Name)
	if err != nil {
		return nil, fmt.Errorf("listing the containers of %s: %w", p.project.Name, err)
	}
	all, err := p.describe(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("inspecting the containers of %s: %w", p.project.Name, err)
	}
	var found []container
	for _, i := range all {
		labels := i.Config.Labels
		c := container{service: labels[labelService], name: strings.TrimPrefix(i.Name, "/"), id: i.ID, number: labels[labelNumber], oneOff: labels[labelOneOff] == "True"}
		if !c.oneOff || i.State.Running {
			found = append(found, c)
		}
	}
	for _, name := range p.services() {
		if !slices.ContainsFunc(found, func(c container) bool { return c.service == name && !c.oneOff }) {
			found = append(found, container{service: name})
		}
	}
	slices.SortFunc(found, func(a, b container) int {
		return strings.Compare(a.service+"\x00"+a.number, b.service+"\x00"+b.number)
	})
	return found, nil
}

func (p *prover) services() []string {
	names := p.project.ServiceNames()
	slices.Sort(names)
	return names
}

func (p *prover) labelled(ctx context.Context, label string) ([]string, error) {
	text, err := p.output(ctx, "ps", "--all", "--quiet", "--no-trunc", "--filter", "label="+label)
	return strings.Fields(text), err
}

// describe describes containers; those that do not exist are left out.
func (p *prover) describe(ctx context.Context, ids []string) (all []inspect.Container, err error) {
	if len(ids) == 0 {
		return nil, nil
	}
	text, err := p.output(ctx, append([]string{"container", "inspect"}, ids...)...)
	if err != nil && !notThere(err) {
		return nil, err
	}
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		return nil, fmt.Errorf("reading what the engine says of a container: %w", err)
	}
	for _, c := range all {
		for i := range c.Mounts {
			c.Mounts[i].Resolved = p.place(c.Mounts[i].Source)
		}
	}
	return all, nil
}

// notThere reports whether a command failed because something that it was asked about does not exist. It prints what
// the others are all the same.
func notThere(err error) bool {
	var failed *CommandError
	return errors.As(err, &failed) && strings.Contains(strings.ToLower(failed.Stderr), "no such")
}

// processes returns ID, user, group and name of a container's processes, one row for each. The engine looks from
// outside, so the image needs no ps. It refuses a list without the process IDs (seen with 20.10).
func (p *prover) processes(ctx context.Context, id string) ([][]string, error) {
	text, err := p.output(ctx, "top", id, "-eo", "pid,uid,gid,comm")
	if err != nil {
		return nil, err
	}
	var rows [][]string
	for i, line := range strings.Split(text, "\n") {
		if fields := strings.Fields(line); i > 0 && len(fields) >= 3 {
			rows = append(rows, fields)
		}
	}
	return rows, nil
}

// server asks the engine about itself.
func (p *prover) server(ctx context.Context) error {
	text, err := p.output(ctx, "info", "--format", "{{json .}}")
	var server struct {
		OSType                 string
		SecurityOptions        []string
		MemoryLimit, PidsLimit bool
	}
	if err == nil {
		err = json.Unmarshal([]byte(text), &server)
	}
	if err != nil {
		return fmt.Errorf("asking the engine what it is: %w", err)
	}
	if server.OSType != "" && server.OSType != "linux" {
		return fmt.Errorf("the engine's containers are of %q, and only those of Linux can be checked", server.OSType)
	}
	has := func(option string) bool {
		return slices.ContainsFunc(server.SecurityOptions, func(o string) bool {
			return o == "name="+option || strings.HasPrefix(o, "name="+option+",")
		})
	}
	p.around.seccomp = has("seccomp")
	// Rootless engines give containers a user namespace as well, and their containers see nothing of it.
	p.around.remapped = has("userns") && !has("rootless")
	p.around.mapped = has("userns") || has("rootless")
	p.around.limitsMemory, p.around.limitsPids = server.MemoryLimit, server.PidsLimit
	return nil
}

// output runs a docker command that is done at once, and returns what it prints. What a container says is taken up
// to answerSize: a service can exchange our program in its data folder, or have more processes than anybody reads.
func (p *prover) output(ctx context.Context, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	var out run.Buffer
	if args[0] == "exec" || args[0] == "run" || args[0] == "top" {
		out.Limit = answerSize
	}
	err := p.Docker.Docker(ctx, nil, &out, args...)
	text := string(bytes.TrimSpace(out.Bytes()))
	// Engine 20.10 says on standard output why "docker exec" did not start anything.
	var failed *CommandError
	var much *run.TooMuchError
	if errors.As(err, &failed) && failed.Stderr == "" && !errors.As(err, &much) {
		failed.Stderr = text
	}
	return text, err
}

// said is what a command that failed wrote last, without what it is called.
func said(err error) string {
	var much *run.TooMuchError
	if errors.As(err, &much) {
		return much.Error()
	}
	var failed *CommandError
	if !errors.As(err, &failed) || failed.Stderr == "" {
		return err.Error()
	}
	lines := strings.Split(failed.Stderr, "\n")
	for len(lines) > 1 && (strings.HasPrefix(lines[len(lines)-1], "Run 'docker ") || strings.TrimSpace(lines[len(lines)-1]) == "") {
		lines = lines[:len(lines)-1] // what the docker command says of itself
	}
	text := strings.TrimPrefix(strings.TrimPrefix(lines[len(lines)-1], "docker: "), "Error response from daemon: ")
	if _, why, ok := strings.Cut(text, "unable to start container process: "); ok {
		text = why
	}
	return text
}

// pack returns an archive with one program, which everybody may run.
func pack(name string, text []byte) (*bytes.Buffer, error) {
	archive := new(bytes.Buffer)
	w := tar.NewWriter(archive)
	err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(text)), Typeflag: tar.TypeReg})
	if err == nil {
		_, err = w.Write(text)
	}
	return archive, errors.Join(err, w.Close())
}
