package cli

import (
	"context"
	"os"
	"strings"
	"time"

	"github.com/im2-audio/im2/internal/build/image"
	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/project"
)

// alone waits until no other command of this user changes the project: what runs, what is built, or
// its Compose file. wait is the longest time to wait, nil as long as it takes.
func (t Target) alone(ctx context.Context, root string, wait *time.Duration) (release func(), err error) {
	none := func() {}
	if wait != nil && *wait < 0 {
		return nil, exit.Errorf(exit.Unusable, "-wait=%s: a time cannot be negative; 0s does not wait", *wait)
	}
	path := image.Builder{Project: &project.Project{Root: root}, Cache: t.cache(t.Environ)}.Remembered("lock")
	if path == "" {
		return none, nil
	}
	release, err = project.Lock{Path: path, Root: root, Command: typed(), Wait: wait, Note: t.UI.Note}.Acquire(ctx)
	if engine.Unwritable(err) {
		t.UI.Note("other commands on this project are not kept away, and nothing is cached: %v; fix: give that folder to this user", err)
		return none, nil
	}
	if err != nil {
		return nil, err
	}
	return release, nil
}

// typed is what was typed for this process, for others.
func typed() string {
	command := "mage "
	if exit.IsIM2() {
		command = "im2 "
	}
	return command + strings.Join(os.Args[1:], " ")
}
