package ownership

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// The modes of a [Request] that names no others.
const (
	FolderMode fs.FileMode = 0o755
	FileMode   fs.FileMode = 0o644
)

// Skip is the reason for which an entry that is wrong is skipped by design.
type Skip string

// The entries that are skipped. Each of them is a [Problem], too.
const (
	// SkipHardLink is a file with another name outside of the folder, or one whose
	// names could not be proven to be all inside: changing it would change that, too.
	SkipHardLink Skip = "hard_link"
	// SkipMount is a mount, of a folder or of a single file, inside of the folder.
	SkipMount Skip = "mount"
	// SkipDevice is a device node with another owner: its owner may use the device.
	SkipDevice Skip = "device"
	// SkipImmutable and SkipAppendOnly are wrong entries with that attribute (chattr +i
	// and +a), which forbids changes even to root.
	SkipImmutable  Skip = "immutable"
	SkipAppendOnly Skip = "append_only"
	// SkipDeep is a folder more than 65,536 folders deep.
	SkipDeep Skip = "too_deep"
	// SkipReadOnly is a wrong entry of a read-only mount or snapshot in a folder that is not read-only.
	SkipReadOnly Skip = "read_only"
	// SkipBusy is an entry that others kept replacing.
	SkipBusy Skip = "busy"
)

// maxDepth is how many folders may be inside of one another. More is only found where
// someone wants the walk to take forever: reopening a folder costs time in proportion to
// its depth.
const maxDepth = 1 << 16

// maxProblems is how many problems a Summary lists; the rest is only counted.
const maxProblems = 1000

// Problem is an entry that could not be set right.
type Problem struct {
	// Path is relative to the folder that was reset, "." for that itself. It has the bytes of the names as
	// they are, newlines and invalid UTF-8 included: show it with %q. Beyond 4,096 bytes
	// its middle is left out ("/.../").
	Path string `json:"path"`
	// Reason says why.
	Reason string `json:"reason"`
	// Skip is set where the entry was skipped by design, and empty where setting it failed.
	Skip Skip `json:"skip,omitempty"`
}

// Summary counts what a reset saw and did.
type Summary struct {
	// Seen is the number of entries, the folder itself included.
	Seen int64 `json:"seen"`
	// OwnersChanged and ModesChanged count the entries whose owner or mode was changed, or would be in a
	// dry run. A file with several hard links counts once on Linux.
	OwnersChanged int64 `json:"changed_owner"`
	ModesChanged  int64 `json:"changed_mode"`
	// RightsRemoved counts the files and folders from which file capabilities or access control lists were removed,
	// or would be in a dry run. It has an effect on Linux only, where /proc is mounted.
	RightsRemoved int64 `json:"removed_rights"`
	// Vanished counts entries that went away after their folder was listed.
	Vanished int64 `json:"vanished"`
	// Skipped counts the entries that were skipped by design, by reason; never nil.
	Skipped map[Skip]int64 `json:"skipped"`
	// Problems are the first 1,000 entries that could not be set right, by path, those in Skipped
	// included; never nil.
	Problems []Problem `json:"problems"`
	// MoreProblems counts the problems beyond those listed.
	MoreProblems int64 `json:"more_problems"`
}

// ProblemCount is the number of all problems, listed or not. Everything is right now if it is 0.
func (s Summary) ProblemCount() int64 { return int64(len(s.Problems)) + s.MoreProblems }

// Request is one reset. Folder and Owner are needed.
type Request struct {
	// Folder is reset with everything in it. It may be relative to the working folder. It must not be a
	// symbolic link; the path to it may have some.
	Folder string
	// Below limits the reset to this subfolder of Folder. It is relative to Folder; "" and "." mean all of
	// Folder. Symbolic links in it are followed as long as they stay in Folder; one that leads out of it is
	// refused with [ErrOutside].
	Below string
	// Owner is what everything will belong to. An ID of 4294967295, which chown reads as "do not change", is
	// refused, and 0 without AllowRoot.
	Owner Owner
	// AllowRoot permits an Owner with UID or GID 0.
	AllowRoot bool
	// FolderMode and FileMode are the permission bits of folders and regular files. 0 means the constant of
	// the same name, so mode 0 cannot be asked for. FolderMode must contain 0700.
	FolderMode, FileMode fs.FileMode
	// DryRun counts without changing anything. Entries that this user cannot read are Problems, so run it as
	// the user who will run the reset.
	DryRun bool
	// Progress is called with the number of entries so far, on Linux a few times a second and elsewhere every
	// 4,096 entries; may be nil. The calls come one at a time, on Linux from another goroutine; the last one has
	// returned when Reset does.
	Progress func(seen int64)
	// Workers is how many threads read entries at once; 0 or less chooses by the number of processors. It has
	// an effect on Linux only.
	Workers int
}

// want is what every entry must have.
type want struct {
	owner        Owner
	folder, file fs.FileMode
}

