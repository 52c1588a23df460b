// Package permissions has owners and modes set by whoever may do it: by this process where
// that is enough, and otherwise by the engine, which can give files away for a user who
// may talk to it.
//
// The engine runs the static program internal/helper in a throwaway
// container that has nothing but it and the data folder: no network, nothing writable
// beside that folder, no capability but the three that the work needs. On an engine that
// remaps IDs (rootless, userns-remap) that is the right way for root, too: only there do
// the IDs mean what the services see.
package permissions

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/docker/tools"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/run"
	"github.com/im2-audio/im2/internal/term"
	"github.com/im2-audio/im2/ownership"
)

// byRoot is what root may do in place of the engine.
var byRoot = exit.Fix{Type: "sudo env PATH=$PATH mage reset-permissions", Note: "needs no engine"}

// ByRoot is what root may do about a data folder after the engine could not do all of it. On an engine that translates
// IDs, root alone would give everything to the wrong user.
func (r *Resetter) ByRoot(data string) exit.Fix {
	switch r.remapped {
	case engine.Rootless: // it may change what is the user's, who is root there, and what containers made
		return exit.Fix{Type: "sudo chown -R $(id -u):$(id -g) " + exit.Word(data), Note: `, then "mage reset-permissions"`}
	case engine.UsernsRemapped:
		return exit.Fix{}
	}
	return byRoot
}

// Translates reports whether the engine gives other IDs to what containers make, as far as it was asked.
func (r *Resetter) Translates() bool { return r.remapped != "" }

// withOwn returns an error's text without its fix, and fix with that as another way. Where a rootless engine does not
// answer, there is no other way than to start it: only that knows whose the data folder must be.
func withOwn(err error, fix exit.Fix) (string, exit.Fix) {
	text, own := exit.Split(err)
	switch {
	case fix == exit.Fix{}, own == engine.StartRootless:
		fix = own
	case own != exit.Fix{}:
		fix.Note += ", or " + own.String()
	}
	return text, fix
}

// Resetter resets the data folder of one project.
type Resetter struct {
	// Home is the folder of the IM2 checkout.
	Home string
	// Environ is the environment of every command: the project's settings in force.
	Environ []string
	// Runner runs the commands.
	Runner run.Runner
	// UI is told what goes on.
	UI *term.UI
	// EUID is who this process is (os.Geteuid); -1 where users have no numbers.
	EUID int

	engine   *engine.Engine  // once it has answered
	told     map[string]bool // notes that were given
	remapped string          // how the engine translates IDs, once it was asked
}

// Request is one reset.
type Request struct {
	// Data is the absolute path of the data folder; "" for Volume.
	Data string
	// Volume is the engine's name of a named volume, which is reset through the engine.
	Volume string
	// Below is the folder in it that is reset, as Below returns it; "." for all.
	Below string
	// Owner is the user that everything is to belong to.
	Owner ownership.Owner
	// DryRun counts without changing anything.
	DryRun bool
}

// Name is what is reset, for messages.
func (q Request) Name() string {
	if q.Volume != "" {
		return "volume " + q.Volume
	}
	return filepath.Join(q.Data, q.Below)
}

// Reset sets owners and modes. What could not be set is in the Summary; the error is
// about the reset as a whole, and names a command line for root (exit.Failed) where
// neither this user nor an engine can do it.
func (r *Resetter) Reset(ctx context.Context, req Request) (ownership.Summary, error) {
	e, noEngine := r.look(ctx)
	switch remapped := remapping(e); {
	case ctx.Err() != nil:
		return ownership.Summary{}, ctx.Err()
	case req.Volume != "":
		return r.volume(ctx, e, noEngine, req)
	case remapped != "":
		r.explain(remapped)
		return r.inEngine(ctx, e, req)
	case r.EUID == 0:
		return r.direct(ctx, req, req.DryRun)
	}
	found, err := r.direct(ctx, req, true)
	if err != nil {
		return found, err
	}
	switch w := decide(r.EUID, req.Owner, found); {
	case w == nothing:
		return found, nil
	case req.DryRun && (!closed(found) || e == nil):
		return found, nil // this user saw all of it, or nobody sees more
	case w == directly:
		return r.direct(ctx, req, false)
	case noEngine != nil:
		text, fix := withOwn(noEngine, byRoot)
		return found, exit.Fixable(exit.Failed, fix, "resetting %s: this user may not give files to %s, and the engine cannot do it: %s", req.Data, req.Owner, text)
	}
	r.explain("")
	return r.inEngine(ctx, e, req)
}

func (r *Resetter) explain(remapped string) {
	if remapped != "" {
		r.note("the engine is %s: its containers have other IDs than this machine, so one of them sets the owners", remapped)
		return
	}
	r.note("this user may not give files away, the engine may: a container sets the owners")
}

// note gives a note once: creating folders and resetting them is one step to the user.
func (r *Resetter) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if r.told[text] {
		return
	}
	if r.told == nil {
		r.told = make(map[string]bool)
	}
	r.told[text] = true
	r.UI.Note("%s", text)
}

// onServer is for a file system of another machine that takes this one's root for nobody.
var onServer = exit.Fix{Note: `on the file server, give the folder to these IDs ("mage reset-permissions" there does), or write the IDs that it has into .env.local`}

