//go:build unix

package service

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/im2-audio/im2/pipeline/spool"
)

func newEnv(t *testing.T, log *bytes.Buffer) *Env {
	t.Helper()
	return &Env{
		Data: "/data", Poll: time.Microsecond, Worker: "w",
		Log:    slog.New(slog.NewTextHandler(log, nil)),
		Health: NewHealth(filepath.Join(t.TempDir(), "h")),
	}
}

func TestLoopReportsTroubleAndItsEnd(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	env := newEnv(t, &log)
	ctx, cancel := context.WithCancel(t.Context())
	var heard []string
	turns := []error{nil, syscall.ENOSPC, syscall.ENOSPC, nil, syscall.ENOSPC, nil}
	turn := -1
	err := env.Loop(ctx, func(context.Context) (bool, error) {
		if data, err := os.ReadFile(env.Health.path); err == nil {
			heard = append(heard, strings.Fields(string(data))[0])
		}
		if turn++; turn == len(turns) {
			cancel()
			return false, ctx.Err()
		}
		return turn%2 == 0, turns[turn]
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(heard, " "); got != "ok the the ok the ok" {
		t.Errorf("health after each turn = %s", got)
	}
	if n := strings.Count(log.String(), "is full"); n != 2 {
		t.Errorf("the trouble was logged %d times; want once for each time it began:\n%s", n, log.String())
	}
	if data, err := os.ReadFile(env.Health.path); err != nil || string(data) != "ok\n" {
		t.Errorf("health after the end = %q, %v", data, err)
	}
}

func TestLoopLogsAHeartbeatThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	env := newEnv(t, &log)
	env.Health = NewHealth(filepath.Join(t.TempDir(), "gone", "h"))
	ctx, cancel := context.WithCancel(t.Context())
	if err := env.Loop(ctx, func(context.Context) (bool, error) { cancel(); return true, nil }); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "renewing the heartbeat") {
		t.Errorf("log = %s", log.String())
	}
}

func TestExplainNamesTheCommandThatMends(t *testing.T) {
	t.Parallel()
	env := newEnv(t, &bytes.Buffer{})
	ids := fmt.Sprintf("%d:%d", os.Getuid(), os.Getgid())
	other := errors.New("other")
	tests := []struct {
		err  error
		want string
	}{
		{syscall.ENOSPC, "the disk that holds /data is full: free some space"},
		{syscall.EDQUOT, "the disk that holds /data is full: free some space"},
		{syscall.EROFS, "/data is mounted read-only: mount it writable and run `mage restart`"},
		{fs.ErrPermission, "/data cannot be written by " + ids + ": run `mage reset-permissions`"},
		{spool.ErrNotWritable, "/data cannot be written by " + ids + ": run `mage reset-permissions`"},
		{fs.ErrNotExist, "run `mage restart`"},
		{other, "other"},
	}
	for _, tt := range tests {
		got := env.explain(fmt.Errorf("writing: %w", tt.err))
		if !errors.Is(got, tt.err) || !strings.Contains(got.Error(), tt.want) {
			t.Errorf("explain(%v) = %v; want %q", tt.err, got, tt.want)
		}
	}
}

func TestARepeatedErrorIsNewsAfterAMinute(t *testing.T) {
	t.Parallel()
	var l errorLog
	now := time.Now()
	a, b := errors.New("a"), errors.New("b")
	steps := []struct {
		err   error
		after time.Duration
		want  bool
	}{{nil, 0, false}, {a, 0, true}, {a, 59 * time.Second, false}, {b, 59 * time.Second, true}, {b, 118 * time.Second, false}, {b, 119 * time.Second, true}}
	for i, step := range steps {
		if got := l.isNews(step.err, now.Add(step.after)); got != step.want {
			t.Errorf("step %d: isNews = %v; want %v", i, got, step.want)
		}
	}
}

// What has a random name in it is the same all the same: the claims of jobs, and temporary files.
func TestAnErrorWithRandomNamesIsNoNews(t *testing.T) {
	t.Parallel()
	id, now := "20261123T113047.123456Z-1a2b3c4d", time.Now()
	var l errorLog
	for n, text := range []string{
		"open queue/separating/" + id + ".w.01234567-89abcdef/job.json: no", "open queue/separating/" + id + ".w.01234567-0abcdef1/job.json: no",
		"open .tmp-123456: no", "open .tmp-77: no", "open .tmp-ABCDEFG: no",
		"open queue/separating/" + id + ": no", "open queue/separating/20261123T113047.123457Z-1a2b3c4d: no",
	} {
		if got, want := l.isNews(errors.New(text), now), n == 0 || n == 2 || n == 5 || n == 6; got != want {
			t.Errorf("%s: isNews = %v", text, got)
		}
	}
}

func TestErrorsHaveAnEnd(t *testing.T) {
	t.Parallel()
	long := errors.New(strings.Repeat("ü", 100_000))
	var log bytes.Buffer
	env := newEnv(t, &log)
	ctx, cancel := context.WithCancel(t.Context())
	turn := func(context.Context) (bool, error) { cancel(); return false, long }
	if err := env.Loop(ctx, turn); err != nil {
		t.Error(err)
	}
	_, health := (Service{Name: "test"}).readHealth(env.Health.path, time.Now())
	if health == nil || len(health.Error()) > 5000 || !strings.HasSuffix(health.Error(), "(and 195904 more bytes)") || !utf8.ValidString(health.Error()) {
		t.Errorf("the health check says %v", health)
	}
	if log.Len() == 0 || log.Len() > 5000 {
		t.Errorf("%d bytes were logged", log.Len())
	}
}

// What one job meets that cannot be finished delays no other, and is told all the same.
func TestWhatIsMetBesideDelaysNoWork(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err         error
		least, most int
	}{
		"the work": {syscall.EIO, 10, 20},
		"beside":   {Beside(nil, syscall.EIO), 119, 121},
		"both":     {Beside(syscall.EIO, syscall.EINVAL), 10, 20},
	} {
		synctest.Test(t, func(t *testing.T) {
			var log bytes.Buffer
			env := newEnv(t, &log)
			env.Poll = time.Second / 2
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			turns := 0
			if err := env.Loop(ctx, func(context.Context) (bool, error) { turns++; return false, c.err }); err != nil {
				t.Error(err)
			}
			if turns < c.least || turns > c.most {
				t.Errorf("%s: %d turns in a minute; want %d to %d", name, turns, c.least, c.most)
			}
			if data, err := os.ReadFile(env.Health.path); err != nil || !strings.Contains(string(data), "input/output error") {
				t.Errorf("%s: health is %q, %v", name, data, err)
			}
		})
	}
}
