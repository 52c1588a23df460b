package verify

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/gofrs/flock"
	"golang.org/x/sync/errgroup"

	"github.com/im2-audio/im2/internal/helper/probe"
	"github.com/im2-audio/im2/nonroot"
	"github.com/im2-audio/im2/ownership"
)

// Options say how a project is verified. Image and Program are needed.
type Options struct {
	// Docker runs docker commands; nil stands for [Command] with its zero value.
	Docker Docker
	// Image is the name of an image on the engine whose entry point is the program, at [ProgramPath].
	Image string
	// Program is the path of the program on this machine, for Linux on the engine's processor.
	Program string
	// Helpers are names of images, without tags, whose containers are the caller's own programs and are not checked
	// where they mount the data folder; beside Image.
	Helpers []string
	// Service is the only service to check; "" for all.
	Service string
	// Conventions are what the project promises; nil for a project without any. Services that are built for
	// its user must pass every check, and canaries are left in its data folder.
	Conventions *nonroot.Conventions
	// Proofs reads what the project's services say of themselves; nil for a project whose services do not.
	Proofs func() (Proofs, error)
	// Root is the project's folder, by which what a killed verification left is found again; "" stands for the
	// project's WorkingDir.
	Root string
	// Alone says that the caller keeps other verifications of the project away: each removes what it takes for
	// another's leavings. Otherwise one waits for the other with a lock on Root.
	Alone bool
	// Sockets are places of the engine's socket beside the usual ones.
	Sockets []string
	// Cache is a folder for what is remembered of images; "" for none.
	Cache string
	// Proc is where this machine's processes are; "" stands for "/proc".
	Proc string
	// Progress is called when containers have been checked, from several goroutines; may be nil. Its first call
	// has done 0.
	Progress func(done, total int)
	// Note is called with information beside findings; may be nil.
	Note func(text string)
}

// The names of what the program is in.
const (
	// ProgramPath is the program's path in [Options.Image]. What it does depends on the name.
	ProgramPath = "/im2-verify"
	// ImageLabel is a label that the image may have, to be found again.
	ImageLabel = "im2.verify=1"
)

const (
	// projectLabel is the label of containers; its value tells projects apart.
	projectLabel = "im2.verify.project"
	// atOnce is how many containers are checked at once.
	atOnce = 4
	// answerWithin is how long one command may take: a container whose data folder hangs
	// must not hold up the others.
	answerWithin = 30 * time.Second
	// answerSize is how many bytes a container's answer may have: those of some thousand processes.
	answerSize = 1 << 20
	// readWithin is how long reading an image's files may take.
	readWithin = 5 * time.Minute
	// cleanWithin is how long removing everything may take after an interrupt: Mage ends a
	// target after 5 seconds.
	cleanWithin = 4 * time.Second
)

// UnknownServiceError is returned for [Options.Service] that the project does not have.
type UnknownServiceError struct {
	// Project is the Compose project's name, Service what was asked for.
	Project, Service string
	// Services are those that there are.
	Services []string
}

// Error names the services that there are.
func (e *UnknownServiceError) Error() string {
	return fmt.Sprintf("there is no service %q in %s; there are: %s", e.Service, e.Project, strings.Join(e.Services, ", "))
}

// NotRunningError is returned where no container exists, so that nothing can be checked.
type NotRunningError struct {
	// Project is the Compose project's name, Service the only service to check; "" for all.
	Project, Service string
}

// Error names what does not run.
func (e *NotRunningError) Error() string {
	what := "project " + e.Project
	if e.Service != "" {
		what = "service " + e.Service
	}
	return what + " has no containers"
}

// prover verifies one project.
type prover struct {
	Options
	project *types.Project
	around  surroundings

	data  string // the data folder, links resolved; "" for none
	run   string // names what this run makes
	label string // of what runs for this project make in the engine
	// starts is how long processes are waited for that the engine's runtime is starting.
	starts time.Duration
}

// Run checks the containers of a project, as compose-go loads it. What was found is in the Report. The error is
// about the verification as a whole: an *[UnknownServiceError], a *[NotRunningError], a
// *[CommandError] where the engine does not answer, that of an engine whose containers are not of Linux, or that
// of ctx.
func Run(ctx context.Context, project *types.Project, o Options) (Report, error) {
	start := time.Now()
	p := newProver(project, o)
	containers, err := p.choose(ctx)
	if err != nil {
		return Report{}, err
	}
	if err := p.server(ctx); err != nil {
		return Report{}, err
	}
	unlock, err := p.alone(ctx)
	if err != nil {
		return Report{}, err
	}
	defer unlock()
	p.clean(ctx, nil) // what a killed run left
	r, err := p.prove(ctx, containers)
	r.Seconds = time.Since(start).Seconds()
	r.count()
	return r, err
}

