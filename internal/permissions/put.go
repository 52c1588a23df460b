package permissions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/permissions/message"
	"github.com/im2-audio/im2/ownership"
	"github.com/im2-audio/im2/pipeline/handover"
	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/modelfolder"
	"github.com/im2-audio/im2/pipeline/pause"
	"github.com/im2-audio/im2/pipeline/proof"
	"github.com/im2-audio/im2/pipeline/prune"
	"github.com/im2-audio/im2/pipeline/queue"
	"github.com/im2-audio/im2/pipeline/spool"
)

// ownIDs lets this user write to the data folder without an engine.
var ownIDs = exit.Fix{Type: "mage setup -ids", Note: "makes your own IDs the services'"}

// A Folder is a data folder that this user may not be able to write to: what cannot be done by this process is
// done by a container of the engine. It runs as the app user, so that what it writes has the right owner whatever
// IDs the engine maps that user to.
type Folder struct {
	*Resetter
	// Data is its absolute path.
	Data string
	// Owner is the app user.
	Owner ownership.Owner
}

// directOwner are the IDs that this process gives to what it writes: only root can give files away.
func (f Folder) directOwner() (uid, gid int) {
	if f.EUID != 0 {
		return -1, -1
	}
	return int(f.Owner.UID), int(f.Owner.GID)
}

// either does something directly if this user may, and else through the engine. Root may, but on an engine with
// other IDs does not know which user files are for.
func (f Folder) either(ctx context.Context, directly func() error, through func(*engine.Engine) error) error {
	var e *engine.Engine
	var noEngine error
	if f.EUID == 0 {
		e, noEngine = f.look(ctx)
	}
	if remapping(e) == "" {
		err := directly()
		if !errors.Is(err, fs.ErrPermission) || ctx.Err() != nil {
			return err
		}
		if f.EUID != 0 {
			e, noEngine = f.look(ctx)
		}
		if noEngine != nil {
			text, fix := exit.Split(noEngine)
			switch fix {
			case engine.StartRootless:
			case exit.Fix{}:
				fix = ownIDs
			default:
				fix.Note += ", or " + ownIDs.String()
			}
			return exit.Fixable(exit.Failed, fix, "%w: it belongs to the app user %s, and the engine cannot write there for you: %s", exit.Reason(err), f.Owner, text)
		}
	}
	return through(e)
}

// put runs the helper that writes, and returns what it answers.
func (f Folder) put(ctx context.Context, e *engine.Engine, stdin io.Reader, args ...string) (message.Message, error) {
	var said message.Message
	input := &watched{Reader: stdin}
	j := task{image: putImage, data: f.Data, user: f.Owner.String(), args: args}
	if args[0] != "try" {
		f.note("the data folder belongs to the app user %s: a container writes there as that user", f.Owner)
	}
	if stdin != nil {
		j.stdin = input
	}
	err := f.contain(ctx, e, j, func(m message.Message) { said = m })
	switch {
	case ctx.Err() != nil:
		return said, ctx.Err()
	case input.err != nil: // the container can only say that the input ended
		return said, input.err
	case errors.Is(said.Problem, fs.ErrPermission):
		fix := exit.Fix{Type: "mage reset-permissions", Note: "gives everything there to that user"}
		return said, exit.Fixable(exit.Failed, fix, "%w, also to the app user %s", fs.ErrPermission, f.Owner)
	case said.Problem != nil:
		return said, said.Problem
	case errors.Is(err, fs.ErrNotExist): // there is no data folder, and the error says so
		return said, err
	case err != nil:
		text, fix := exit.Split(err)
		return said, exit.Fixable(exit.Failed, fix, "writing through the engine: %s", text)
	}
	return said, nil
}

// watched remembers why reading failed.
type watched struct {
	io.Reader
	err error
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		w.err = err
	}
	return n, err
}

// TryInput finds out whether this user can put a song into the input folder. direct says that no engine is needed
// for it. Nothing is left there.
func (f Folder) TryInput(ctx context.Context) (direct bool, err error) {
	direct = true
	err = f.either(ctx, func() error { return handover.Try(f.Data) }, func(e *engine.Engine) error {
		direct = false
		_, err := f.put(ctx, e, nil, "try")
		return err
	})
	return direct, err
}

