package service

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/im2-audio/im2/pipeline/place"
)

const (
	// freshFor is how old a heartbeat may be. Docker asks every few seconds.
	freshFor = 30 * time.Second
	// beatEvery is how often KeepAlive renews the heartbeat.
	beatEvery = 5 * time.Second
	// statusOK is the heartbeat of a service that has nothing to complain about. Any other
	// text is what it complains about.
	statusOK = "ok"
)

// A Health is the heartbeat of a service: one small file that is rewritten again and again.
// It may be used by several goroutines.
type Health struct {
	path string

	mu     sync.Mutex
	status string
	// note follows statusOK.
	note string
}

// NewHealth makes the heartbeat that is kept in the file at path. It writes nothing.
func NewHealth(path string) *Health {
	return &Health{path: path, status: statusOK}
}

// Set changes the status and renews the heartbeat. A nil error means that all is well; any
// other is put into one line for the person who asks.
func (h *Health) Set(err error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status = statusOK
	if err != nil {
		h.status = short(oneLine(err.Error()))
	}
	return h.write()
}

// Beat renews the heartbeat with the status it has.
func (h *Health) Beat() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.write()
}

// Note says what a service does that is well and does no work; "" for nothing. The next heartbeat has it.
func (h *Health) Note(text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.note = oneLine(text)
}

func (h *Health) write() error {
	status := h.status
	if status == statusOK && h.note != "" {
		status += ": " + h.note
	}
	if err := place.Local.WriteWhole(h.path, []byte(status+"\n")); err != nil {
		return fmt.Errorf("renewing the heartbeat: %w", err)
	}
	return nil
}

// KeepAlive renews the heartbeat, with the status it has, from another goroutine while the
// caller is busy with one long piece of work. It does not say that all is well: a trouble that
// the work may meet again is over only when the caller knows so. stop ends it and must be called.
func (h *Health) KeepAlive(ctx context.Context) (stop func()) {
	return h.keepAlive(ctx, beatEvery)
}

func (h *Health) keepAlive(ctx context.Context, every time.Duration) (stop func()) {
	_ = h.Beat() // The next turn of the loop reports a heartbeat that cannot be written.
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				_ = h.Beat() // As above.
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// reportHealth is the subcommand `health`: exit code 0 when the service is well, else 1 and
// one line that says why.
func (s Service) reportHealth(p process) int {
	flags, common := s.flags(p.stderr)
	err := flags.Parse(p.args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return exitOK
	}
	if err != nil {
		return exitUsage
	}
	status, err := s.readHealth(common.healthFile, time.Now())
	if err != nil {
		_, _ = fmt.Fprintln(p.stdout, err)
		return exitFailed
	}
	_, _ = fmt.Fprintln(p.stdout, status)
	return exitOK
}

// readHealth returns the status of the service that writes this heartbeat file, or what is wrong with it.
func (s Service) readHealth(path string, now time.Time) (string, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%s has not started: there is no heartbeat %s; `mage logs -service=%s` shows why",
			s.Name, path, s.Name)
	}
	if err != nil {
		return "", fmt.Errorf("reading the heartbeat: %w", err)
	}
	if age := now.Sub(info.ModTime()); age >= freshFor {
		return "", fmt.Errorf("%s hangs: its last heartbeat was %s ago; `mage logs -service=%s` shows what it did, `mage restart` restarts it",
			s.Name, age.Round(time.Second), s.Name)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("reading the heartbeat: %w", err)
	}
	status := strings.TrimSpace(string(data))
	if status != statusOK && !strings.HasPrefix(status, statusOK+": ") {
		return "", errors.New(status)
	}
	return status, nil
}

// oneLine joins the lines of a text, because a health check is read as one.
func oneLine(text string) string {
	return strings.Join(strings.Fields(text), " ")
}
