// Package notify tells a webhook that a song is done, or was given up.
//
// What is to be told is in memory: of songs that ended while the process did not run, nothing is told. Each one that ended since is told at
// least once, as long as the receiver takes it within an hour; it may come twice, and has the job's ID to be known by.
package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/logging"
	"github.com/im2-audio/im2/pipeline/queue"
)

// Setting has the address of the webhook; empty for none. It may have a secret in it, and is never logged.
const Setting = "NOTIFY_URL"

const (
	// lookEvery is how often jobs are looked for that ended.
	lookEvery = 2 * time.Second
	// restFor is how many times as long as a look takes nothing is looked for: many songs have ended, and listing them is work for a share.
	restFor = 10
	// mostWaiting is how many songs wait to be told; the oldest are dropped, which is logged.
	mostWaiting = 1000
	// mostRead is how many records are read at a time.
	mostRead = 100
	// giveUpAfter is how long one song is tried to be told, and within how long the receiver must answer.
	giveUpAfter, within = time.Hour, 10 * time.Second
	// firstWait and longestWait are between two tries.
	firstWait, longestWait = time.Second, time.Minute
	// mostURL is how many bytes an address may have.
	mostURL = 2048
)

// CheckURL returns what is wrong with an address. Its text does not have the address.
func CheckURL(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || len(text) > mostURL || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return errors.New("it must be an address such as https://example.com/hook")
	}
	if ip, _ := netip.ParseAddr(u.Hostname()); strings.EqualFold(u.Hostname(), "localhost") || ip.IsLoopback() {
		return errors.New("it names the container that tells the webhook; a receiver on this machine is host.docker.internal, as docs/web.md says")
	}
	return nil
}

// An Event is what is sent, as JSON with POST.
type Event struct {
	// Event is "done" or "failed".
	Event job.Stage `json:"event"`
	// Job is the job's ID, Name the song's original file name.
	Job  string `json:"job"`
	Name string `json:"name"`
	// Track is the folder in output/ of a song that is done.
	Track string `json:"track,omitempty"`
	// Error is why a song was given up.
	Error string `json:"error,omitempty"`
	// Attempts is how often separating was begun, DurationSeconds how long the song plays, Ended when it ended.
	Attempts        int       `json:"attempts"`
	DurationSeconds float64   `json:"duration_seconds,omitempty"`
	Ended           time.Time `json:"ended"`
}

// A Notifier tells a webhook. Only Run may use it.
type Notifier struct {
	url     string
	ends    *queue.Ends
	log     *slog.Logger
	client  *http.Client
	waiting []waiting
}

// A waiting is an event that is to be sent.
type waiting struct {
	event Event
	since time.Time
}

// New returns what tells the webhook at an address that CheckURL accepts of the jobs in a data folder.
func New(data, address string, log *slog.Logger) *Notifier {
	return &Notifier{
		url: address, ends: queue.New(data).Ends(job.Done, job.Failed), log: log,
		client: &http.Client{
			Timeout:       within,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // It would take the secret elsewhere.
		},
	}
}

// Run tells until ctx ends.
func (n *Notifier) Run(ctx context.Context) {
	wait, next, failing := firstWait, time.Time{}, false
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var looked time.Time
	var took time.Duration
	for {
		if began := time.Now(); began.Sub(looked) >= restFor*took {
			err := n.look(ctx)
			if err != nil && ctx.Err() == nil && !failing {
				n.log.Error("looking for songs that ended", "error", err)
			}
			failing = err != nil
			looked, took = time.Now(), time.Since(began)
		}
		for len(n.waiting) > 0 && ctx.Err() == nil && !time.Now().Before(next) {
			if n.first(ctx) {
				wait, next = firstWait, time.Time{}
				continue
			}
			next = time.Now().Add(wait)
			wait = min(2*wait, longestWait)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// look finds what ended.
func (n *Notifier) look(ctx context.Context) error {
	ended, err := n.ends.Look(ctx, mostRead)
	for _, j := range ended {
		e := Event{
			Event: j.Stage, Job: j.ID, Name: j.Name, Track: j.Track, Error: j.Error, Attempts: j.Attempt,
			DurationSeconds: j.DurationSeconds, Ended: j.Last().Start,
		}
		if e.Event == job.Failed {
			e.Track = ""
		}
		if j.Problem != "" {
			e.Error = j.Problem
		}
		n.waiting = append(n.waiting, waiting{e, time.Now()})
	}
	for len(n.waiting) > mostWaiting {
		n.drop("too many songs wait to be told")
	}
	return err
}

func (n *Notifier) drop(why string) {
	n.log.Error("a song was not told to the webhook", logging.JobKey, n.waiting[0].event.Job, "error", why)
	n.waiting = n.waiting[1:]
}

// first sends the event that waits longest, and reports whether it is dealt with.
func (n *Notifier) first(ctx context.Context) bool {
	status, err := n.send(ctx, n.waiting[0].event)
	again := err != nil || status >= 500 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout
	switch {
	case err == nil && status >= 200 && status < 300:
		n.waiting = n.waiting[1:]
		return true
	case ctx.Err() != nil:
		return false
	case err == nil:
		err = fmt.Errorf("it answers %d", status)
	}
	if again && time.Since(n.waiting[0].since) < giveUpAfter {
		n.log.Warn("the webhook does not take a song; trying again", logging.JobKey, n.waiting[0].event.Job, "error", err)
		return false
	}
	n.drop(err.Error())
	return true
}

func (n *Notifier) send(ctx context.Context, e Event) (status int, err error) {
	body, err := json.Marshal(e)
	if err != nil {
		return 0, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, n.url, bytes.NewReader(body))
	if err != nil {
		return 0, errors.New("the address cannot be used")
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "im2")
	answer, err := n.client.Do(request)
	if err != nil {
		return 0, n.plain(err)
	}
	_, _ = io.CopyN(io.Discard, answer.Body, 4<<10) // so that the connection can be used again
	return answer.StatusCode, answer.Body.Close()
}

// plain takes the address out of an error: there may be a secret in it.
func (n *Notifier) plain(err error) error {
	var of *url.Error
	if errors.As(err, &of) {
		err = of.Err
	}
	text := strings.ReplaceAll(err.Error(), n.url, "the webhook")
	if u, parseErr := url.Parse(n.url); parseErr == nil {
		for _, part := range []string{u.RequestURI(), u.User.String(), u.Hostname()} {
			if len(part) > 1 {
				text = strings.ReplaceAll(text, part, "...")
			}
		}
	}
	return errors.New(text)
}
