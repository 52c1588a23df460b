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
// alone with mode 0644: as it is, or as a copy at copyPath.
func (w *watcher) inspect(ctx context.Context, j *spool.Job, path, copyPath string) (reason string, err error) {
	if err := os.RemoveAll(copyPath); err != nil { // Half of a copy that a crash left.
		return "", fmt.Errorf("inspecting: %w", err)
	}
	info, err := os.Lstat(path)
	if err != nil {
		return "", fmt.Errorf("inspecting: %w", err)
	}
	if !info.Mode().IsRegular() {
		return notRegularReason(j.Name, info.Mode()), nil
	}
	f, err := os.OpenFile(path, openFlags, 0)
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
	return w.inspectOpen(ctx, j, f, copyPath)
}

func (w *watcher) inspectOpen(ctx context.Context, j *spool.Job, f *os.File, copyPath string) (reason string, err error) {
	before, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("inspecting: %w", err)
	}
	if !before.Mode().IsRegular() {
		return notRegularReason(j.Name, before.Mode()), nil
	}
	if before.Size() == 0 {
		return emptyReason(j.Name), nil
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

// digest reads the file once, from its start: for the SHA-256, and for the copy where one is
// needed. It returns errChanging when the file is not the same at the end as it was before.
func (w *watcher) digest(ctx context.Context, f *os.File, before fs.FileInfo, copyPath string) (string, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", fmt.Errorf("reading: %w", err)
	}
	hash := sha256.New()
	source := io.TeeReader(w.beating(ctx, f), hash)
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
		return "", errors.Join(err, os.RemoveAll(copyPath))
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

func unchanged(f *os.File, before fs.FileInfo) error {
	after, err := f.Stat()
	if err != nil {
		return fmt.Errorf("reading: %w", err)
	}
	if after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime()) {
		return errChanging
	}
	return nil
}

// readOwn reads the file to its end, and puts it on the disk with the mode of all files.
func readOwn(f *os.File, source io.Reader) error {
	if _, err := io.Copy(io.Discard, source); err != nil {
		return fmt.Errorf("reading: %w", err)
	}
	if err := f.Chmod(place.FileMode); err != nil {
		return fmt.Errorf("setting the mode: %w", err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("reading: %w", err)
	}
	return nil
}

// copyFile writes source, of about so many bytes, into a new file that belongs to this user,
// and puts it on the disk. It does not begin when there is no room.
func copyFile(path string, source io.Reader, size int64) error {
	if err := place.CheckRoom(filepath.Dir(path), size); err != nil {
		return fmt.Errorf("copying a file that belongs to someone else: %w", err)
	}
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("copying: %w", err)
	}
	_, err = io.Copy(f, source)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("copying: %w", err)
	}
	return place.SyncFile(path)
}

// beatEveryBytes is how much is read between two heartbeats: little enough for a slow disk.
const beatEveryBytes = 8 << 20

// beating reads a file until ctx ends, and renews the heartbeat as long as bytes come: a
// file of many gigabytes is no hanging service.
func (w *watcher) beating(ctx context.Context, f *os.File) io.Reader {
	unsaid := 0
	return place.Reader(ctx, f, func(n int) {
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
