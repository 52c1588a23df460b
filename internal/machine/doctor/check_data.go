package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/dustin/go-humanize/english"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/permissions"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/safetext"
	"github.com/im2-audio/im2/ownership"
	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/model"
)

// hungFiles fixes a file system that says nothing.
const hungFiles = "remount the project's file system"

// folder is what is seen of one folder.
type folder struct {
	path string // for messages
	// err is why it could not be looked at; fs.ErrNotExist where it is missing.
	err   error
	isDir bool
	// owner is nil where owners mean nothing.
	owner *ownership.Owner
	mode  fs.FileMode
}

func checkData(_ context.Context, _ *Doctor, f *facts) answer {
	p := f.project
	if p.Data == "" {
		return ok("the project has none")
	}
	if problem, fix := p.OtherData(); problem != "" {
		return failed(fix.String(), "%s", problem)
	}
	if problem, fix := p.Divided(); problem != "" {
		return failed(cmp.Or(fix.Type, fix.Note), "%s", problem)
	}
	want, note := ownerHere(f)
	var seen []folder
	for _, tree := range p.Trees {
		for _, path := range tree.Folders {
			seen = append(seen, inspectFolder(p.Rel(path), path, want != nil))
		}
	}
	a := assessFolders(seen, want)
	a.detail += note
	return a
}

func inspectFolder(name, path string, owners bool) folder {
	info, err := os.Lstat(path)
	if err != nil {
		return folder{path: name, err: err}
	}
	f := folder{path: name, isDir: info.IsDir(), mode: info.Mode().Perm()}
	if owner, known := ownership.Of(info); known && owners {
		f.owner = &owner
	}
	return f
}

// ownerHere returns who must own the folders on this machine: the app user, or its ID outside of the engine's
// user namespace. It is nil if owners cannot be checked; the text says why.
func ownerHere(f *facts) (*ownership.Owner, string) {
	owner := f.project.Settings.AppUser
	switch {
	case runtime.GOOS != "linux", f.engine != nil && f.engine.Server.Desktop():
		return nil, "; owners do not matter: the engine shows files as the services' own"
	case f.engine == nil || f.engine.Server.Remapped() == "":
		return &owner, ""
	case f.sight == nil:
		return nil, "; owners are not checked: the engine has other IDs and runs no container"
	}
	mapped, known := mappedOwner(*f.sight, owner)
	if !known {
		return nil, "; owners are not checked: the engine maps no such user"
	}
	return &mapped, fmt.Sprintf(" (%s in containers)", owner)
}

func assessFolders(seen []folder, want *ownership.Owner) answer {
	var missing, modes, wrong []string
	for _, f := range seen {
		switch {
		case errors.Is(f.err, fs.ErrNotExist):
			missing = append(missing, f.path)
		case f.err != nil:
			wrong = append(wrong, fmt.Sprintf("%s: %v", f.path, exit.Reason(f.err)))
		case !f.isDir:
			return failed("mv "+f.path+" "+f.path+".old", "%s is not a folder (a symbolic link is not accepted)", f.path)
		case want != nil && f.owner != nil && *f.owner != *want:
			wrong = append(wrong, fmt.Sprintf("%s belongs to %s, not %s", f.path, *f.owner, *want))
		case runtime.GOOS != "windows" && f.mode != ownership.FolderMode:
			modes = append(modes, fmt.Sprintf("%s has mode %o, not %o", f.path, f.mode, ownership.FolderMode))
		}
	}
	switch {
	case len(wrong) == 1 && len(missing) > 0 && len(missing) == len(seen)-1: // as it was cloned
		return warned(fixPermissions, "%s; the other %s missing", wrong[0], english.Plural(len(missing), "folder", ""))
	case len(wrong) > 0:
		return failed(fixPermissions, "%s", some(append(wrong, modes...)))
	case len(modes) > 0:
		return warned(fixPermissions, "%s", some(modes))
	case len(missing) > 0:
		return warned(fixPermissions, "%s missing: %s", english.Plural(len(missing), "folder", ""), strings.Join(missing, ", "))
	case want == nil:
		return ok("%s there, mode %o", english.Plural(len(seen), "folder", ""), ownership.FolderMode)
	}
	return ok("%s of %s, mode %o", english.Plural(len(seen), "folder", ""), *want, ownership.FolderMode)
}

// some are the first texts of a list.
func some(texts []string) string { return safetext.List(texts, 2, "; ") }

// checkSongs puts a file into the input folder and removes it, as "mage separate" would.
func checkSongs(ctx context.Context, d *Doctor, f *facts) answer {
	p := f.project
	if !slices.Contains(p.Folders, filepath.Join(p.Data, job.InputFolder)) {
		return ok("the project has no input folder")
	}
	folder := permissions.Folder{
		Resetter: &permissions.Resetter{Home: d.Home, Environ: p.Settings.Environ(), Runner: d.Runner, UI: d.UI, EUID: os.Geteuid()},
		Data:     p.Data, Owner: p.Settings.AppUser,
	}
	input := p.Rel(filepath.Join(p.Data, job.InputFolder))
	direct, err := folder.TryInput(ctx)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return warned(fixPermissions, "%s is missing", input)
	case err != nil:
		text, fix := exit.Split(err)
		return failed(cmp.Or(fix.Type, fixPermissions), "nothing can be put into %s: %s", input, text)
	case !direct:
		return ok(`"mage separate" puts songs there for you, as %s; you cannot copy them into %s yourself`, folder.Owner, input)
	}
	return ok(`you can put songs into %s, and so can "mage separate"`, input)
}

func checkModel(ctx context.Context, _ *Doctor, f *facts) answer {
	p := f.project
	dir := p.ModelCache()
	if dir == "" {
		return ok("no service has a model cache")
	}
	set := p.Settings
	found, err := model.Inspect(ctx, model.Request{
		Data: p.Data, Dir: dir, Engine: set.Get(project.DemucsEngine).Value, Model: set.Get(project.DemucsModel).Value,
		Precision: set.Get(project.DemucsPrecision).Value,
	})
	var coded *exit.Error
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return warned(fixCache, "%s is not prepared", p.Rel(dir))
	case errors.As(err, &coded) && coded.Code == exit.Unusable:
		return failed("mage env", "%s", cause(err))
	case err != nil:
		return failed(fixCache, "%s", cause(err))
	case found.Wrong != "":
		return failed(fixCache, "%s: %s", p.Rel(found.Path), found.Wrong)
	case !found.There:
		return warned(fixCache, "%s is not prepared; the first \"mage up\" prepares it", p.Rel(found.Path))
	}
	return ok("%s is whole, by the SHA-256 of each piece", p.Rel(found.Path))
}
