// Package service is what every service of the pipeline does the same way: read its flags,
// log to standard error, stop on a signal, look for work again and again, and tell the
// container's health check how it is.
//
// The health check is the service's own binary, called as `<service> health`: it reads the
// heartbeat file that the running service rewrites on each turn. A heartbeat that is too old
// or that carries a reason makes the container unhealthy, with one line that says what is
// wrong and which command fixes it.
//
// A service that cannot work (no weights, wrong owner, full disk) does not exit: it stays,
// says why, and continues by itself once that is fixed. It exits with 2 when it was called
// wrongly, and that includes being called as root, with more rights than it needs, or with another
// data folder than the one that is meant (package proof).
package service

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/lease"
	"github.com/im2-audio/im2/pipeline/logging"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/proof"
	"github.com/im2-audio/im2/pipeline/space"
	"github.com/im2-audio/im2/pipeline/spool"
)

// Exit codes of every service.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// A Service is what one service adds to what all have in common.
type Service struct {
	// Name is the name of the binary, the module and the Compose service.
	Name string
	// Poll is how long the service waits by default between two turns without work.
	Poll time.Duration
	// Flags adds the service's own flags; nil for none.
	Flags func(*flag.FlagSet)
	// Apart are folders of the pipeline that may be mounts of their own: this service moves no song to or from another one.
	Apart []string
	// Check says what is wrong with the values of the service's own flags; nil for no check.
	Check func() error
	// Run works until ctx ends; most services just call Env.Loop.
	Run func(ctx context.Context, env *Env) error
}

// An Env is what a running service gets.
type Env struct {
	// Data is the data folder.
	Data string
	// Poll is how long to wait between two turns without work.
	Poll time.Duration
	// Worker names this process in the history of jobs: the host's name, which in a container
	// differs for each replica and outlives a restart.
	Worker string
	// Times are those of the leases.
	Times lease.Times
	// MinFree is how much of the disk of the data folder stays free.
	MinFree space.Limit
	// Log goes to standard error.
	Log *slog.Logger
	// Health is the heartbeat.
	Health *Health

	apart []string
}

// A process is the outside world of a service, so that tests can give it another one.
type process struct {
	args   []string
	stdout io.Writer
	stderr io.Writer
	uid    int
	getenv func(string) string
	rights func() (proof.Rights, error)
}

// Main runs the service with this process's arguments and returns its exit code.
func Main(s Service) int {
	p := process{args: os.Args[1:], stdout: os.Stdout, stderr: os.Stderr, uid: os.Getuid(), getenv: os.Getenv, rights: proof.OfThisProcess}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return s.main(ctx, p)
}

func (s Service) main(ctx context.Context, p process) int {
	if len(p.args) > 0 && p.args[0] == "health" {
		return s.reportHealth(p)
	}
	env, err := s.environment(p)
	if errors.Is(err, flag.ErrHelp) {
		return exitOK
	}
	if err != nil {
		_, _ = fmt.Fprintf(p.stderr, "%s: %v\n", s.Name, err)
		return exitUsage
	}
	place.SetUmask()
	leave, err := s.prove(p, env)
	if err != nil {
		_, _ = fmt.Fprintf(p.stderr, "%s: proving itself: %v\n", s.Name, err)
		return exitUsage
	}
	defer leave(ctx)()
	env.Log.Info("started", "data", env.Data, "worker", env.Worker, "uid", p.uid, "gid", os.Getgid())
	if err := s.Run(ctx, env); err != nil {
		env.Log.Error("stopped", "error", err)
		return exitFailed
	}
	env.Log.Info("stopped")
	return exitOK
}

