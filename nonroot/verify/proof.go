// Package verify looks at the containers that really run, and says whether they are what was
// asked for: which users their processes are, what those may do, and whose the files are that
// they make. What could not be seen is said to be so, and every way of seeing is named.
//
// The kernel's own word counts most (/proc of this machine, where the engine's processes are
// in it), then that of a static program of ours which is run in the container (package
// witness), then the engine's. A container of root is put before the same checks: where they do
// not find it out, they are reported as broken.
//
// Everything that is made for it has a label in the engine and a name that begins with
// probe.Prefix in folders, and is removed at the end, or by the next run.
package verify

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize/english"
	"github.com/gofrs/flock"
	"golang.org/x/sync/errgroup"

	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/docker/stack"
	"github.com/im2-audio/im2/internal/docker/tools"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/run"
	"github.com/im2-audio/im2/internal/term"
	"github.com/im2-audio/im2/internal/term/closest"
	"github.com/im2-audio/im2/nonroot/verify/probe"
)

// Docker is what is asked of the engine; *engine.Engine is one.
type Docker interface {
	Describe(ctx context.Context, ids []string) ([]engine.ContainerInfo, error)
	Containers(ctx context.Context, label string) ([]string, error)
	Processes(ctx context.Context, id string, columns ...string) ([][]string, error)
	Command(args ...string) run.Cmd
	Run(ctx context.Context, c run.Cmd) error
}

// Prover proves one project.
type Prover struct {
	// Project says what was asked for.
	Project *project.Project
	// Docker is the engine.
	Docker Docker
	// Server is what the engine says of itself.
	Server engine.Server
	// Stack lists the containers.
	Stack stack.Stack
	// Image is the name of the image that has our program (see Image).
	Image string
	// Program is the path of our program, for Linux on the engine's processor.
	Program string
	// Sockets are places of the engine's socket beside the usual ones.
	Sockets []string
	// Cache is a folder for what is remembered of images; "" for none.
	Cache string
	// Proc is where this machine's processes are: "/proc".
	Proc string
	// UI is told what goes on.
	UI *term.UI

	data  string // the data folder, links resolved; "" for none
	run   string // names what this run makes
	label string // of what runs for this project make in the engine
}

const (
	// mark is the label of the image.
	mark = "im2.verify=1"
	// projectLabel is that of containers; its value tells projects apart.
	projectLabel = "im2.verify.project"
	// program is our program's path in its image.
	program = "/im2-verify"
	// atOnce is how many containers are looked at at once.
	atOnce = 4
	// answerWithin is how long one command may take: a container whose data folder hangs
	// must not hold up the others.
	answerWithin = 30 * time.Second
	// cleanWithin is how long removing everything may take after an interrupt: Mage ends a
	// target after 5 seconds.
	cleanWithin = 4 * time.Second
)

// Image is the image of the program that looks around inside of containers.
func Image() tools.Image {
	return tools.Image{
		Own: tools.Helper(), Repository: "im2/verify", Label: mark, Program: program,
		Message: "looks around in containers for mage verify",
	}
}

// Prove looks at the containers of one service, or of all for "". The error is about the
// verification as a whole: exit.Unusable where there is no such service or none was ever
// started. What was found is in the Report.
func (p *Prover) Prove(ctx context.Context, service string) (Report, error) {
	start := time.Now()
	containers, err := p.choose(ctx, service)
	if err != nil {
		return Report{}, err
	}
	unlock, err := p.alone(ctx)
	if err != nil {
		return Report{}, err
	}
	defer unlock()
	p.begin()
	p.clean(ctx, nil) // what a killed run left
	progress := p.UI.Progress("verifying "+english.Plural(len(containers), "container", ""), 0, term.Seconds)
	defer progress.Done()
	r, err := p.prove(ctx, containers)
	r.Seconds = time.Since(start).Seconds()
	r.count()
	return r, err
}

// begin names what this run makes.
func (p *Prover) begin() {
	p.run = strings.ToLower(rand.Text()[:12])
	sum := sha256.Sum256([]byte(p.Project.Root))
	p.label = projectLabel + "=" + hex.EncodeToString(sum[:8])
	p.data = p.Project.Data
	if resolved, err := filepath.EvalSymlinks(p.data); err == nil && p.data != "" {
		p.data = resolved
	}
}

