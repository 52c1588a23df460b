package reset

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/csv"
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/im2-audio/im2/internal/engine"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/ownership"
	"github.com/im2-audio/im2/internal/run"
	"github.com/im2-audio/im2/internal/term"
)

const (
	// tellEvery is how often the container says how far it is.
	tellEvery = 250 * time.Millisecond
	// removeWithin is how long the removal of an interrupted container may take.
	removeWithin = 2 * time.Second
)

// job is one run of the resetter in a container.
type job struct {
	// data is the only folder that is mounted.
	data string
	// user is who the command runs as; "0:0" gets the three capabilities, others none.
	user string
	// readOnly mounts the folder so that nothing in it can be changed.
	readOnly bool
	// args are the resetter's, beside -folder.
	args []string
}

// inEngine resets in a container.
func (r Resetter) inEngine(ctx context.Context, e *engine.Engine, req Request) (ownership.Summary, error) {
	j := job{data: req.Data, user: "0:0", readOnly: req.DryRun, args: append(ids(req.Owner), "-progress="+tellEvery.String(), "-below="+req.Below)}
	if req.DryRun {
		j.args = append(j.args, "-dry-run")
	}
	progress := r.UI.Progress(label(req, req.DryRun), 0, term.Count)
	defer progress.Done()
	var sum *ownership.Summary
	err := r.contain(ctx, e, j, func(m ownership.Message) {
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
	return ownership.Summary{}, word(req.Data, err)
}

// ensureInEngine makes folders by way of the engine. Root in the container sets those
// that are there; it could not make others in folders that are not root's, having no
// capability for that. The app user, with none at all, makes those in its own folders.
func (r Resetter) ensureInEngine(ctx context.Context, e *engine.Engine, data string, folders []string, owner ownership.Owner) error {
	args := ids(owner)
	for _, folder := range folders {
		name, err := filepath.Rel(data, folder)
		if err != nil {
			return exit.Errorf(exit.Unusable, "placing %s in %s: %w", folder, data, err)
		}
		args = append(args, "-ensure="+name)
	}
	missing := 0
	err := r.contain(ctx, e, job{data: data, user: "0:0", args: append(args, "-existing")}, func(m ownership.Message) { missing += m.Missing })
	if err == nil && missing > 0 {
		user := strconv.Itoa(int(owner.UID)) + ":" + strconv.Itoa(int(owner.GID))
		err = r.contain(ctx, e, job{data: data, user: user, args: args}, func(ownership.Message) {})
	}
	if err != nil {
		return word(data, err)
	}
	return nil
}

// word says what went wrong in the container, with the command's own exit code.
func word(data string, err error) error {
	code := exit.Failed
	text := err.Error()
	var failed *run.Error
	if errors.As(err, &failed) {
		if failed.ExitCode() == int(exit.Unusable) {
			code = exit.Unusable
		}
		if failed.Stderr != "" {
			text = strings.TrimPrefix(failed.Stderr, "docker: ")
		}
		return exit.Errorf(code, "resetting %s through the engine: %s; %s needs none", data, text, ByRoot)
	}
	return exit.Errorf(code, "resetting %s through the engine: %w", data, err)
}

func ids(o ownership.Owner) []string {
	return []string{"-uid=" + strconv.FormatUint(uint64(o.UID), 10), "-gid=" + strconv.FormatUint(uint64(o.GID), 10)}
}

// contain runs the resetter in a container and hands on what it says. When ctx ends the
// container does, too: the docker command passes the signal on, and what it leaves is
// removed.
func (r Resetter) contain(ctx context.Context, e *engine.Engine, j job, hear func(ownership.Message)) error {
	if err := isFolder(j.data); err != nil {
		return err
	}
	image, err := r.image(ctx, e)
	if err != nil {
		return err
	}
	if n := inode(j.data); n != 0 {
		j.args = append(j.args, "-inode="+strconv.FormatUint(n, 10))
	}
	name := "im2-reset-" + strings.ToLower(rand.Text())
	out := &lines{hear: hear}
	c := e.Command(arguments(name, image, j)...)
	c.Stdout = out
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

// arguments are the docker command's.
func arguments(name, image string, j job) []string {
	args := []string{
		"run", "--rm", "--name", name, "--label", mark, "--pull=never",
		"--network=none", "--read-only", "--security-opt=no-new-privileges", "--log-driver=none",
		"--pids-limit=64", "--memory=512m", "--user", j.user, "--cap-drop=ALL",
	}
	if j.user == "0:0" {
		// To change owners and modes of what is not one's own, and to see all of it.
		args = append(args, "--cap-add=CHOWN", "--cap-add=FOWNER", "--cap-add=DAC_READ_SEARCH")
	}
	args = append(args, "--mount", mount(j.data, j.readOnly), image, "-folder="+j.data)
	return append(args, j.args...)
}

// mount is the value of --mount for a folder at its own path, so that messages from
// inside are right outside. --volume would split a path with a colon, and would make
// what is missing.
func mount(folder string, readOnly bool) string {
	fields := []string{"type=bind", "source=" + folder, "target=" + folder}
	if readOnly {
		fields = append(fields, "readonly")
	}
	var text bytes.Buffer
	w := csv.NewWriter(&text)
	_ = w.Write(fields) // a buffer takes everything
	w.Flush()
	return strings.TrimSuffix(text.String(), "\n")
}

// lines hears a message in each line that is written to it.
type lines struct {
	hear func(ownership.Message)
	rest []byte
	err  error
}

func (l *lines) Write(p []byte) (int, error) {
	l.rest = append(l.rest, p...)
	for {
		line, rest, ok := bytes.Cut(l.rest, []byte("\n"))
		if !ok {
			return len(p), nil
		}
		l.rest = rest
		m, err := ownership.Hear(line)
		if err != nil {
			l.err = errors.Join(l.err, err)
			continue
		}
		l.hear(m)
	}
}