func (s Service) environment(p process) (*Env, error) {
	flags, common := s.flags(p.stderr)
	if err := flags.Parse(p.args); err != nil {
		return nil, fmt.Errorf("reading the arguments: %w", err)
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("unknown argument %q: there are flags and the subcommand \"health\"", flags.Arg(0))
	}
	if p.uid == 0 {
		return nil, errors.New("refusing to run as root (UID 0): its files would belong to root; " +
			"set APP_USER_ID in .env to your own and run `mage build up`")
	}
	if err := common.check(); err != nil {
		return nil, err
	}
	if s.Check != nil {
		if err := s.Check(); err != nil {
			return nil, err
		}
	}
	worker, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("naming this worker: %w", err)
	}
	return &Env{
		Data: common.data, Poll: common.poll, Worker: worker, Times: common.times,
		MinFree: common.limit, Log: logging.New(p.stderr, common.log), Health: NewHealth(common.healthFile), apart: s.Apart,
	}, nil
}

// commonFlags are those that every service has.
type commonFlags struct {
	data       string
	log        string
	healthFile string
	poll       time.Duration
	times      lease.Times
	minFree    string
	limit      space.Limit
	// wrong is what is wrong with the environment; nil for nothing.
	wrong error
}

func (c *commonFlags) check() error {
	if c.wrong != nil {
		return c.wrong
	}
	if err := logging.Check(c.log); err != nil {
		return fmt.Errorf("-log %q: %w; set %s in .env.local and run `mage up`", c.log, err, logging.Setting)
	}
	limit, err := space.Parse(c.minFree)
	if err != nil {
		return fmt.Errorf("-min-free %.60q: %w; set %s in .env.local and run `mage up`", c.minFree, err, space.Setting)
	}
	c.limit = limit
	if err := lease.CheckPoll(c.poll); err != nil {
		return fmt.Errorf("-poll %s: %w; set PIPELINE_POLL in .env.local and run `mage up`", c.poll, err)
	}
	if err := c.times.Check(); err != nil {
		return fmt.Errorf("-lease %s -renew %s: %w; set PIPELINE_LEASE and PIPELINE_RENEW in .env.local and run `mage up`", c.times.Lease, c.times.Renew, err)
	}
	return nil
}

// timeVar adds a flag whose default is a setting, or value where that is empty.
func (c *commonFlags) timeVar(flags *flag.FlagSet, p *time.Duration, name, setting string, value time.Duration, usage string) {
	text := os.Getenv(setting)
	value, err := lease.Parse(text, value)
	if err != nil {
		c.wrong = errors.Join(c.wrong, fmt.Errorf("%s %.60q: %w; set it in .env.local and run `mage up`", setting, text, err))
	}
	flags.DurationVar(p, name, value, usage+"; its default is $"+setting)
}

func (s Service) flags(stderr io.Writer) (*flag.FlagSet, *commonFlags) {
	c := &commonFlags{}
	flags := flag.NewFlagSet(s.Name, flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&c.data, "data", "/pipeline-data", "the data folder")
	c.timeVar(flags, &c.poll, "poll", lease.PollSetting, s.Poll, "how long to wait before looking for work again")
	c.timeVar(flags, &c.times.Lease, "lease", lease.LeaseSetting, lease.Default.Lease, "after how long without a sign of life another worker takes over")
	c.timeVar(flags, &c.times.Renew, "renew", lease.RenewSetting, lease.Default.Renew, "how often a worker gives a sign of life")
	flags.StringVar(&c.minFree, "min-free", os.Getenv(space.Setting), "how much of the data folder's disk stays free, such as 2g or 5%; its default is $"+space.Setting+", or the smaller one of 1 GiB and 2 %")
	flags.StringVar(&c.log, "log", cmp.Or(os.Getenv(logging.Setting), logging.Text), "how to log: text or json; its default is $"+logging.Setting)
	flags.StringVar(&c.healthFile, "health-file", filepath.Join("/tmp", s.Name+".health"), "the heartbeat file")
	if s.Flags != nil {
		s.Flags(flags)
	}
	return flags, c
}

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

