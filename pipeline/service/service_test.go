//go:build unix

package service

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/im2-audio/im2/pipeline/lease"
	"github.com/im2-audio/im2/pipeline/proof"
)

// A result is what a run of a service came to.
type result struct {
	code           int
	stdout, stderr string
}

// run calls the service as a user who is not root.
func run(ctx context.Context, s Service, args ...string) result {
	return runAs(ctx, s, 1000, args...)
}

func runAs(ctx context.Context, s Service, uid int, args ...string) result {
	unchecked := func(name string) string { return map[string]string{proof.Switch: proof.Off}[name] }
	return runIn(ctx, s, process{args: args, uid: uid, getenv: unchecked})
}

func runIn(ctx context.Context, s Service, p process) result {
	var stdout, stderr bytes.Buffer
	p.stdout, p.stderr = &stdout, &stderr
	code := s.main(ctx, p)
	return result{code, stdout.String(), stderr.String()}
}

// idle is a service that has nothing to do.
func idle(runs *int) Service {
	return Service{Name: "idle", Poll: time.Second, Run: func(context.Context, *Env) error {
		*runs++
		return nil
	}}
}

func TestWrongUseExitsWith2AndSaysWhy(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		uid  int
		args []string
		want string
	}{
		{"root", 0, nil, "refusing to run as root (UID 0)"},
		{"unknown flag", 1000, []string{"-x"}, "flag provided but not defined: -x"},
		{"argument", 1000, []string{"run"}, `unknown argument "run"`},
		{"log format", 1000, []string{"-log", "xml"}, `-log "xml": it must be text or json`},
		{"free space", 1000, []string{"-min-free", "much"}, `-min-free "much": it must be a size such as 2g or 500m, a share of the disk such as 5%, or 0 for no limit; set PIPELINE_MIN_FREE in .env.local and run ` + "`mage up`"},
		{"poll", 1000, []string{"-poll", "0s"}, "-poll 0s: it must be more than zero"},
		{"poll that seems to hang", 1000, []string{"-poll", "11s"}, "-poll 11s: it must be at most 10s"},
		{
			"lease", 1000, []string{"-lease", "11s"}, "-lease 11s -renew 4s: a lease of 11s that is renewed every 4s would be taken from workers that are only slow: " +
				"it must last for at least 3 renewals, 12s; set PIPELINE_LEASE and PIPELINE_RENEW in .env.local and run `mage up`\n",
		},
		{"renew", 1000, []string{"-renew", "-1s"}, "a lease cannot be renewed every -1s"},
		{"health with an unknown flag", 1000, []string{"health", "-x"}, "flag provided but not defined: -x"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			runs := 0
			got := runAs(t.Context(), idle(&runs), tt.uid, tt.args...)
			if got.code != 2 || runs != 0 || !strings.Contains(got.stderr, tt.want) {
				t.Errorf("exit %d, %d runs, stderr %q; want 2, none, and %q", got.code, runs, got.stderr, tt.want)
			}
		})
	}
}

func TestTheServicesOwnCheckIsAskedWithItsFlags(t *testing.T) {
	t.Parallel()
	runs, color := 0, ""
	s := idle(&runs)
	s.Flags = func(flags *flag.FlagSet) { flags.StringVar(&color, "color", "", "") }
	s.Check = func() error { return errors.New("no such color: " + color) }
	got := run(t.Context(), s, "-color", "loud")
	if got.code != 2 || got.stderr != "idle: no such color: loud\n" || runs != 0 {
		t.Errorf("result = %+v", got)
	}
}

func TestHelpIsNoError(t *testing.T) {
	t.Parallel()
	runs := 0
	for _, args := range [][]string{{"-h"}, {"health", "-h"}} {
		got := run(t.Context(), idle(&runs), args...)
		if got.code != 0 || !strings.Contains(got.stderr, "-health-file") || runs != 0 {
			t.Errorf("%v: %+v", args, got)
		}
	}
}

func TestAServiceRunsWithItsSettings(t *testing.T) {
	t.Parallel()
	var env *Env
	s := Service{Name: "idle", Poll: time.Second, Run: func(_ context.Context, e *Env) error { env = e; return nil }}
	got := run(t.Context(), s, "-data", "/d", "-poll", "3s", "-log", "json", "-health-file", "/h")
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	if got.code != 0 || env.Data != "/d" || env.Poll != 3*time.Second || env.Worker != host || env.Health.path != "/h" {
		t.Errorf("result = %+v, settings = %+v", got, env)
	}
	if !strings.Contains(got.stderr, `"msg":"started"`) {
		t.Errorf("log is not JSON: %s", got.stderr)
	}
}

func TestSettingsAreTheDefaultsOfFlags(t *testing.T) {
	for name, value := range map[string]string{"PIPELINE_POLL": "2s", "PIPELINE_LEASE": "3m", "PIPELINE_RENEW": "10s"} {
		t.Setenv(name, value)
	}
	var env *Env
	s := Service{Name: "idle", Poll: time.Second, Run: func(_ context.Context, e *Env) error { env = e; return nil }}
	got := run(t.Context(), s, "-renew", "11s")
	if want := (lease.Times{Lease: 3 * time.Minute, Renew: 11 * time.Second}); got.code != 0 || env.Poll != 2*time.Second || env.Times != want {
		t.Errorf("result = %+v, settings = %+v", got, env)
	}
	t.Setenv("PIPELINE_LEASE", "a minute")
	if got = run(t.Context(), s); got.code != 2 || !strings.Contains(got.stderr, `PIPELINE_LEASE "a minute": it must be a time such as 90s or 500ms; set it in .env.local and run`) {
		t.Errorf("result = %+v", got)
	}
	t.Setenv("PIPELINE_LEASE", "")
	t.Setenv("PIPELINE_RENEW", "")
	if got = run(t.Context(), s); got.code != 0 || env.Times != lease.Default {
		t.Errorf("result = %+v, settings = %+v", got, env)
	}
}