func (r Request) want() want {
	return want{owner: r.Owner, folder: cmp.Or(r.FolderMode, FolderMode), file: cmp.Or(r.FileMode, FileMode)}
}

// check refuses what is wrong with a request beside its folder.
func (r Request) check() error {
	if err := r.Owner.check(r.AllowRoot); err != nil {
		return err
	}
	w := r.want()
	for _, mode := range []struct {
		name string
		bits fs.FileMode
	}{{"FolderMode", w.folder}, {"FileMode", w.file}} {
		if mode.bits&^fs.ModePerm != 0 {
			return refused("setting "+mode.name, fmt.Sprintf("%#o", uint32(mode.bits)), ErrMode, "only the nine permission bits (0777) can be set")
		}
	}
	if w.folder&0o700 != 0o700 {
		return refused("setting FolderMode", fmt.Sprintf("%#o", uint32(w.folder)), ErrMode, "the owner of a folder must be able to read, write and enter it (0700)")
	}
	return nil
}

// nothing is the Summary of a reset that did not begin.
func nothing() Summary { return Summary{Skipped: map[Skip]int64{}, Problems: []Problem{}} }

// Reset sets owner and modes of a folder and everything in it, and on Linux removes what gives more rights than they do:
// file capabilities, and access control lists, also those for what is made in a folder. Entries that could not be set are in the
// Summary, and are no error. The error is about the reset as a whole:
//
//   - a *[RefusedError] for a folder, owner or mode that cannot be used; nothing was changed;
//   - on Linux, one that wraps [syscall.EROFS] for a folder on a read-only file system with something to change,
//     also in a dry run; elsewhere, and for what is read-only below the folder, each entry is a [Problem];
//   - one that wraps the error of ctx.
//
// The Summary is valid beside an error, too: it counts what was done until then, and the next run does the rest.
//
// Concurrent resets of one folder are safe on Linux. Each counts only what it changed itself, and one may report a
// file with several hard links that another has just changed as [SkipHardLink]. With different owners or modes,
// either may win for each entry.
func Reset(ctx context.Context, req Request) (Summary, error) {
	if err := req.check(); err != nil {
		return nothing(), err
	}
	folder, err := checkFolder(req.Folder)
	if err != nil {
		return nothing(), err
	}
	req.Folder = folder
	if req.Below == "" || req.Below == "." {
		return reset(ctx, req)
	}
	below, err := openBelow(folder, req.Below)
	if err != nil {
		return nothing(), err
	}
	defer func() { _ = below.Close() }() // nothing was written through it
	req.Folder = filepath.Join(folder, req.Below)
	return resetIn(ctx, req, below)
}

// openBelow opens the folder that is at below in another one, and nothing outside of that.
func openBelow(folder, below string) (*os.Root, error) {
	if !filepath.IsLocal(below) {
		return nil, outside(below, folder)
	}
	name := filepath.Join(folder, below)
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, &RefusedError{Op: "opening", Subject: folder, Err: err}
	}
	defer func() { _ = root.Close() }() // nothing was written through it
	info, err := root.Stat(below)
	if err == nil && !info.IsDir() {
		err = syscall.ENOTDIR
	}
	var sub *os.Root
	if err == nil {
		sub, err = root.OpenRoot(below + "/.") // of a FIFO that took its place, there is no such name
	}
	var errno syscall.Errno
	switch {
	case err == nil:
		return sub, nil
	case errors.Is(err, syscall.ENOTDIR):
		return nil, &RefusedError{Op: "resetting", Subject: name, Err: ErrNotFolder}
	case !errors.As(err, &errno): // os exports no error for a path that leaves a Root
		return nil, outside(below, folder)
	default:
		return nil, &RefusedError{Op: "opening", Subject: name, Err: errno}
	}
}

func outside(below, folder string) error {
	return refused("resetting", below, ErrOutside, "it is not in "+folder)
}

// Ensure makes folders in their order with the owner and [FolderMode]; those that exist are set. What is in them is
// not changed. root must exist. folders are root itself or paths below it, each beginning with root (not relative to
// it); both absolute or both relative to the working folder. A parent comes before what is in it. No symbolic link is
// followed below root. An owner of UID or GID 0 is allowed.
//
// The error is a *[RefusedError] for an owner or a folder that cannot be used, and wraps [io/fs.ErrPermission] where
// this user may not make or set one. Folders before the failed one are made by then. On Linux, one that wraps
// [syscall.EROFS] is about folders on read-only mounts; all others are made by then.
func Ensure(root string, folders []string, owner Owner) error {
	if err := owner.check(true); err != nil {
		return err
	}
	paths := make([]string, 0, len(folders))
	for _, folder := range folders {
		rel, err := filepath.Rel(root, folder)
		if err != nil || !filepath.IsLocal(rel) {
			return refused("preparing", folder, ErrOutside, "it is not below "+root)
		}
		if err := refuse(folder); err != nil {
			return err
		}
		paths = append(paths, rel)
	}
	return ensure(root, paths, Request{Owner: owner}.want())
}
