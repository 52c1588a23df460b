package helper

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/permissions/message"
	"github.com/im2-audio/im2/pipeline/handover"
	"github.com/im2-audio/im2/pipeline/modelfolder"
	"github.com/im2-audio/im2/pipeline/pause"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/proof"
	"github.com/im2-audio/im2/pipeline/prune"
	"github.com/im2-audio/im2/pipeline/queue"
	"github.com/im2-audio/im2/pipeline/spool"
)

// put writes into a data folder as the user that it runs as, for somebody who may not. What it writes comes on
// standard input; what it says on standard output is one message. Nothing half is left when the input ends early.
func put(args []string, _ io.Reader, stdout, stderr io.Writer) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	o, err := parsePut(args, stderr)
	if err != nil {
		return err
	}
	if err := sameFolder(o.folder, o.inode); err != nil {
		return err
	}
	stdin, err := input(ctx)
	if err != nil {
		return exit.Errorf(exit.Failed, "opening the standard input: %w", err)
	}
	said, err := o.run(ctx, stdin)
	if err != nil {
		said = message.Message{Problem: message.ProblemOf(err)}
	}
	return errors.Join(err, said.Say(stdout))
}

// input is the standard input, reading of which ends with ctx.
func input(ctx context.Context) (*os.File, error) {
	if err := syscall.SetNonblock(syscall.Stdin, true); err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(syscall.Stdin), "standard input")
	context.AfterFunc(ctx, func() { _ = f.Close() })
	return f, nil
}

// putOptions are the command line of put.
type putOptions struct {
	verb, folder string
	inode        uint64
	song         handover.Song
	cache, model string
	job, id, by  string
	prune        prune.Options
}

// parsePut reads the command line; what is wrong with it goes to stderr, too.
func parsePut(args []string, stderr io.Writer) (putOptions, error) {
	var o putOptions
	if len(args) == 0 {
		return o, exit.Errorf(exit.Unusable, "usage: try | song | model | retry | cancel | pause | resume | prune | identify, and flags")
	}
	o.verb = args[0]
	flags := flag.NewFlagSet(Put, flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.folder, "folder", "", "the data folder")
	flags.Uint64Var(&o.inode, "inode", 0, "refuse another folder than the one with this inode number")
	flags.Func("name", "the song's name, quoted as in Go", func(text string) (err error) {
		o.song.Name, err = strconv.Unquote(text)
		return err
	})
	flags.Int64Var(&o.song.Size, "size", 0, "how many bytes the song has; one more ends the input")
	flags.BoolVar(&o.song.Again, "again", false, "separate the song also if that was done")
	flags.Func("options", "what is asked for with the song, as JSON", func(text string) error { return json.Unmarshal([]byte(text), &o.song.Options) })
	flags.StringVar(&o.cache, "cache", "", "the model cache in the data folder")
	flags.StringVar(&o.model, "model", "", "the name of the model's folder in it")
	flags.StringVar(&o.job, "job", "", "the ID of the job to bring back or to cancel")
	flags.StringVar(&o.by, "by", "", "who pauses")
	flags.Func("prune", "what to prune, as JSON", func(text string) error { return json.Unmarshal([]byte(text), &o.prune) })
	flags.StringVar(&o.id, "id", "", "the ID of a data folder that has none; a random one otherwise")
	if err := flags.Parse(args[1:]); err != nil {
		return o, exit.Errorf(exit.Unusable, "reading the command line: %w", err)
	}
	if o.folder == "" || flags.NArg() > 0 {
		return o, exit.Errorf(exit.Unusable, "wrong use: -folder is needed, and nothing comes after the flags")
	}
	return o, nil
}

func (o putOptions) run(ctx context.Context, stdin io.Reader) (said message.Message, err error) {
	switch o.verb {
	case "try":
		return said, handover.Try(o.folder)
	case "song":
		placed, err := handover.Put(ctx, o.folder, o.song, &announced{from: stdin, left: o.song.Size}, -1, -1)
		return message.Message{Placed: &placed}, err
	case "model":
		return said, o.putModel(stdin)
	case "retry":
		said.Stage, err = queue.New(o.folder).Retry(ctx, o.job, 0, 0)
		return said, err
	case "cancel":
		return said, spool.For(o.folder, -1, -1).Cancel(o.job)
	case "pause":
		return said, pause.Set(o.folder, o.by, -1, -1)
	case "resume":
		return said, pause.Clear(o.folder)
	case "prune":
		pruned, err := prune.Run(ctx, o.folder, o.prune)
		return message.Message{Pruned: &pruned}, err
	case "identify":
		_, err := proof.MakeID(o.folder, o.id, -1, -1)
		return said, err
	}
	return said, exit.Errorf(exit.Unusable, "unknown: %q", o.verb)
}

func (o putOptions) putModel(stdin io.Reader) error {
	cache, err := place.OpenRoot(o.folder, o.cache)
	if err != nil {
		return fmt.Errorf("opening the model cache: %w", err)
	}
	defer func() { _ = cache.Close() }() // It has nothing to lose.
	to, err := modelfolder.New(cache, o.model, -1, -1)
	if err != nil {
		return err
	}
	return modelfolder.Receive(stdin, to)
}

// announced reads so many bytes and one more, which says that the song is whole: without it, the other side gave up.
type announced struct {
	from io.Reader
	left int64
}

func (a *announced) Read(p []byte) (int, error) {
	if a.left == 0 {
		_, err := io.ReadFull(a.from, make([]byte, 1))
		if err == nil {
			return 0, io.EOF
		}
		return 0, io.ErrUnexpectedEOF
	}
	n, err := a.from.Read(p[:min(int64(len(p)), a.left)])
	if a.left -= int64(n); errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}
