// Package jobtest has jobs at some point of their way, and what a service runs in, for the tests of the services.
package jobtest

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/lease"
	"github.com/im2-audio/im2/pipeline/logging"
	"github.com/im2-audio/im2/pipeline/service"
	"github.com/im2-audio/im2/pipeline/spool"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

// Env makes what a service runs in, with its log in memory.
func Env(t *testing.T, data, worker string) (*service.Env, *bytes.Buffer) {
	t.Helper()
	log := &bytes.Buffer{}
	return &service.Env{
		Data: data, Poll: time.Millisecond, Worker: worker, Times: lease.Default,
		Log:    slog.New(idChecker{slog.NewTextHandler(log, nil), t, false}),
		Health: service.NewHealth(filepath.Join(t.TempDir(), "health")),
	}, log
}

// An idChecker fails the test for a line that names a job and has not its ID where a program looks for it.
type idChecker struct {
	slog.Handler
	t  *testing.T
	ok bool
}

var anID = regexp.MustCompile(`\b\d{8}T\d{6}\.\d{6}Z-[0-9a-f]{8}\b`)

func (c idChecker) Handle(ctx context.Context, r slog.Record) error {
	named := anID.FindString(r.Message)
	var ids []string
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == logging.JobKey {
			c.ok = true
		}
		ids = append(ids, anID.FindAllString(a.Value.String(), -1)...)
		return true
	})
	slices.Sort(ids)
	if ids = slices.Compact(ids); !c.ok && (named != "" || len(ids) == 1) { // Of several, each has a line of its own.
		c.t.Errorf("%q names job %s%s, and not under %q", r.Message, named, ids, logging.JobKey)
	}
	return c.Handler.Handle(ctx, r)
}

func (c idChecker) WithAttrs(attrs []slog.Attr) slog.Handler {
	has := slices.ContainsFunc(attrs, func(a slog.Attr) bool { return a.Key == logging.JobKey })
	return idChecker{c.Handler.WithAttrs(attrs), c.t, c.ok || has}
}

// Folder returns the folder of a job that must be in this stage, whoever has it.
func Folder(t *testing.T, s *spool.Spool, stage job.Stage, id string) string {
	t.Helper()
	entries, err := os.ReadDir(s.StageFolder(stage))
	spooltest.Must(t, err)
	for _, entry := range entries {
		if entry.Name() == id || strings.HasPrefix(entry.Name(), id+".") {
			return filepath.Join(s.StageFolder(stage), entry.Name())
		}
	}
	t.Fatalf("job %s is not in %s", id, stage)
	return ""
}

// In loads a job that must be in this stage and in no other.
func In(t *testing.T, s *spool.Spool, stage job.Stage, id string) *spool.Job {
	t.Helper()
	for _, other := range job.Stages {
		ids, _ := s.List(other) // Tests take folders away.
		if other != stage && slices.Contains(ids, id) {
			t.Errorf("the job is in %s; want it in %s", other, stage)
		}
	}
	j, err := s.Load(stage, id)
	spooltest.Must(t, err)
	return j
}

// WantGivenUp checks that a job, which is what it says, ended in failed/ or rejected/ with a name and a reason.
func WantGivenUp(t *testing.T, s *spool.Spool, id, what string) {
	t.Helper()
	for _, stage := range []job.Stage{job.Failed, job.Rejected} {
		if j, err := s.Load(stage, id); err == nil && j.Error != "" && j.Name != "" {
			t.Logf("%s: %s: %s", what, stage, j.Error)
			return
		}
	}
	t.Errorf("%s: it is in neither failed/ nor rejected/", what)
}

// Minute takes turns until everybody has seen for long enough what nobody works on, and returns
// the errors of the turns. The test must be one of synctest, or else it takes that long.
func Minute(turn func() error) error {
	var errs []error
	for range 15 {
		time.Sleep(5 * time.Second)
		errs = append(errs, turn())
	}
	return errors.Join(errs...)
}
