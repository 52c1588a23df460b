// Package ownership gives the data folder the owner and the modes that every service
// agrees on: the app user's UID and GID, 755 for folders, 644 for files.
//
// It is made to be run as root on a folder that others write to meanwhile. No symbolic
// link is ever followed, nothing outside of the folder is reached or changed, mounts in
// it are not crossed, and an entry that is right already is not written.
//
// On Linux (the files *_linux.go) an entry that is right costs one statx, and one that is
// wrong is changed through a descriptor that was pinned to it and looked at again, so
// that no renaming or linking by others can lead the change elsewhere. Other systems have
// a plain walk relative to an open [os.Root] (plain.go); on Windows, where files have no
// numeric owner, nothing is changed.
package ownership

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/im2-audio/im2/internal/exit"
)

// The modes of SPEC point 5.
const (
	FolderMode fs.FileMode = 0o755
	FileMode   fs.FileMode = 0o644
)

// Skip is a reason for which an entry is left alone by design.
type Skip string

// The entries that are left alone. Each of them is a Problem, too.
const (
	// SkipHardLink is a file with another name outside of the folder, or one whose
	// names could not be proven to be all inside: changing it would change that, too.
	SkipHardLink Skip = "hard_link"
	// SkipMount is a mount, of a folder or of a single file, inside of the folder.
	SkipMount Skip = "mount"
	// SkipDevice is a device node with another owner: who owns it, owns the device.
	SkipDevice Skip = "device"
	// SkipImmutable and SkipAppendOnly are wrong entries with that attribute (chattr +i
	// and +a), which forbids changes even to root.
	SkipImmutable  Skip = "immutable"
	SkipAppendOnly Skip = "append_only"
	// SkipDeep is a folder below MaxDepth.
	SkipDeep Skip = "too_deep"
	// SkipBusy is an entry that others kept replacing.
	SkipBusy Skip = "busy"
)

// MaxDepth is how many folders may lie inside of one another. More is only found where
// someone wants the walk to take forever: reopening a folder costs time in proportion to
// its depth.
const MaxDepth = 1 << 16

// MaxProblems is how many Problems a Summary lists; the rest is only counted.
const MaxProblems = 1000

// Problem is an entry that could not be set right.
type Problem struct {
	// Path is relative to the folder that was reset. It has the bytes of the names as
	// they are, newlines and invalid UTF-8 included: show it with %q. Beyond 4,096 bytes
	// its middle is left out ("/.../").
	Path string `json:"path"`
	// Reason says why.
	Reason string `json:"reason"`
	// Skip is set where the entry was left alone by design, and empty where setting it
	// failed.
	Skip Skip `json:"skip,omitempty"`
}

// Summary counts what a reset saw and did.
type Summary struct {
	// Seen is the number of entries, the folder itself included.
	Seen int64 `json:"seen"`
	// Owner and Mode count the entries of which that was changed (or would be, dry). A
	// file with several names counts once.
	Owner int64 `json:"changed_owner"`
	Mode  int64 `json:"changed_mode"`
	// Vanished counts entries that went away between listing and looking.
	Vanished int64 `json:"vanished"`
	// Skipped counts the entries that were left alone by design, by reason; never nil.
	Skipped map[Skip]int64 `json:"skipped"`
	// Problems are the entries that could not be set right, by path: the first
	// MaxProblems that were found. They include those counted in Skipped.
	Problems []Problem `json:"problems"`
	// MoreProblems counts the problems beyond those listed.
	MoreProblems int64 `json:"more_problems"`
}

// ProblemCount is the number of all problems, listed or not.
func (s Summary) ProblemCount() int64 { return int64(len(s.Problems)) + s.MoreProblems }

// Request is one reset.
type Request struct {
	// Folder is reset all the way down.
	Folder string
	// Owner is whom everything shall belong to. 4294967295 is refused, and 0 without
	// AllowRoot.
	Owner Owner
	// AllowRoot permits an Owner with UID or GID 0.
	AllowRoot bool
	// DryRun counts without changing anything.
	DryRun bool
	// Seen is called with the number of entries so far, a few times a second; may be
	// nil. The calls come one at a time, on Linux from a goroutine of their own; the last
	// one has returned when Reset does.
	Seen func(n int64)
	// Workers is how many threads look at entries at once; 0 chooses by the number of
	// processors. Linux only.
	Workers int
}

// Reset sets owner and modes of the folder and everything in it. Entries that could not
// be set are in the Summary; the error is about the reset as a whole: a folder or owner
// that cannot be used ([exit.Unusable], nothing was changed), a read-only file system
// that has something to change, or the end of ctx. The Summary then counts what was done
// until there; the next run does the rest.
func Reset(ctx context.Context, req Request) (Summary, error) {
	none := Summary{Skipped: map[Skip]int64{}, Problems: []Problem{}}
	if err := req.Owner.check(req.AllowRoot); err != nil {
		return none, err
	}
	folder, err := CheckFolder(req.Folder)
	if err != nil {
		return none, err
	}
	req.Folder = folder
	return reset(ctx, req)
}

// Ensure makes the folders, parents first, with the owner and FolderMode. Only the
// folders themselves are looked at, not what is in them. root is an existing folder
// above all of them.
func Ensure(root string, folders []string, owner Owner) error {
	if err := owner.check(true); err != nil {
		return err
	}
	paths := make([]string, 0, len(folders))
	for _, folder := range folders {
		rel, err := filepath.Rel(root, folder)
		if err != nil || !filepath.IsLocal(rel) {
			return exit.Errorf(exit.Unusable, "preparing %s: it is not below %s", folder, root)
		}
		if err := refuse(folder); err != nil {
			return err
		}
		paths = append(paths, rel)
	}
	return ensure(root, paths, owner)
}

// errNoFolder is returned when something else stands where a folder must be.
var errNoFolder = errors.New("it is not a folder (a link to one does not count: a container could have made it)")

// wordEnsure says what went wrong with a folder, and what to do.
func wordEnsure(folder string, owner Owner, err error) error {
	if errors.Is(err, errNoFolder) {
		return exit.Errorf(exit.Unusable, "preparing %s: %w; move it away, then try again", folder, err)
	}
	if errors.Is(err, fs.ErrPermission) {
		return exit.Errorf(exit.Failed, "giving %s to %s: %w; either \"sudo chown %s %s\", or use your own IDs: \"mage setup -ids\"",
			folder, owner, err, owner, folder)
	}
	return exit.Errorf(exit.Failed, "preparing %s: %w", folder, err)
}
