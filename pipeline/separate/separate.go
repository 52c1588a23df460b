// Package separate gives one song to the pipeline, follows its job, and says where the
// stems are.
//
// Package handover copies the song into the data folder's input. From then on it is the
// pipeline's: this package only reads what the services record about it (pipeline/queue),
// so whatever ends the command, the job continues.
//
// What surprises: containers can write into the data folder, and this code may run as
// root. So it works there through os.Root, and believes nothing in a
// job's record that would lead elsewhere.
package separate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/term"
	"github.com/im2-audio/im2/pipeline/handover"
	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/queue"
)

// Request says what to separate.
type Request struct {
	// Data is the absolute path of the data folder.
	Data string
	// File is the song, as the user named it.
	File string
	// Put is handover.Put, as whoever may write to the folder. It reads what content returns to its end, once or, after
	// an error, again.
	Put func(ctx context.Context, data string, song handover.Song, content func() io.Reader) (handover.Placed, error)
	// Again asks for a song to be separated although the pipeline has its stems, or is about to.
	Again bool
	// Options are what is asked for.
	Options options.Options
	// JSON asks for the answer as JSON instead of one path a line.
	JSON bool
	// Base is the folder that paths in the answer and in messages are relative to where
	// they are inside of it: the working folder. Empty means absolute paths.
	Base string
	// UI shows the progress and takes the answer.
	UI *term.UI
	// Poll is how often the job is looked at; 0 means half a second.
	Poll time.Duration
}

const (
	// defaultPoll is often enough for a person, and a look costs a few system calls.
	defaultPoll = 500 * time.Millisecond
	// patience is how long nothing may happen before the user is told.
	patience = 15 * time.Second
	// searching is how long a song may be gone from input before it counts as lost.
	searching = time.Minute
)

// Run separates the song and writes the paths of its stems to standard output.
//
// The exit code of an error is Unusable for a file that is no song to begin with and for options that
// contradict each other, Failed
// when it was rejected, or given up, or could not be copied. When ctx ends after the song
// was handed over, the error wraps ctx's, and the user was told that the job continues.
func Run(ctx context.Context, req Request) error {
	s := &separation{
		Request: req, queue: queue.New(req.Data), poll: req.Poll,
		patience: patience, searching: searching,
	}
	if s.poll <= 0 {
		s.poll = defaultPoll
	}
	return s.run(ctx)
}

// separation is one call of Run.
type separation struct {
	Request
	queue                     *queue.Queue
	poll, patience, searching time.Duration
}

func (s *separation) run(ctx context.Context) error {
	if err := s.Options.Check(nil); err != nil {
		return exit.Errorf(exit.Unusable, "separating %q: %w", s.File, err)
	}
	song, err := openSong(s.File, s.Data)
	if err != nil {
		return err
	}
	defer func() { _ = song.Close() }() // It was only read.
	handed, err := s.handOver(ctx, song)
	if err != nil {
		return err
	}
	s.UI.Note("%s is in %s", shown(handed.name), s.rel("input"))
	j, err := s.follow(ctx, handed)
	if ctx.Err() != nil {
		s.UI.Note(`the pipeline continues with %s: "mage status" shows how far it is`, shown(handed.name))
		return fmt.Errorf("following %q: %w", handed.name, ctx.Err())
	}
	if err != nil {
		return explained(err, handed)
	}
	return s.report(j, handed)
}

// explained adds that the job continues to an error in following it.
func explained(err error, h handed) error {
	var coded *exit.Error
	if errors.As(err, &coded) {
		return err
	}
	return exit.Errorf(exit.Failed, `following %q: %w; the pipeline continues with it: "mage status" shows how far it is`, h.name, err)
}
