package separate

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/dustin/go-humanize"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/term"
	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/title"
)

// mostNames ends the search for a free name; so many songs of one name mean that something else is wrong.
const mostNames = 10_000

// spareRoom is what a copy leaves of the disk.
const spareRoom = 1 << 20

var (
	// errChanged is returned for a song that is being written.
	errChanged = errors.New("it changed while it was copied; wait until it is complete")
	// errNoName is returned when every name that could be tried is taken.
	errNoName = errors.New("all names for it are taken")
)

// handed is a song that is the pipeline's now.
type handed struct {
	// name is the song's name, entry that of its file in the input folder.
	name, entry string
	// sha256 is its digest in lower-case hexadecimal.
	sha256 string
	// before are the jobs that existed before it was there: none of them is its job.
	before map[string]bool
}

// handOver puts a copy of the song into the input folder. On an error nothing is left there.
func (s *separation) handOver(ctx context.Context, song *os.File) (handed, error) {
	input, err := place.OpenRoot(s.Data, job.InputFolder)
	if err != nil {
		return handed{}, exit.Fixable(exit.Failed, exit.Fix{Type: "mage up", Note: "makes it"}, `opening the pipeline's input folder: %w`, err)
	}
	defer func() { _ = input.Close() }() // It has nothing to lose.
	temp := strings.Replace(job.UploadPattern, "*", rand.Text(), 1)
	h := handed{before: map[string]bool{}}
	if h.sha256, err = s.copy(ctx, input, temp, song); err == nil {
		err = s.publish(ctx, input, temp, &h)
	}
	if err != nil {
		_ = input.Remove(temp) // It may not even exist.
		return handed{}, s.copyError(song, err)
	}
	return h, nil
}

// copy writes the song to a new file, sees it onto the disk, and returns its digest.
func (s *separation) copy(ctx context.Context, input *os.Root, temp string, song *os.File) (string, error) {
	before, err := song.Stat()
	if err != nil {
		return "", err
	}
	// A file that is nothing but a hole is of any size. What the services write meanwhile has to fit as well.
	if err := place.CheckRoom(filepath.Join(s.Data, job.InputFolder), before.Size()+spareRoom); err != nil {
		return "", err
	}
	f, err := input.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // The one that counts is below.
	bar := s.UI.Progress("copying "+shown(inputName(s.File)), before.Size(), term.Bytes)
	defer bar.Done()
	sum := sha256.New()
	copied := int64(0)
	from := place.Reader(ctx, song, func(n int) {
		copied += int64(n)
		bar.Set(copied)
	})
	if _, err := io.Copy(io.MultiWriter(f, sum), from); err != nil {
		return "", err
	}
	after, err := song.Stat()
	if err != nil {
		return "", err
	}
	if after.Size() != copied || !after.ModTime().Equal(before.ModTime()) {
		return "", errChanged
	}
	uid, gid := s.owner()
	if err := place.Finish(f, uid, gid); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), f.Close()
}

// owner returns the IDs for place.Finish. Only root can give files away; the watcher copies other files.
func (s *separation) owner() (uid, gid int) {
	if !s.asRoot {
		return -1, -1
	}
	return int(s.Owner.UID), int(s.Owner.GID)
}

// publish gives the copy the first of the song's names that is free, with what is asked for beside it.
func (s *separation) publish(ctx context.Context, input *os.Root, temp string, h *handed) error {
	ids, err := s.queue.IDs(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		h.before[id] = true
	}
	limit := title.Limit
	if s.wish() != nil {
		limit = job.MostEntry
	}
	song, asked := title.AskedAgain(inputName(s.File))
	for n := 1; n <= mostNames; n++ {
		h.name = title.Number(song, n, limit)
		h.entry = h.name
		if s.Again || asked {
			h.entry = title.AskAgain(h.name, limit)
			h.name, _ = title.AskedAgain(h.entry) // It may have been cut.
		}
		err := s.claimWith(input, temp, h.entry)
		if err == nil {
			return place.SyncIn(input, ".")
		}
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return errNoName
}

// claim renames temp to name, unless there is something of that name.
//
// rename(2) would replace it, and checking first would leave a gap. link(2) does both in
// one step, on every file system that has hard links. Where there are none (FAT, some
// shares), an empty file made with O_EXCL takes the name, and is then replaced; the watcher
// leaves an empty file alone for a while.
func claim(input *os.Root, temp, name string) error {
	err := input.Link(temp, name)
	// A file server that lost its answer says that the name is taken: by this very file.
	if err == nil || errors.Is(err, fs.ErrExist) && same(input, temp, name) {
		return input.Remove(temp)
	}
	if errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return reserve(input, temp, name)
}

func same(input *os.Root, one, other string) bool {
	a, err := input.Lstat(one)
	if err != nil {
		return false
	}
	b, err := input.Lstat(other)
	return err == nil && os.SameFile(a, b)
}

func reserve(input *os.Root, temp, name string) error {
	f, err := input.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, place.FileMode)
	if err != nil {
		return err
	}
	_ = f.Close() // Nothing was written.
	if err := input.Rename(temp, name); err != nil {
		_ = input.Remove(name)
		return err
	}
	return nil
}

func (s *separation) copyError(song *os.File, err error) error {
	doing := fmt.Sprintf("copying the song %q to %s", s.File, s.rel(job.InputFolder))
	switch {
	case errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT):
		needed := "as much as the song has"
		if info, statErr := song.Stat(); statErr == nil {
			needed = humanize.Bytes(uint64(info.Size()))
		}
		return exit.Errorf(exit.Failed, "%s: no space left: %s are needed; make room and try again", doing, needed)
	case errors.Is(err, fs.ErrPermission):
		return exit.Errorf(exit.Failed,
			`%s: %w; the folder belongs to another user: "mage reset-permissions" gives it to the app user %s, and "id" shows whether that is you`,
			doing, err, s.Owner)
	default:
		return exit.Errorf(exit.Failed, "%s: %w", doing, err)
	}
}

// wish is what the sidecar of the song says; nil when nothing is asked for.
func (s *separation) wish() []byte {
	if s.Options.Equal(options.Options{}) {
		return nil
	}
	data, _ := json.Marshal(s.Options) // It was checked, so that there is no number that JSON has not.
	return append(data, '\n')
}

// claimWith is claim, with what is asked for in the song's sidecar before the song has its name. A name
// whose sidecar is there is taken, whether its song is or not: the watcher would take one song with
// what was asked for with another.
func (s *separation) claimWith(input *os.Root, temp, name string) error {
	sidecar := job.Sidecar(name)
	wish := s.wish()
	if wish == nil {
		if len(name) <= job.MostEntry {
			if _, err := input.Lstat(sidecar); !errors.Is(err, fs.ErrNotExist) {
				return orTaken(err)
			}
		}
		return claim(input, temp, name)
	}
	if _, err := input.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
		return orTaken(err)
	}
	uid, gid := s.owner()
	err := place.WriteNewIn(input, sidecar, wish, uid, gid)
	if err != nil {
		return err
	}
	if err = place.SyncIn(input, "."); err == nil {
		err = claim(input, temp, name)
	}
	if err != nil && !same(input, temp, name) { // Else the song is there, whatever the disk says.
		_ = input.Remove(sidecar) // It is this process's own. What stays the watcher removes after a day.
	}
	return err
}

func orTaken(err error) error {
	if err == nil {
		return fs.ErrExist
	}
	return err
}
