package separate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/term"
	"github.com/im2-audio/im2/pipeline/handover"
	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/queue"
)

// try is one call of Run, with its song.
type try struct {
	*separation
	out, err *bytes.Buffer
}

// newTry makes a song of that name, in a folder beside the data folder.
func newTry(t *testing.T, data, name string) *try {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte("music of "+name), 0o600); err != nil {
		t.Fatal(err)
	}
	ui, out, errs := term.Test()
	return &try{out: out, err: errs, separation: &separation{
		Request: Request{
			Data: data, File: file, Base: filepath.Dir(data), UI: ui, Put: putFor(-1, -1),
		},
		queue: queue.New(data), poll: time.Millisecond, patience: time.Hour, searching: time.Hour,
	}}
}

// putFor puts songs into the input folder for a user.
func putFor(uid, gid int) func(context.Context, string, handover.Song, func() io.Reader) (handover.Placed, error) {
	return func(ctx context.Context, data string, song handover.Song, content func() io.Reader) (handover.Placed, error) {
		return handover.Put(ctx, data, song, content(), uid, gid)
	}
}

func (s *try) fails(t *testing.T, code exit.Code, wants ...string) {
	t.Helper()
	err := s.run(t.Context())
	var coded *exit.Error
	if !errors.As(err, &coded) || coded.Code != code {
		t.Fatalf("error %#v, want the code %d", err, code)
	}
	for _, want := range wants {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q, want %q", err, want)
		}
	}
	if s.out.Len() > 0 {
		t.Errorf("on stdout: %q", s.out)
	}
	inputIs(t, s.Data)
}

// inputIs checks which files the input folder has.
func inputIs(t *testing.T, data string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(data, "input"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, entry := range entries {
		got = append(got, entry.Name())
	}
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("input has %q, want %q", got, want)
	}
}

func TestSongComesOutAsStems(t *testing.T) {
	t.Parallel()
	data := newData(t)
	(&pipeline{t: t, data: data, step: 3 * time.Millisecond, end: job.Done}).start()
	s := newTry(t, data, "song.mp3")
	if err := s.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	base := filepath.Base(data)
	var want strings.Builder
	for _, stem := range options.DefaultStems {
		want.WriteString(filepath.Join(base, "output", "the track", stem+".wav") + "\n")
	}
	if s.out.String() != want.String() {
		t.Errorf("stdout %q, want %q", s.out, want.String())
	}
	for _, part := range []string{
		"song.mp3 is in " + filepath.Join(base, "input") + "\n", "song.mp3: decoding\n", "song.mp3: separating\n",
	} {
		if !strings.Contains(s.err.String(), part) {
			t.Errorf("stderr %q, want %q", s.err, part)
		}
	}
	inputIs(t, data)
}

func TestJSON(t *testing.T) {
	t.Parallel()
	for _, folder := range []string{"the track", "Band/First/01 Song"} {
		testJSON(t, folder)
	}
}