// Beside returns the error of a turn's work with the errors of what the turn did beside it. Those alone delay no work.
func Beside(err, beside error) error {
	if err == nil && beside != nil {
		return &besideError{beside}
	}
	return errors.Join(err, beside)
}

type besideError struct{ error }

func (e *besideError) Unwrap() error { return e.error }

// Loop takes turns until ctx ends. An error of a turn is logged, passed to the health check
// with the command that fixes it, and followed by a wait that grows from error to error, unless it is from Beside.
func (e *Env) Loop(ctx context.Context, turn Turn) error {
	var errs errorLog
	for wait := e.Poll; ctx.Err() == nil; {
		busy, err := false, e.checkMounts()
		if err == nil {
			busy, err = turn(ctx)
		}
		if ctx.Err() != nil && errors.Is(err, context.Canceled) {
			err = nil
		}
		_, isBeside := err.(*besideError) //nolint:errorlint // What wraps one is more than that.
		err = e.explain(err)
		if healthErr := e.Health.Set(err); healthErr != nil {
			e.Log.Error("health", "error", healthErr)
		}
		if errs.isNews(err, time.Now()) {
			e.logError(err)
		}
		works := err == nil || isBeside
		if works {
			wait = e.Poll
		}
		if !works || !busy {
			sleep(ctx, wait)
		}
		if !works {
			wait = min(2*wait, max(longestWait, e.Poll))
		}
	}
	return nil
}

// logError logs what a turn met: with the ID of the job that it is about, or one more line for each where it is about several.
func (e *Env) logError(err error) {
	text := short(err.Error())
	if id := job.IDOf(err); id != "" {
		e.Log.Error("cannot work", logging.JobKey, id, "error", text)
		return
	}
	e.Log.Error("cannot work", "error", text)
	several := job.IDErrors(err)
	for _, of := range several[:min(len(several), mostErrors)] {
		e.Log.Error("cannot go on with a job", logging.JobKey, of.ID, "error", short(of.Error()))
	}
}

// mostErrors is of how many jobs errors are logged that came together.
const mostErrors = 10

// checkMounts returns an error where a folder of the pipeline is another mount: songs move from one to the next by rename,
// and who puts songs into the data folder on the host does not see them there.
func (e *Env) checkMounts() error {
	name := place.MountIn(e.Data, slices.DeleteFunc(job.Folders(), func(name string) bool { return slices.Contains(e.apart, name) })...)
	if name == "" {
		return nil
	}
	path := filepath.Join(e.Data, name)
	return fmt.Errorf("%s is a mount of its own, and songs cannot be moved between mounts: mount %s alone, and run `mage up`", path, e.Data)
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
		return fmt.Errorf("%s cannot be written by %s: run `mage reset-permissions`: %w", e.Data, User(), err)
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

// random is what differs from turn to turn in the names of temporary files and of jobs that are being taken.
var random = regexp.MustCompile(regexp.QuoteMeta(place.TempPrefix) + `\w+|-?\b[0-9a-f]{8}\b`)

// isNews reports whether err should be logged: it differs from the one before, or that was
// logged long ago.
func (l *errorLog) isNews(err error, now time.Time) bool {
	if err == nil {
		*l = errorLog{}
		return false
	}
	text := random.ReplaceAllString(err.Error(), "")
	if text == l.text && now.Sub(l.said) < repeatAfter {
		return false
	}
	*l = errorLog{text: text, said: now}
	return true
}

// mostText is how much of an error is logged and told to the health check: names and paths of others are in it.
const mostText = 4 << 10

func short(text string) string {
	if len(text) <= mostText {
		return text
	}
	return strings.ToValidUTF8(text[:mostText], "") + fmt.Sprintf(" (and %d more bytes)", len(text)-mostText)
}

// User is which user this process runs as: "UID:GID".
func User() string { return fmt.Sprintf("%d:%d", os.Getuid(), os.Getgid()) }