func newProver(project *types.Project, o Options) *prover {
	o.Root, o.Proc = cmp.Or(o.Root, project.WorkingDir), cmp.Or(o.Proc, "/proc")
	p := &prover{Options: o, project: project, run: strings.ToLower(rand.Text()[:12]), starts: 10 * time.Second}
	if p.Docker == nil {
		p.Docker = Command{}
	}
	p.around = surroundings{sockets: o.Sockets, devices: make(map[string]string)}
	for _, v := range project.Volumes {
		p.around.devices[v.Name] = v.DriverOpts["device"]
	}
	sum := sha256.Sum256([]byte(o.Root))
	p.label = projectLabel + "=" + hex.EncodeToString(sum[:8])
	if o.Conventions == nil {
		return p
	}
	p.data = o.Conventions.Data
	if resolved, err := filepath.EvalSymlinks(p.data); err == nil {
		p.data = resolved
	}
	return p
}

// user is the user that the project promises. Where it promises none, any will do for the control.
func (p *prover) user() ownership.Owner {
	if p.Conventions == nil {
		return ownership.Owner{UID: 1000, GID: 1000}
	}
	return p.Conventions.User
}

func (p *prover) note(format string, args ...any) {
	if p.Note != nil {
		p.Note(fmt.Sprintf(format, args...))
	}
}

// known returns an *UnknownServiceError for an Options.Service that the project does not have.
func (p *prover) known() error {
	if names := p.services(); p.Service != "" && !slices.Contains(names, p.Service) {
		return &UnknownServiceError{Project: p.project.Name, Service: p.Service, Services: names}
	}
	return nil
}

func (p *prover) choose(ctx context.Context) ([]container, error) {
	if err := p.known(); err != nil {
		return nil, err
	}
	all, err := p.containers(ctx)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(c container) bool { return p.Service != "" && c.service != p.Service })
	if !slices.ContainsFunc(all, func(c container) bool { return c.id != "" }) {
		return nil, &NotRunningError{Project: p.project.Name, Service: p.Service}
	}
	others, err := p.foreign(ctx, all)
	if err != nil {
		return nil, fmt.Errorf("looking for containers that mount %s: %w", p.data, err)
	}
	return append(all, others...), nil
}

// alone waits until no other verification of this project runs: each removes what it takes for
// another's leavings. The lock leaves no file, and goes with the process.
func (p *prover) alone(ctx context.Context) (unlock func(), err error) {
	if p.Alone {
		return func() {}, nil
	}
	l := flock.New(p.Root, flock.SetFlag(os.O_RDONLY))
	got, err := l.TryLock()
	if err == nil && !got {
		p.note("another verification of %s is running: waiting until it is done", p.Root)
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

// prove observes all containers and checks what was seen. Whatever it makes is gone when it returns.
func (p *prover) prove(ctx context.Context, containers []container) (Report, error) {
	all := make([]observation, len(containers))
	defer func() {
		late, cancel := outlive(ctx, cleanWithin)
		defer cancel()
		p.clean(late, all)
		if ctx.Err() != nil && pause(late, again/2) == nil {
			p.clean(late, nil) // what the engine was still making for a command that was stopped
		}
	}()
	if err := p.readMaps(ctx); err != nil {
		return Report{}, err
	}
	r := Report{Project: p.project.Name, Data: p.checkData(ctx)} // before anything of this run is in it
	images := &scans{prover: p}
	var done atomic.Int32
	progress := func(more int32) {
		if p.Progress != nil {
			p.Progress(int(done.Add(more)), len(containers))
		}
	}
	progress(0)
	g, within := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	g.Go(func() (err error) {
		r.Control, err = p.control(within)
		return err
	})
	for i, c := range containers {
		g.Go(func() (err error) {
			if all[i], err = p.observe(within, c); err != nil || c.foreign {
				progress(1)
				return err
			}
			all[i].files, err = images.of(within, all[i].inspected.Image)
			progress(1)
			return err
		})
	}
	err := g.Wait()
	all = slices.DeleteFunc(all, observation.over)
	if err == nil {
		for _, o := range all {
			r.Services = append(r.Services, p.service(ctx, o, p.around))
		}
		err = p.handOver(ctx, all, r.Services)
		p.proven(&r, all)
	}
	if err != nil {
		return Report{}, fmt.Errorf("verifying %s: %w", p.project.Name, err)
	}
	return r, nil
}

func (p *prover) name(what string) string { return probe.Prefix + p.run + "-" + what }

func (p *prover) container(what string) string { return "im2-verify-" + p.run + "-" + what }