// Ensure makes the folders of a project with the owner and ownership.FolderMode, parents
// first, the data folder being the first. root is the project's folder.
func (r *Resetter) Ensure(ctx context.Context, root string, folders []string, owner ownership.Owner) error {
	e, noEngine := r.look(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	remapped := remapping(e)
	if remapped == "" {
		err := ownership.Ensure(root, folders, owner)
		switch {
		case errors.Is(err, ownership.ErrNoEffect):
			return exit.Fixable(exit.Failed, exit.Fix{Note: fmt.Sprintf("move the data folder to a file system that keeps owners, or mount its own with uid=%d,gid=%d", owner.UID, owner.GID)}, "%w", err)
		case !errors.Is(err, fs.ErrPermission):
			return coded(err)
		case r.EUID == 0:
			return exit.Fixable(exit.Failed, onServer, "%w: the file system lets root change no owners", err)
		}
		if noEngine != nil {
			text, fix := withOwn(noEngine, byRoot)
			if fix != engine.StartRootless {
				fix.Note += `, or use your own IDs: "mage setup -ids"`
			}
			return exit.Fixable(exit.Failed, fix, "preparing %s: this user may not give its folders to %s, and the engine cannot do it: %s", folders[0], owner, text)
		}
	}
	data := folders[0]
	if err := r.makeFolder(data); err != nil {
		return err
	}
	r.explain(remapped)
	return r.ensureInEngine(ctx, e, data, folders, owner)
}

// makeFolder creates the data folder itself, which no container can: its parent is not mounted.
func (r *Resetter) makeFolder(data string) error {
	if err := os.Mkdir(data, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return exit.Fixable(exit.Failed, r.ByRoot(filepath.Dir(data)), "making the data folder: %w", err)
	}
	_, err := isFolder(data)
	return err
}

// isFolder refuses what is not a folder, a link to one, which a mount would follow, and a protected folder: in a container,
// at a path with a link in it, it would not be known for one.
func isFolder(data string) (fs.FileInfo, error) {
	info, err := os.Lstat(data)
	if errors.Is(err, fs.ErrNotExist) { // a dry run makes none
		return nil, exit.Fixable(exit.Unusable, exit.Fix{Type: "mage reset-permissions", Note: `makes it, and so does "mage up"`}, "looking at the data folder: %w", err)
	}
	if err != nil {
		return nil, exit.Errorf(exit.Unusable, "looking at the data folder: %w", err)
	}
	if !info.IsDir() {
		return nil, exit.Errorf(exit.Unusable, "%s is not a folder (a symbolic link is not accepted); move it away, then try again", data)
	}
	return info, coded(ownership.Check(data))
}

func (r *Resetter) look(ctx context.Context) (*engine.Engine, error) {
	if r.engine != nil {
		return r.engine, nil
	}
	e, err := engine.Reach(ctx, engine.Options{Runner: r.Runner, Environ: r.Environ, Home: r.Home})
	if err != nil {
		return nil, err
	}
	r.engine, r.remapped = e, e.Server.Remapped()
	return e, nil
}

func remapping(e *engine.Engine) string {
	if e == nil {
		return ""
	}
	return e.Server.Remapped()
}

func coded(err error) error {
	var refused *ownership.RefusedError
	if errors.As(err, &refused) {
		return exit.With(exit.Unusable, err)
	}
	return err
}

func (r *Resetter) direct(ctx context.Context, req Request, dry bool) (ownership.Summary, error) {
	progress := r.UI.Progress(label(req, dry), 0, term.Count)
	defer progress.Done()
	sum, err := ownership.Reset(ctx, ownership.Request{Folder: req.Data, Below: req.Below, Owner: req.Owner, DryRun: dry, Progress: progress.Set})
	return sum, coded(err)
}

func label(req Request, dry bool) string {
	doing := "resetting "
	if dry {
		doing = "checking "
	}
	if req.Volume != "" {
		return doing + req.Name()
	}
	return doing + filepath.Join(filepath.Base(req.Data), req.Below)
}

// The images of the helper that this package runs.
const (
	// Repository is the name of the image that resets through the engine.
	Repository = "im2/reset"
	// PutRepository is the name of the image that writes into the data folder.
	PutRepository = "im2/put"
)

var (
	ownImage = tools.Image{
		Own: tools.Helper, Repository: Repository, Label: "im2.reset=1", Program: "/im2-reset",
		Message: "resets owners and modes of a data folder",
	}
	putImage = tools.Image{
		Own: tools.Helper, Repository: PutRepository, Label: "im2.put=1", Program: "/im2-put",
		Message: "writes into a data folder as its owner",
	}
)

// RemoveImages removes the images of this package. One that is in use stays.
func RemoveImages(ctx context.Context, e *engine.Engine) error {
	return errors.Join(ownImage.Remove(ctx, e, ""), putImage.Remove(ctx, e, ""))
}

// way is how a reset is done.
type way int

const (
	// nothing: everything is right.
	nothing way = iota
	// directly: by this process.
	directly
	// throughEngine: by a container.
	throughEngine
)

func decide(euid int, owner ownership.Owner, found ownership.Summary) way {
	onlyModes := found.OwnersChanged == 0 && !closed(found)
	switch {
	case onlyModes && found.ModesChanged == 0 && found.RightsRemoved == 0:
		return nothing
	case onlyModes && int64(euid) == int64(owner.UID): // the owner may chmod
		return directly
	default:
		return throughEngine
	}
}

// closed reports whether a dry run met entries that more rights would have helped with. What is skipped by
// design is skipped by everybody.
func closed(found ownership.Summary) bool {
	return found.MoreProblems > 0 || slices.ContainsFunc(found.Problems, func(p ownership.Problem) bool { return p.Skip == "" })
}