// choose returns the containers that are to be looked at.
func (p *Prover) choose(ctx context.Context, service string) ([]stack.Container, error) {
	names := p.Project.Services()
	if service != "" && !slices.Contains(names, service) {
		return nil, exit.Errorf(exit.Unusable, "there is no service %q in %s; there are: %s%s",
			service, p.Project.Name(), strings.Join(names, ", "), closest.Hint(service, names))
	}
	all, err := p.Stack.Containers(ctx)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(c stack.Container) bool { return service != "" && c.Service != service })
	if !slices.ContainsFunc(all, func(c stack.Container) bool { return c.ID() != "" }) {
		what := p.Project.Name()
		if service != "" {
			what = "service " + service
		}
		return nil, exit.Errorf(exit.Unusable, "nothing of %s runs, so there is nothing to be seen: \"mage up\" starts it", what)
	}
	return all, nil
}

// alone waits until no other verification of this project runs: each removes what it takes for
// another's leavings. The lock is on the project's folder, so it is every user's, leaves no
// file, and goes with the process.
func (p *Prover) alone(ctx context.Context) (unlock func(), err error) {
	l := flock.New(p.Project.Root, flock.SetFlag(os.O_RDONLY))
	got, err := l.TryLock()
	if err == nil && !got {
		p.UI.Note("another mage verify of %s is running: waiting until it is done", p.Project.Root)
		_, err = l.TryLockContext(ctx, 250*time.Millisecond)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return func() {}, nil //nolint:nilerr // a file system without locks; two at once are rare
	}
	return func() { _ = l.Unlock() }, nil // the process' end does it, too
}

// prove looks at everything and judges it. Whatever it makes is gone when it returns.
func (p *Prover) prove(ctx context.Context, containers []stack.Container) (Report, error) {
	looks := make([]look, len(containers))
	defer func() {
		late, cancel := outlive(ctx, cleanWithin)
		defer cancel()
		p.clean(late, looks)
		if ctx.Err() != nil && pause(late, again/2) == nil {
			p.clean(late, nil) // what the engine was still making for a command that was stopped
		}
	}()
	var control []Finding
	images := newScans(p)
	g, within := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	g.Go(func() (err error) {
		control, err = p.control(within)
		return err
	})
	for i, c := range containers {
		g.Go(func() (err error) {
			looks[i], err = p.look(within, c)
			if err == nil {
				looks[i].files, err = images.of(within, looks[i].seen.inspected.Image)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return Report{}, fmt.Errorf("verifying %s: %w", p.Project.Name(), err)
	}
	around := p.surroundings()
	r := Report{Project: p.Project.Name(), Control: control}
	for i := range looks {
		looks[i].judge(p.Project, around)
	}
	if err := p.handOver(ctx, looks); err != nil {
		return Report{}, fmt.Errorf("verifying %s: %w", p.Project.Name(), err)
	}
	for _, l := range looks {
		r.Services = append(r.Services, l.service)
	}
	return r, nil
}

func (p *Prover) surroundings() surroundings {
	around := surroundings{sockets: p.Sockets, remapped: p.Server.Remapped() == engine.UsernsRemapped, devices: make(map[string]string)}
	for _, option := range p.Server.SecurityOptions {
		around.seccomp = around.seccomp || strings.HasPrefix(option, "name=seccomp")
	}
	for _, v := range p.Project.Compose.Volumes {
		around.devices[v.Name] = v.DriverOpts["device"]
	}
	return around
}

// output runs a docker command that is done at once, and returns what it prints.
func (p *Prover) output(ctx context.Context, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	c := p.Docker.Command(args...)
	out := new(strings.Builder)
	c.Stdout = out
	err := p.Docker.Run(ctx, c)
	text := strings.TrimSpace(out.String())
	// Engine 20.10 says on standard output why "docker exec" did not start anything.
	var failed *run.Error
	if errors.As(err, &failed) && failed.Stderr == "" {
		failed.Stderr = text
	}
	return text, err
}

// said is what a command that failed wrote last, without what it is called.
func said(err error) string {
	var failed *run.Error
	if !errors.As(err, &failed) || failed.Stderr == "" {
		return err.Error()
	}
	lines := strings.Split(failed.Stderr, "\n")
	text := strings.TrimPrefix(lines[len(lines)-1], "Error response from daemon: ")
	if _, why, ok := strings.Cut(text, "unable to start container process: "); ok {
		text = why
	}
	return text
}

// name is a name for something that this run makes.
func (p *Prover) name(what string) string { return probe.Prefix + p.run + "-" + what }

// container is a name for a container that this run makes.
func (p *Prover) container(what string) string { return "im2-verify-" + p.run + "-" + what }
