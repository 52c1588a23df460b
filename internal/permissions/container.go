package permissions

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/docker/tools"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/filestate"
	"github.com/im2-audio/im2/internal/permissions/message"
	"github.com/im2-audio/im2/internal/run"
	"github.com/im2-audio/im2/internal/term"
	"github.com/im2-audio/im2/ownership"
)

const (
	// tellEvery is how often the container says how far it is.
	tellEvery = 250 * time.Millisecond
	// removeWithin is how long the removal of an interrupted container may take.
	removeWithin = 2 * time.Second
)

// volumeFolder is where containers of the helper have a volume.
const volumeFolder = "/volume"

// task is one run of the helper in a container.
type task struct {
	// image has the program.
	image tools.Image
	// stdin is its standard input; nil means none.
	stdin io.Reader
	// data is the only folder that is mounted; "" for none.
	data string
	// volume is the only volume that is mounted, at volumeFolder; "" for none.
	volume string
	// user is who the command runs as; UID 0 gets the three capabilities, others none.
	user string
	// userns is docker's --userns; "" for the engine's default.
	userns string
	// dry leaves out the capabilities with which something could be changed. A read-only mount would hide whether the
	// folder itself is one.
	dry bool
	// args are the program's, beside -folder and -inode.
	args []string
}

// rootIn is root in the app user's group: without the capability FSETID, which would let
// it set any file's set-group-ID bit, the kernel takes that bit from a folder that is not
// of the caller's group when its mode is set (inode(7)). Folders keep it, as with root.
func rootIn(gid uint32) string { return ownership.Owner{GID: gid}.String() }

func (r *Resetter) inEngine(ctx context.Context, e *engine.Engine, req Request) (ownership.Summary, error) {
	v, err := r.view(ctx, e, req.Owner)
	if err != nil {
		return ownership.Summary{}, err
	}
	j := task{
		image: ownImage, data: req.Data, volume: req.Volume, user: rootIn(v.owner.GID), userns: v.userns, dry: req.DryRun,
		args: []string{"-owner=" + v.owner.String(), "-progress=" + tellEvery.String(), "-below=" + req.Below},
	}
	if req.DryRun {
		j.args = append(j.args, "-dry-run")
	}
	progress := r.UI.Progress(label(req, req.DryRun), 0, term.Count)
	defer progress.Done()
	var sum *ownership.Summary
	err = r.contain(ctx, e, j, func(m message.Message) {
		progress.Set(m.Seen)
		if m.Summary != nil {
			sum = m.Summary
		}
	})
	if sum != nil && ctx.Err() == nil {
		return *sum, nil // what could not be set is in it
	}
	if err == nil {
		err = errors.New("it ended without a result")
	}
	return ownership.Summary{}, r.word(cmp.Or(req.Data, req.Name()), err)
}

// volume resets a named volume. One that the engine does not have yet is no fault: Compose creates it, and the image says
// whose it is.
func (r *Resetter) volume(ctx context.Context, e *engine.Engine, noEngine error, req Request) (ownership.Summary, error) {
	if noEngine != nil {
		return ownership.Summary{}, fmt.Errorf("resetting %s: %w", req.Name(), noEngine)
	}
	var failed *run.Error
	options, err := e.Output(ctx, e.Command("volume", "inspect", "--format={{json .Options}}", "--", req.Volume))
	switch {
	case errors.As(err, &failed) && strings.Contains(strings.ToLower(failed.Stderr), "no such volume"):
		r.note("%s is not there; \"mage up\" creates it", req.Name())
		return ownership.Summary{Skipped: map[ownership.Skip]int64{}, Problems: []ownership.Problem{}}, nil
	case err != nil:
		return ownership.Summary{}, exit.Errorf(exit.Failed, "looking at %s: %w", req.Name(), err)
	}
	if err := checkDevice(options); err != nil {
		return ownership.Summary{}, exit.Errorf(exit.Unusable, "resetting %s: %w", req.Name(), err)
	}
	sum, err := r.inEngine(ctx, e, req)
	var coded *exit.Error
	if errors.As(err, &coded) { // without a fix: root could not do it without the engine, either
		text, _ := exit.Split(err)
		err = exit.Errorf(coded.Code, "%s", text)
	}
	return sum, err
}

// checkDevice refuses a volume that is a protected folder of this machine, by the options that it was made with: the
// local driver mounts any folder as a volume (driver_opts with "o: bind").
func checkDevice(options []byte) error {
	var made struct{ Device string }
	if err := json.Unmarshal(options, &made); err != nil {
		return fmt.Errorf("reading the options of the volume: %w", err)
	}
	if !filepath.IsAbs(made.Device) {
		return nil
	}
	folder, err := filepath.EvalSymlinks(made.Device)
	if err != nil {
		folder = made.Device // the engine says what is wrong with it, or is on another machine
	}
	if err := ownership.Check(folder); errors.Is(err, ownership.ErrProtected) {
		return err
	}
	return nil
}

