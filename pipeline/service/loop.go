package service

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/im2-audio/im2/pipeline/spool"
)

const (
	// longestWait bounds the wait after repeated errors. It is less than freshFor, so that a
	// service that waits does not look like one that hangs.
	longestWait = 5 * time.Second
	// repeatAfter is when an error that has not changed is logged again.
	repeatAfter = time.Minute
)

// A Turn does the work that there is, once. It reports whether there was any, so that the next turn comes at
// once.
type Turn func(ctx context.Context) (busy bool, err error)

// Loop takes turns until ctx ends. An error of a turn is logged, passed to the health check
// with the command that fixes it, and followed by a wait that grows from error to error.
func (e *Env) Loop(ctx context.Context, turn Turn) error {
	var errs errorLog
	for wait := e.Poll; ctx.Err() == nil; {
		busy, err := turn(ctx)
		if ctx.Err() != nil && errors.Is(err, context.Canceled) {
			err = nil
		}
		err = e.explain(err)
		if healthErr := e.Health.Set(err); healthErr != nil {
			e.Log.Error("health", "error", healthErr)
		}
		if errs.isNews(err, time.Now()) {
			e.Log.Error("cannot work", "error", err)
		}
		if err == nil {
			wait = e.Poll
		}
		if err != nil || !busy {
			sleep(ctx, wait)
		}
		if err != nil {
			wait = min(2*wait, max(longestWait, e.Poll))
		}
	}
	return nil
}

// explain adds to an error of the data folder what a person can do about it.
func (e *Env) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("the disk that holds %s is full: free some space; the work then continues by itself: %w", e.Data, err)
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%s is mounted read-only: mount it writable and run `mage restart`: %w", e.Data, err)
	case errors.Is(err, spool.ErrNotWritable), errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s cannot be written by %d:%d: run `mage reset-permissions`: %w", e.Data, os.Getuid(), os.Getgid(), err)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("something in %s was removed while in use; if this stays, run `mage restart`: %w", e.Data, err)
	default:
		return err
	}
}

func sleep(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// An errorLog keeps an error that comes back on each turn from filling the log.
type errorLog struct {
	text string
	said time.Time
}

// isNews reports whether err should be logged: it differs from the one before, or that was
// logged long ago.
func (l *errorLog) isNews(err error, now time.Time) bool {
	if err == nil {
		*l = errorLog{}
		return false
	}
	if err.Error() == l.text && now.Sub(l.said) < repeatAfter {
		return false
	}
	*l = errorLog{text: err.Error(), said: now}
	return true
}