// PutSong is handover.Put.
func (f Folder) PutSong(ctx context.Context, data string, song handover.Song, content func() io.Reader) (placed handover.Placed, err error) {
	err = f.either(ctx, func() error {
		uid, gid := f.directOwner()
		placed, err = handover.Put(ctx, data, song, content(), uid, gid)
		return err
	}, func(e *engine.Engine) error {
		options, err := json.Marshal(song.Options)
		if err != nil {
			return fmt.Errorf("writing down the options: %w", err)
		}
		// The last byte says that the song is whole.
		said, err := f.put(ctx, e, io.MultiReader(content(), strings.NewReader(".")), "song", "-name="+strconv.QuoteToASCII(song.Name),
			"-size="+strconv.FormatInt(song.Size, 10), "-again="+strconv.FormatBool(song.Again), "-options="+string(options))
		if err == nil && said.Placed == nil {
			err = errors.New("the container did not say where the song is")
		}
		if err == nil {
			placed = *said.Placed
		}
		return err
	})
	return placed, err
}

// MakeID is proof.MakeID.
func (f Folder) MakeID(ctx context.Context, want string) (id string, err error) {
	data, err := filepath.EvalSymlinks(f.Data) // as in Cancel
	if err != nil {
		return "", err
	}
	if id, err = proof.ReadID(data); !errors.Is(err, proof.ErrNoID) {
		return id, err
	}
	err = f.either(ctx, func() error {
		uid, gid := f.directOwner()
		id, err = proof.MakeID(data, want, uid, gid)
		return err
	}, func(e *engine.Engine) error {
		if _, err := f.put(ctx, e, nil, "identify", "-id="+want); err != nil {
			return err
		}
		id, err = proof.ReadID(data)
		return err
	})
	return id, err
}

// Retry is queue.Queue.Retry.
func (f Folder) Retry(ctx context.Context, q *queue.Queue, id string) (to job.Stage, err error) {
	err = f.either(ctx, func() error {
		to, err = q.Retry(ctx, id, int(f.Owner.UID), int(f.Owner.GID))
		return err
	}, func(e *engine.Engine) error {
		said, err := f.put(ctx, e, nil, "retry", "-job="+id)
		to = said.Stage
		return err
	})
	return to, err
}

// Cancel is spool.Spool.Cancel.
func (f Folder) Cancel(ctx context.Context, id string) error {
	return f.either(ctx, func() error {
		uid, gid := f.directOwner()
		data, err := filepath.EvalSymlinks(f.Data) // the spool follows no link
		if err == nil {
			err = spool.For(data, uid, gid).Cancel(id)
		}
		return err
	}, func(e *engine.Engine) error {
		_, err := f.put(ctx, e, nil, "cancel", "-job="+id)
		return err
	})
}

// Pause is pause.Set.
func (f Folder) Pause(ctx context.Context, by string) error {
	return f.either(ctx, func() error {
		uid, gid := f.directOwner()
		return pause.Set(f.Data, by, uid, gid)
	}, func(e *engine.Engine) error {
		_, err := f.put(ctx, e, nil, "pause", "-by="+by)
		return err
	})
}

// Resume is pause.Clear.
func (f Folder) Resume(ctx context.Context) error {
	return f.either(ctx, func() error { return pause.Clear(f.Data) }, func(e *engine.Engine) error {
		_, err := f.put(ctx, e, nil, "resume")
		return err
	})
}

// Prune is prune.Run.
func (f Folder) Prune(ctx context.Context, o prune.Options) (result prune.Result, err error) {
	err = f.either(ctx, func() error {
		result, err = prune.Run(ctx, f.Data, o)
		return err
	}, func(e *engine.Engine) error {
		asked, err := json.Marshal(o)
		if err != nil {
			return fmt.Errorf("writing down what to prune: %w", err)
		}
		said, err := f.put(ctx, e, nil, "prune", "-prune="+string(asked))
		if err == nil && said.Pruned == nil {
			err = errors.New("the container did not say what it removed")
		}
		if err == nil {
			result = *said.Pruned
		}
		return err
	})
	return result, err
}

// ModelFolder makes the folder of a prepared model in the model cache, which is open, and a folder in the data folder.
func (f Folder) ModelFolder(ctx context.Context, dir string, cache *os.Root, name string) (to modelfolder.Writer, err error) {
	rel, err := filepath.Rel(f.Data, dir)
	if err != nil {
		return nil, err
	}
	err = f.either(ctx, func() error {
		uid, gid := f.directOwner()
		to, err = modelfolder.New(cache, name, uid, gid)
		return err
	}, func(e *engine.Engine) error {
		r, w := io.Pipe()
		ended := make(chan error, 1)
		go func() {
			_, err := f.put(ctx, e, r, "model", "-cache="+filepath.ToSlash(rel), "-model="+name)
			_ = r.CloseWithError(io.ErrClosedPipe) // what is written now goes nowhere
			ended <- err
		}()
		to = modelfolder.NewSender(w, func(complete bool) error {
			if complete {
				_ = w.Close()
			} else {
				_ = w.CloseWithError(io.ErrUnexpectedEOF)
			}
			return <-ended
		})
		return nil
	})
	return to, err
}
