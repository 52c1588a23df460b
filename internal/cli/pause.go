package cli

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/pause"
)

// Pause keeps the workers from taking songs.
func (t Target) Pause(ctx context.Context) error {
	p, before, err := t.paused(ctx)
	if err != nil {
		return err
	}
	if before != nil {
		t.UI.Result("it is %s already", before)
		return nil
	}
	folder, by := t.dataFolder(p), whoami()
	if err = folder.Pause(ctx, by); errors.Is(err, fs.ErrNotExist) { // no service was here so far
		queue := filepath.Join(p.Data, job.QueueFolder)
		if err = folder.Ensure(ctx, p.Root, append(slices.Clone(p.Folders), queue, filepath.Join(queue, string(job.Pending))), folder.Owner); err != nil {
			return err
		}
		err = folder.Pause(ctx, by)
	}
	if err != nil {
		return exit.With(exit.Failed, err)
	}
	t.UI.Result(`paused: workers finish the songs that they have, and take no other; "mage resume" continues`)
	return nil
}

// Resume ends what Pause began.
func (t Target) Resume(ctx context.Context) error {
	p, before, err := t.paused(ctx)
	if err != nil {
		return err
	}
	if before == nil {
		t.UI.Result("it is not paused")
		return nil
	}
	if err := t.dataFolder(p).Resume(ctx); err != nil {
		return exit.With(exit.Failed, err)
	}
	t.UI.Result("resumed: it was %s", before)
	return nil
}

// paused opens the project and reads whether it is paused; nil where it is not.
func (t Target) paused(ctx context.Context) (*project.Project, *pause.Pause, error) {
	p, err := t.dataProject(ctx)
	if err != nil {
		return nil, nil, err
	}
	before, err := pause.Read(p.Data)
	return p, before, exit.With(exit.Failed, err)
}

// pauseOf reads whether a project is paused; nil where it is not, or has no data folder. What cannot be read is said.
func (t Target) pauseOf(p *project.Project) *pause.Pause {
	if p.Data == "" {
		return nil
	}
	paused, err := pause.Read(p.Data)
	if err != nil {
		t.UI.Note("%v", err)
	}
	return paused
}

// notePaused says that the project is paused, if it is.
func (t Target) notePaused(p *pause.Pause) {
	if p != nil {
		t.UI.Note(`%s: workers take no song; "mage resume" continues`, p)
	}
}

// whoami is the user and the machine, for others who share the data folder.
func whoami() string {
	name := os.Getenv("SUDO_USER")
	if u, err := user.Current(); err == nil && name == "" {
		name = u.Username
	}
	host, err := os.Hostname()
	if err != nil {
		return name
	}
	return cmp.Or(name, "somebody") + "@" + host
}