// ensureInEngine creates folders through the engine. Root in the container sets existing ones; without more
// capabilities it cannot create folders in those of others. The app user, without any, creates folders in its
// own.
func (r *Resetter) ensureInEngine(ctx context.Context, e *engine.Engine, data string, folders []string, owner ownership.Owner) error {
	v, err := r.view(ctx, e, owner)
	if err != nil {
		return err
	}
	args := []string{"-owner=" + v.owner.String()}
	for _, folder := range folders {
		name, err := filepath.Rel(data, folder)
		if err != nil {
			return exit.Errorf(exit.Unusable, "placing %s in %s: %w", folder, data, err)
		}
		args = append(args, "-ensure="+name)
	}
	missing := 0
	root := task{image: ownImage, data: data, user: rootIn(v.owner.GID), userns: v.userns, args: append(slices.Clone(args), "-existing")}
	err = r.contain(ctx, e, root, func(m message.Message) { missing += m.Missing })
	if err == nil && missing > 0 {
		err = r.contain(ctx, e, task{image: ownImage, data: data, user: v.owner.String(), userns: v.userns, args: args}, func(message.Message) {})
	}
	if err == nil {
		return nil
	}
	if unknown := r.unknown(ctx, e, owner); unknown != nil {
		return unknown
	}
	return r.word(data, err)
}

// word returns the error with the exit code of the command in the container if it has one, else that of err.
func (r *Resetter) word(data string, err error) error {
	var coded *exit.Error
	var failed *run.Error
	switch {
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("resetting %s through the engine: %w; the next run goes on", data, context.Canceled)
	case errors.As(err, &coded) && coded.Code == exit.Unusable:
		return err
	case errors.As(err, &coded):
		text, fix := withOwn(err, r.ByRoot(data))
		return exit.Fixable(coded.Code, fix, "resetting %s through the engine: %s", data, text)
	case errors.As(err, &failed):
		code := exit.Failed
		if failed.ExitCode() == int(exit.Unusable) {
			code = exit.Unusable
		}
		text := strings.TrimPrefix(failed.Stderr, "docker: ")
		if said, closed := strings.CutSuffix(text, syscall.EROFS.Error()); closed {
			return exit.Errorf(exit.Failed, "resetting %s through the engine: %s%w", data, said, syscall.EROFS)
		}
		return exit.Fixable(code, r.ByRoot(data), "resetting %s through the engine: %s", data, text)
	}
	return exit.Errorf(exit.Failed, "resetting %s through the engine: %w", data, err)
}

// contain runs the helper in a container and passes on its messages. When ctx ends the container does, too:
// the docker command passes the signal on, and what remains is removed.
func (r *Resetter) contain(ctx context.Context, e *engine.Engine, j task, hear func(message.Message)) error {
	if j.data != "" {
		info, err := isFolder(j.data)
		if err != nil {
			return err
		}
		j.args = append(slices.Clone(j.args), "-folder="+j.data, "-inode="+strconv.FormatUint(filestate.Of(info).Inode, 10))
	}
	if j.volume != "" {
		j.args = append(slices.Clone(j.args), "-folder="+volumeFolder)
	}
	image, err := tools.Kit{Home: r.Home, Runner: r.Runner, UI: r.UI}.Image(ctx, e, j.image)
	if err != nil {
		return err
	}
	name := strings.Replace(j.image.Repository, "/", "-", 1) + "-" + strings.ToLower(rand.Text())
	out := &lines{hear: hear}
	c := e.Command(arguments(name, image, j)...)
	c.Stdin, c.Stdout = j.stdin, out
	err = e.Run(ctx, c)
	if ctx.Err() != nil {
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeWithin)
		defer cancel()
		_ = e.Run(late, e.Command("rm", "--force", name)) // usually gone already
	}
	if err == nil {
		err = out.err
	}
	return err
}

func arguments(name, image string, j task) []string {
	args := []string{
		"run", "--rm", "--name", name, "--label", j.image.Label, "--pull=never",
		"--network=none", "--read-only", "--security-opt=no-new-privileges", "--log-driver=none",
		"--pids-limit=64", "--memory=512m", "--user", j.user, "--cap-drop=ALL",
	}
	if strings.HasPrefix(j.user, "0:") {
		// To change owners and modes of what is not one's own, and to see all of it.
		args = append(args, "--cap-add=DAC_READ_SEARCH")
		if !j.dry {
			args = append(args, "--cap-add=CHOWN", "--cap-add=FOWNER")
		}
	}
	if j.userns != "" {
		args = append(args, "--userns="+j.userns)
	}
	if j.stdin != nil {
		args = append(args, "--interactive")
	}
	if j.data != "" { // at its own path, so that paths in messages are right outside
		args = append(args, "--mount", engine.BindMount(j.data, j.data))
	}
	if j.volume != "" { // without what an image may have there, and no driver of volumes is asked to copy it
		args = append(args, "--mount", "type=volume,source="+j.volume+",target="+volumeFolder+",volume-nocopy")
	}
	return append(append(args, image), j.args...)
}

// lines hears a message in each line that is written to it.
type lines struct {
	hear func(message.Message)
	rest []byte
	err  error
}

func (l *lines) Write(p []byte) (int, error) {
	l.rest = append(l.rest, p...)
	for {
		line, rest, ok := bytes.Cut(l.rest, []byte("\n"))
		if !ok && len(l.rest) > run.MaxOutput {
			return 0, &run.TooMuchError{Limit: run.MaxOutput}
		}
		if !ok {
			return len(p), nil
		}
		l.rest = rest
		m, err := message.Hear(line)
		if err != nil {
			l.err = errors.Join(l.err, err)
			continue
		}
		l.hear(m)
	}
}
