package separate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"github.com/dustin/go-humanize"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/term"
	"github.com/im2-audio/im2/pipeline/handover"
	"github.com/im2-audio/im2/pipeline/job"
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
	info, err := song.Stat()
	if err != nil {
		return handed{}, s.copyError(song, err)
	}
	bar := s.UI.Progress("copying "+shown(inputName(s.File)), info.Size(), term.Bytes)
	defer bar.Done()
	h := handed{before: map[string]bool{}}
	content := func() io.Reader {
		return &reading{ctx: ctx, song: song, info: info, read: bar.Set, whole: func() error { return s.remember(ctx, &h) }}
	}
	placed, err := s.Put(ctx, s.Data, handover.Song{Name: inputName(s.File), Size: info.Size(), Again: s.Again, Options: s.Options}, content)
	if err != nil {
		return handed{}, s.copyError(song, err)
	}
	h.name, h.entry, h.sha256 = placed.Name, placed.Entry, placed.SHA256
	return h, nil
}

// remember notes which jobs there are.
func (s *separation) remember(ctx context.Context, h *handed) error {
	ids, err := s.queue.IDs(ctx)
	for _, id := range ids {
		h.before[id] = true
	}
	return err
}

// reading reads the song from its beginning, and fails at its end if it was changed meanwhile.
type reading struct {
	ctx   context.Context //nolint:containedctx // io.Reader has no place for it
	song  *os.File
	info  fs.FileInfo
	at    int64
	read  func(int64)
	whole func() error
}

func (r *reading) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.song.ReadAt(p, r.at)
	r.at += int64(n)
	r.read(r.at)
	if n > 0 && errors.Is(err, io.EOF) {
		err = nil
	}
	if !errors.Is(err, io.EOF) {
		return n, err
	}
	now, err := r.song.Stat()
	if err == nil && (now.Size() != r.at || r.at != r.info.Size() || !now.ModTime().Equal(r.info.ModTime())) {
		err = handover.ErrChanged
	}
	if err == nil {
		err = r.whole()
	}
	if err == nil {
		err = io.EOF
	}
	return 0, err
}

func (s *separation) copyError(song *os.File, err error) error {
	doing := fmt.Sprintf("copying the song %q to %s", s.File, s.rel(job.InputFolder))
	var opening *handover.OpenError
	var coded *exit.Error
	switch {
	case errors.As(err, &opening):
		return exit.Fixable(exit.Failed, exit.Fix{Type: "mage up", Note: "makes it"}, "%w", err)
	case errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT):
		needed := "as much as the song has"
		if info, statErr := song.Stat(); statErr == nil {
			needed = humanize.Bytes(uint64(info.Size()))
		}
		return exit.Errorf(exit.Failed, "%s: no space left: %s are needed; make room and try again", doing, needed)
	case errors.As(err, &coded):
		text, fix := exit.Split(err)
		return exit.Fixable(coded.Code, fix, "%s: %s", doing, text)
	default:
		return exit.Errorf(exit.Failed, "%s: %w", doing, err)
	}
}
