// Package handover puts a song into the input folder of the pipeline.
//
// It is copied under a hidden name, which the watcher passes over, and gets its own name when it is
// complete, with what is asked for in a hidden file beside it.
//
// What surprises: containers can write into the folder, and this code may run as root. So it works
// there through os.Root, with new files only.
package handover

import (
	"cmp"
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

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/title"
)

// mostNames ends the search for a free name; so many songs of one name mean that something else is wrong.
const mostNames = 10_000

// spareRoom is what a copy leaves of the disk.
const spareRoom = 1 << 20

// Unknown is the size of a song that nobody knows before its end.
const Unknown = -1

var (
	// ErrChanged is returned for a song that is being written.
	ErrChanged = errors.New("it changed while it was copied; wait until it is complete")
	// errNoName is returned when every name that could be tried is taken.
	errNoName = errors.New("all names for it are taken")
)

// OpenError is returned where there is no input folder, or none that can be opened.
type OpenError struct{ Err error }

func (e *OpenError) Error() string {
	return fmt.Sprintf("opening the pipeline's input folder: %v", e.Err)
}

// Unwrap returns the cause.
func (e *OpenError) Unwrap() error { return e.Err }

// Song is what is put there.
type Song struct {
	// Name is its name, as the watcher takes names.
	Name string
	// Size is how many bytes it has; Unknown where only its end tells.
	Size int64
	// Pattern is that of the name under which it is copied, with random text for "*"; "" is job.UploadPattern.
	Pattern string
	// Again asks for it also where the pipeline has it.
	Again bool
	// Options are what is asked for; the zero value is nothing.
	Options options.Options
}

// Placed is a song that is the pipeline's now.
type Placed struct {
	// Name is the song's name, Entry that of its file in the input folder.
	Name, Entry string
	// SHA256 is its digest in lower-case hexadecimal.
	SHA256 string
}

// Put copies content into the input folder of data, and gives it the first of the song's names that is
// free. Content that has another size than a known one is ErrChanged. The files belong to uid and gid; -1 leaves them to this
// process's user. On an error nothing is left there. An error that wraps fs.ErrPermission comes before
// anything of content is read, unless giving files away is refused.
func Put(ctx context.Context, data string, song Song, content io.Reader, uid, gid int) (Placed, error) {
	input, err := place.OpenRoot(data, job.InputFolder)
	if err != nil {
		return Placed{}, &OpenError{err}
	}
	defer func() { _ = input.Close() }() // It has nothing to lose.
	// A file that is nothing but a hole is of any size. What the services write meanwhile has to fit as well.
	if err := place.CheckRoom(filepath.Join(data, job.InputFolder), max(song.Size, 0)+spareRoom); err != nil {
		return Placed{}, err
	}
	p := putting{Song: song, input: input, uid: uid, gid: gid, temp: strings.Replace(cmp.Or(song.Pattern, job.UploadPattern), "*", rand.Text(), 1)}
	sum, err := p.copy(ctx, content)
	var placed Placed
	if err == nil {
		placed, err = p.publish()
	}
	if err != nil {
		_ = input.Remove(p.temp) // It may not even exist.
		return Placed{}, err
	}
	placed.SHA256 = sum
	return placed, nil
}

// Try finds out whether Put could write to the input folder of data. Nothing is left there.
func Try(data string) error {
	input, err := place.OpenRoot(data, job.InputFolder)
	if err != nil {
		return &OpenError{err}
	}
	defer func() { _ = input.Close() }() // It has nothing to lose.
	temp := strings.Replace(job.UploadPattern, "*", rand.Text(), 1)
	f, err := input.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), input.Remove(temp))
}

// putting is one call of Put.
type putting struct {
	Song
	input    *os.Root
	temp     string
	uid, gid int
}

// copy writes the song to a new file, sees it onto the disk, and returns its digest.
func (p putting) copy(ctx context.Context, content io.Reader) (string, error) {
	f, err := p.input.OpenFile(p.temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // The one that counts is below.
	sum := sha256.New()
	if p.Size != Unknown {
		content = io.LimitReader(content, p.Size+1)
	}
	copied, err := io.Copy(io.MultiWriter(f, sum), place.Reader(ctx, content, func(int) {}))
	if err != nil {
		return "", err
	}
	if p.Size != Unknown && copied != p.Size {
		return "", ErrChanged
	}
	if err := place.Finish(f, p.uid, p.gid); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), f.Close()
}

// publish gives the copy the first of the song's names that is free, with what is asked for beside it.
func (p putting) publish() (Placed, error) {
	limit := title.Limit
	if p.wish() != nil {
		limit = job.MostEntry
	}
	song, asked := title.AskedAgain(p.Name)
	for n := 1; n <= mostNames; n++ {
		name := title.Number(song, n, limit)
		entry := name
		if p.Again || asked {
			entry = title.AskAgain(name, limit)
			name, _ = title.AskedAgain(entry) // It may have been cut.
		}
		err := p.claimWith(entry)
		if err == nil {
			return Placed{Name: name, Entry: entry}, place.SyncIn(p.input, ".")
		}
		if !errors.Is(err, fs.ErrExist) {
			return Placed{}, err
		}
	}
	return Placed{}, errNoName
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

// wish is what the sidecar of the song says; nil when nothing is asked for.
func (p putting) wish() []byte {
	if p.Options.Equal(options.Options{}) {
		return nil
	}
	data, _ := json.Marshal(p.Options) // It was checked, so that there is no number that JSON has not.
	return append(data, '\n')
}

// claimWith is claim, with what is asked for in the song's sidecar before the song has its name. A name
// whose sidecar is there is taken, whether its song is or not: the watcher would take one song with
// what was asked for with another.
func (p putting) claimWith(name string) error {
	sidecar := job.Sidecar(name)
	wish := p.wish()
	if wish == nil {
		if len(name) <= job.MostEntry {
			if _, err := p.input.Lstat(sidecar); !errors.Is(err, fs.ErrNotExist) {
				return orTaken(err)
			}
		}
		return claim(p.input, p.temp, name)
	}
	if _, err := p.input.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
		return orTaken(err)
	}
	err := place.WriteNewIn(p.input, sidecar, wish, p.uid, p.gid)
	if err != nil {
		return err
	}
	if err = place.SyncIn(p.input, "."); err == nil {
		err = claim(p.input, p.temp, name)
	}
	if err != nil && !same(p.input, p.temp, name) { // Else the song is there, whatever the disk says.
		_ = p.input.Remove(sidecar) // It is this process's own. What stays the watcher removes after a day.
	}
	return err
}

func orTaken(err error) error {
	if err == nil {
		return fs.ErrExist
	}
	return err
}