func TestANoteIsNoTrouble(t *testing.T) {
	t.Parallel()
	h := NewHealth(filepath.Join(t.TempDir(), "h"))
	h.Note("waiting for\nanother one")
	for _, step := range []struct {
		err  error
		want string
	}{{nil, "ok: waiting for another one\n"}, {errors.New("the disk is full"), "the disk is full\n"}, {nil, "ok: waiting for another one\n"}} {
		if err := h.Set(step.err); err != nil {
			t.Fatal(err)
		}
		if data, err := os.ReadFile(h.path); err != nil || string(data) != step.want {
			t.Errorf("heartbeat = %q, %v; want %q", data, err, step.want)
		}
	}
	h.Note("")
	if err := h.Beat(); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(h.path); err != nil || string(data) != "ok\n" {
		t.Errorf("heartbeat = %q, %v", data, err)
	}
}

func TestAnErrorOfRunExitsWith1(t *testing.T) {
	t.Parallel()
	s := Service{Name: "bad", Poll: time.Second, Run: func(context.Context, *Env) error { return errors.New("it broke") }}
	got := run(t.Context(), s)
	if got.code != 1 || !strings.Contains(got.stderr, `error="it broke"`) {
		t.Errorf("result = %+v", got)
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		// file is the content of the heartbeat; "" for none.
		file string
		age  time.Duration
		code int
		want string
	}{
		{"well", "ok\n", 0, 0, "ok\n"},
		{"well and waits", "ok: waiting for another watcher\n", 0, 0, "ok: waiting for another watcher\n"},
		{"no note", "okay\n", 0, 1, "okay\n"},
		{"well a while ago", "ok\n", 20 * time.Second, 0, "ok\n"},
		{"hangs", "ok\n", 31 * time.Second, 1, "idle hangs: its last heartbeat was 31s ago"},
		{"unwell", "the model weights are missing; run `mage demucs-cache`\n", 0, 1, "the model weights are missing; run `mage demucs-cache`\n"},
		{"not started", "", 0, 1, "idle has not started"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "health")
			if tt.file != "" {
				if err := os.WriteFile(path, []byte(tt.file), 0o600); err != nil {
					t.Fatal(err)
				}
				at := time.Now().Add(-tt.age)
				if err := os.Chtimes(path, at, at); err != nil {
					t.Fatal(err)
				}
			}
			runs := 0
			// Root may ask: a health check can run as another user than the service.
			got := runAs(t.Context(), idle(&runs), 0, "health", "-health-file", path)
			if got.code != tt.code || !strings.HasPrefix(got.stdout, tt.want) || strings.Count(got.stdout, "\n") != 1 {
				t.Errorf("result = %+v; want %d and %q in one line", got, tt.code, tt.want)
			}
		})
	}
}

func TestHealthOfAnUnreadableHeartbeat(t *testing.T) {
	t.Parallel()
	runs := 0
	for _, path := range []string{t.TempDir(), "x\x00"} {
		if got := run(t.Context(), idle(&runs), "health", "-health-file", path); got.code != 1 {
			t.Errorf("%q: %+v", path, got)
		}
	}
}

func TestTheHeartbeatIsOneLine(t *testing.T) {
	t.Parallel()
	h := NewHealth(filepath.Join(t.TempDir(), "h"))
	if err := h.Set(errors.Join(errors.New("one"), errors.New("two"))); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(h.path); err != nil || string(data) != "one two\n" {
		t.Errorf("heartbeat = %q, %v", data, err)
	}
	if err := NewHealth(filepath.Join(t.TempDir(), "gone", "h")).Set(nil); err == nil {
		t.Error("a heartbeat that cannot be written gives no error")
	}
}

func TestKeepAliveRenewsUntilItIsStopped(t *testing.T) {
	t.Parallel()
	h := NewHealth(filepath.Join(t.TempDir(), "h"))
	if err := h.Set(errors.New("an old trouble")); err != nil {
		t.Fatal(err)
	}
	stop := h.keepAlive(t.Context(), time.Millisecond)
	if data, err := os.ReadFile(h.path); err != nil || string(data) != "an old trouble\n" {
		t.Errorf("heartbeat of a busy service = %q, %v; want its last status", data, err)
	}
	if err := os.Remove(h.path); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for _, err := os.Stat(h.path); err != nil; _, err = os.Stat(h.path) {
		if time.Now().After(deadline) {
			t.Fatal("the heartbeat was not renewed")
		}
		time.Sleep(time.Millisecond)
	}
	stop()
	if err := os.Remove(h.path); err != nil {
		t.Fatal(err)
	}
	time.Sleep(20 * time.Millisecond)
	if _, err := os.Stat(h.path); err == nil {
		t.Error("the heartbeat was renewed after stop")
	}
	h.KeepAlive(t.Context())()
}
