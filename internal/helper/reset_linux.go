package helper

import (
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/idmap"
	"github.com/im2-audio/im2/internal/permissions/message"
	"github.com/im2-audio/im2/ownership"
)

// reset sets owners and modes of a folder: ownership.Reset, for a container of the engine that has
// nothing else in it. What it says on standard output are messages, one a line.
func reset(args []string, _ io.Reader, stdout, stderr io.Writer) error {
	err := runReset(args, stdout, stderr)
	var refused *ownership.RefusedError
	if errors.As(err, &refused) {
		return exit.With(exit.Unusable, err)
	}
	return err
}

func runReset(args []string, stdout, stderr io.Writer) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	o, err := parseReset(args, stderr)
	if err != nil {
		return err
	}
	if o.maps {
		return maps(stdout)
	}
	if err := sameFolder(o.folder, o.inode); err != nil {
		return err
	}
	if len(o.folders) > 0 {
		return ensure(o, stdout)
	}
	return walk(ctx, o, stdout)
}

// resetOptions are the command line of reset.
type resetOptions struct {
	folder, below string
	owner         ownership.Owner
	dry           bool
	every         time.Duration
	workers       int
	inode         uint64
	folders       []string
	existing      bool
	maps          bool
}

// parseReset reads the command line; what is wrong with it goes to stderr, too.
func parseReset(args []string, stderr io.Writer) (resetOptions, error) {
	var o resetOptions
	flags := flag.NewFlagSet(Reset, flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.folder, "folder", "", "the folder to reset")
	flags.StringVar(&o.below, "below", ".", "reset only this folder in it")
	flags.Func("owner", "the owner, as UID:GID", func(text string) (err error) {
		o.owner, err = ownership.ParseOwner(text)
		return err
	})
	flags.BoolVar(&o.dry, "dry-run", false, "only count")
	flags.IntVar(&o.workers, "workers", 0, "how many threads look at once; 0 chooses")
	flags.DurationVar(&o.every, "progress", 0, "say this often how many entries were seen; 0 for never")
	flags.Uint64Var(&o.inode, "inode", 0, "refuse another folder than the one with this inode number")
	flags.Func("ensure", "do not walk, but make this folder in the folder and set it; may be repeated", func(name string) error {
		o.folders = append(o.folders, name)
		return nil
	})
	flags.BoolVar(&o.existing, "existing", false, "with -ensure: make nothing, and say how many are missing")
	flags.BoolVar(&o.maps, "maps", false, "only say which IDs of the machine those here are")
	if err := flags.Parse(args); err != nil {
		return o, exit.Errorf(exit.Unusable, "reading the command line: %w", err)
	}
	if o.maps {
		return o, nil
	}
	if o.folder == "" || flags.NArg() > 0 || o.owner.UID == 0 || o.owner.GID == 0 {
		return o, exit.Errorf(exit.Unusable, "wrong use: -folder and -owner are needed, no ID may be 0, and nothing comes after the flags")
	}
	return o, nil
}

// maps says how the user namespace that this process is in translates IDs.
func maps(stdout io.Writer) error {
	uid, gid, err := idmap.Self()
	if err != nil {
		return exit.Errorf(exit.Failed, "reading which IDs of the machine those here are: %w", err)
	}
	return message.Message{IDs: &message.IDMaps{UID: uid, GID: gid}}.Say(stdout)
}

// sameFolder refuses a folder that is another one than the caller sees under its name, as an
// engine on another machine would mount it.
func sameFolder(folder string, inode uint64) error {
	if inode == 0 {
		return nil
	}
	var stat syscall.Stat_t
	if err := syscall.Stat(folder, &stat); err != nil {
		return exit.Errorf(exit.Unusable, "looking at %s: %w", folder, err)
	}
	if stat.Ino != inode {
		return exit.Errorf(exit.Unusable, "the engine sees another folder of that name than this machine does; run this where the engine runs")
	}
	return nil
}

func walk(ctx context.Context, o resetOptions, stdout io.Writer) error {
	request := ownership.Request{Folder: o.folder, Below: o.below, Owner: o.owner, DryRun: o.dry, Workers: o.workers}
	quiet := func() {}
	if o.every > 0 {
		request.Progress, quiet = tell(stdout, o.every)
	}
	sum, err := ownership.Reset(ctx, request)
	quiet()
	if err != nil {
		return err
	}
	if err := (message.Message{Summary: &sum}).Say(stdout); err != nil {
		return err
	}
	if sum.ProblemCount() > 0 {
		return exit.Errorf(exit.Failed, "not everything could be set")
	}
	return nil
}

// tell returns a function to be told how many entries were seen, and another that ends
// what it says of them every now and then.
func tell(stdout io.Writer, every time.Duration) (seen func(int64), end func()) {
	var count atomic.Int64
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				_ = message.Message{Seen: count.Load()}.Say(stdout) // the result's line will tell of a closed pipe
			}
		}
	}()
	return count.Store, func() { close(stop); <-stopped }
}

// ensure makes the folders and sets them, parents first.
func ensure(o resetOptions, stdout io.Writer) error {
	var there []string
	missing := 0
	for _, name := range o.folders {
		path := filepath.Join(o.folder, name)
		if _, err := os.Lstat(path); o.existing && errors.Is(err, os.ErrNotExist) {
			missing++
			continue
		}
		there = append(there, path)
	}
	if err := ownership.Ensure(o.folder, there, o.owner); err != nil {
		return err
	}
	if missing > 0 {
		return message.Message{Missing: missing}.Say(stdout)
	}
	return nil
}