func testJSON(t *testing.T, folder string) {
	t.Helper()
	data := newData(t)
	(&pipeline{t: t, data: data, end: job.Done, change: func(r *job.Record, _ job.Stage) { r.Track = folder }}).start()
	s := newTry(t, data, "song.mp3")
	err := Run(t.Context(), Request{Data: data, File: s.File, JSON: true, UI: s.UI, Put: s.Put, Poll: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	var got answer
	if err := json.Unmarshal(s.out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	track := filepath.Join(data, "output", folder)
	if got.Track != folder || got.Name != "song.mp3" || !job.ValidID(got.Job) || len(got.Stems) != 4 ||
		got.Stems["drums"] != filepath.Join(track, "drums.wav") || got.TrackJSON != filepath.Join(track, "track.json") {
		t.Errorf("answer %+v", got)
	}
}

func TestJobDoesNotSucceed(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name  string
		setUp func(p *pipeline)
		wants []string
	}{
		{
			"rejected", func(p *pipeline) { p.end, p.why = job.Rejected, "it is text,\x1b[2J not audio" },
			[]string{`separating "song.mp3": it was rejected: it is text, [2J not audio; it is now `, filepath.Join("rejected", "song.mp3")},
		},
		{"rejected, the digest never known", func(p *pipeline) {
			p.end, p.why = job.Rejected, "why"
			p.change = func(r *job.Record, _ job.Stage) { r.SHA256 = "" }
		}, []string{"it was rejected: why"}},
		{"rejected to nowhere", func(p *pipeline) {
			p.end = job.Rejected
			p.change = func(r *job.Record, _ job.Stage) { r.Rejected = "../../etc/passwd" }
		}, []string{`is rejected, but reading job.json: rejected "../../etc/passwd": it is not the name of a file`}},
		{
			"failed", func(p *pipeline) { p.end, p.why = job.Failed, "decoding: broken" },
			[]string{"given up after 1 attempt: decoding: broken", filepath.Join("queue", "failed"), "source", `"mage retry 2026`, "mage logs"},
		},
		{"failed without its file", func(p *pipeline) {
			p.end, p.why = job.Failed, "its file was removed"
			p.change = func(r *job.Record, stage job.Stage) {
				if stage == job.Separating {
					_ = os.Remove(filepath.Join(p.dir(stage, r.ID), "source"))
				}
			}
		}, []string{`given up after 1 attempt: its file was removed; "mage logs`}},
		{"failed after its workers were lost", func(p *pipeline) {
			p.end, p.why = job.Failed, "10 workers were lost"
			p.change = func(r *job.Record, _ job.Stage) { r.Losses = 10 }
		}, []string{"given up after 1 attempt and 10 lost workers: 10 workers were lost"}},
		{"a stem is missing", func(p *pipeline) { p.without = "bass" }, []string{"is done, but", "bass.wav is missing in"}},
		{"a track elsewhere", func(p *pipeline) {
			p.change = func(r *job.Record, _ job.Stage) { r.Track = "../input" }
		}, []string{`is done, but reading job.json: track "../input": it is not a folder that stems can have`}},
		{"files elsewhere", func(p *pipeline) {
			p.change = func(r *job.Record, _ job.Stage) { r.Files = []string{"vocals.wav", "../../.env"} }
		}, []string{`is done, but reading job.json: files "../../.env": it is not a stem`}},
		{"no track", func(p *pipeline) {
			p.change = func(r *job.Record, _ job.Stage) { r.Track = "" }
		}, []string{`"" is no folder that stems can have`}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := &pipeline{t: t, data: newData(t), end: job.Done}
			c.setUp(p)
			p.start()
			newTry(t, p.data, "song.mp3").fails(t, exit.Failed, c.wants...)
		})
	}
}

// A song that the pipeline has already: its stems are told, and why.
func TestTheSameSongAgain(t *testing.T) {
	t.Parallel()
	data := newData(t)
	first := newTry(t, data, "song.mp3")
	p := &pipeline{t: t, data: data, end: job.Done}
	p.start()
	if err := first.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	jobs, err := first.queue.IDs(t.Context())
	if err != nil || len(jobs) != 1 {
		t.Fatalf("jobs %q, %v", jobs, err)
	}
	again := &pipeline{t: t, data: newData(t), end: job.Rejected, why: "the same", made: 1, change: func(r *job.Record, _ job.Stage) {
		r.DuplicateOf = jobs[0]
	}}
	for _, folder := range []string{"queue/done", "output"} { // The second one's own data folder has what came of the first.
		if err := os.RemoveAll(filepath.Join(again.data, folder)); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(data, folder), filepath.Join(again.data, folder)); err != nil {
			t.Fatal(err)
		}
	}
	again.start()
	second := newTry(t, again.data, "song.mp3")
	if err := second.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(second.out.String(), "the track/vocals.wav") || !strings.Contains(second.err.String(), "following job "+jobs[0]) {
		t.Errorf("told %q and %q", second.out, second.err)
	}
}

func TestAskedAgain(t *testing.T) {
	t.Parallel()
	s := newTry(t, newData(t), "song.mp3")
	s.Again = true
	s.handedOver(func() {
		inputIs(t, s.Data, "song.again.mp3")
		if err := os.Remove(filepath.Join(s.Data, "input", "song.again.mp3")); err != nil {
			t.Error(err)
		}
	})
	s.searching = 10 * time.Millisecond
	s.fails(t, exit.Failed, `following "song.mp3"`)
}
