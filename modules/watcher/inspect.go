package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/gabriel-vasile/mimetype"

	"github.com/im2-audio/im2/pipeline/audio"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/spool"
)

// errChanging is returned when someone still writes into a file that was taken.
var errChanging = errors.New("the file still changes")

// inspect looks at the taken file at path. It fills size, digest and media type into the
// job's record, or returns the reason why the file is rejected. Afterwards the file is ours
// alone with mode 0644: as it is, or as a copy at copyPath. Of a file that has more than atMost bytes
// nothing is read: it is a largeError, or rejected where no song may be as large.
func (w *watcher) inspect(ctx context.Context, j *spool.Job, path, copyPath string, atMost int64) (reason string, err error) {
	if err := place.Local.RemoveAll(copyPath); err != nil { // Half of a copy that a crash left.
		return "", fmt.Errorf("inspecting: %w", err)
	}
	info, err := place.Local.Lstat(path)
	if err != nil {
		return "", fmt.Errorf("inspecting: %w", err)
	}
	if !info.Mode().IsRegular() {
		return notRegularReason(j.Name, info.Mode()), nil
	}
	f, err := place.Open(path)
	if errors.Is(err, fs.ErrPermission) {
		return unreadableReason(j.Name), nil
	}
	if errors.Is(err, syscall.ELOOP) {
		return notRegularReason(j.Name, fs.ModeSymlink), nil
	}
	if err != nil {
		return "", fmt.Errorf("inspecting: %w", err)
	}
	defer func() { _ = f.Close() }()
	return w.inspectOpen(ctx, j, f, copyPath, atMost)
}

func (w *watcher) inspectOpen(ctx context.Context, j *spool.Job, f *os.File, copyPath string, atMost int64) (reason string, err error) {
	before, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("inspecting: %w", err)
	}
	if !before.Mode().IsRegular() {
		return notRegularReason(j.Name, before.Mode()), nil
	}
	switch {
	case before.Size() == 0:
		return emptyReason(j.Name), nil
	case before.Size() > w.largest:
		return tooLargeReason(j.Name, before.Size(), w.largest), nil
	case !ours(before) && !fitsDisk(copyPath, before.Size()):
		return noDiskReason(j.Name, before.Size()), nil
	case before.Size() > atMost:
		return "", &largeError{before.Size()}
	}
	mediaType, mayBe, err := recognize(f)
	if err != nil {
		return "", fmt.Errorf("%q: %w", j.Name, err)
	}
	if !mayBe {
		return notAudioReason(j.Name, mediaType), nil
	}
	digest, err := w.digest(ctx, f, before, copyPath)
	if err != nil {
		return "", err
	}
	j.Size, j.SHA256, j.MIME = before.Size(), digest, mediaType
	return "", nil
}

// fitsDisk reports whether the disk of the file at path has, in all, so many bytes.
func fitsDisk(path string, size int64) bool {
	_, all, known := place.Space(filepath.Dir(path))
	return !known || size <= all
}

// digest reads the file once, from its start: for the SHA-256, and for the copy where one is
// needed. It returns errChanging when the file is not the same at the end as it was before.
func (w *watcher) digest(ctx context.Context, f *os.File, before fs.FileInfo, copyPath string) (string, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", fmt.Errorf("reading: %w", err)
	}
	hash := sha256.New()
	// Whoever makes it grow meanwhile does not keep this from its end.
	source := io.TeeReader(io.LimitReader(w.beating(ctx, f, before.Size()), before.Size()), hash)
	var err error
	if ours(before) {
		err = readOwn(f, source)
	} else {
		err = copyFile(copyPath, source, before.Size())
	}
	if err == nil {
		err = unchanged(f, before)
	}
	if err != nil {
		// Half a copy would take room on a disk that is full already, or be taken for a whole one.
		return "", errors.Join(err, place.Local.RemoveAll(copyPath))
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

func unchanged(f *os.File, before fs.FileInfo) error {
	after, err := f.Stat()
	if err != nil {
		return fmt.Errorf("reading the song: %w", err)
	}
	if after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime()) {
		return errChanging
	}
	return nil
}

// readOwn reads the file to its end, and puts it on the disk with the mode of all files.
func readOwn(f *os.File, source io.Reader) error {
	if _, err := io.Copy(io.Discard, source); err != nil {
		return fmt.Errorf("reading the song: %w", err)
	}
	if err := f.Chmod(place.FileMode); err != nil {
		return fmt.Errorf("setting the mode: %w", err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("reading the song: %w", err)
	}
	return nil
}

// spareRoom is what a copy leaves of the disk, for records: the others go on while one file waits for room.
const spareRoom = 1 << 20

// A noRoomError says that the disk has no room for the copy of one file. It wraps no ENOSPC, which stops all: what
// is not copied needs next to no room, and another copy may need less.
type noRoomError struct{ why error }

func (e *noRoomError) Error() string {
	return fmt.Sprintf("a file that belongs to someone else, or has a second name (hard link), waits to be copied: %v; free some space, or remove it", e.why)
}

// copyFile writes source, of about so many bytes, into a new file that belongs to this user,
// and puts it on the disk. It does not begin when there is no room, and ends when that is used up.
func copyFile(path string, source io.Reader, size int64) (err error) {
	defer func() {
		if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
			err = &noRoomError{err}
		}
	}()
	if err := place.CheckRoom(filepath.Dir(path), size+spareRoom); err != nil {
		return err
	}
	f, err := place.Create(path)
	if err != nil {
		return fmt.Errorf("copying: %w", err)
	}
	err = copyWithin(f, source)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("copying: %w", err)
	}
	return place.SyncFile(path)
}

// copyWithin copies as long as the disk has room to spare: several copies may have begun at once.
func copyWithin(f *os.File, source io.Reader) error {
	const atOnce = spareRoom / takers
	for {
		_, err := io.CopyN(f, source, atOnce)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = place.CheckRoom(filepath.Dir(f.Name()), spareRoom)
		}
		if err != nil {
			return err
		}
	}
}

// beatEveryBytes is how much is read between two heartbeats: little enough for a slow disk.
const beatEveryBytes = 8 << 20

// beating reads a file of that size until ctx ends, and renews the heartbeat as long as bytes come: a
// file of many megabytes on a slow disk is no hanging service. A large one is read beside the turns, which
// have to renew it themselves.
func (w *watcher) beating(ctx context.Context, f *os.File, size int64) io.Reader {
	unsaid := 0
	return place.Reader(ctx, f, func(n int) {
		if size > w.large {
			return
		}
		if unsaid += n; unsaid >= beatEveryBytes {
			unsaid = 0
			w.beat()
		}
	})
}

// recognize decides by a file's content, whatever its name says, what it is and whether it may be a
// song. An unknown kind may be one: the worker's decoder decides.
func recognize(f *os.File) (mediaType string, mayBe bool, err error) {
	head := make([]byte, audio.HeadSize)
	n, err := f.ReadAt(head, 0)
	if err != nil && n == 0 {
		return "", false, fmt.Errorf("recognizing: %w", err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", false, fmt.Errorf("recognizing: %w", err)
	}
	kind, err := mimetype.DetectReader(f)
	if err != nil {
		return "", false, fmt.Errorf("recognizing: %w", err)
	}
	mediaType, mayBe = audio.Recognize(head[:n], kind.String())
	return mediaType, mayBe, nil
}
