package separate

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/proof"
	"github.com/im2-audio/im2/pipeline/queue"
)

// A job is found by what is in its record, not by what else is in the queue.
func TestOtherJobsAreNotMistaken(t *testing.T) {
	t.Parallel()
	data := newData(t)
	put := func(stage job.Stage, id, text string) {
		makeDir(t, filepath.Join(data, "queue", string(stage), id))
		if err := os.WriteFile(filepath.Join(data, "queue", string(stage), id, "job.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// One with the same name and content, from before.
	put(job.Rejected, "20990101T000000.000000Z-00000001", `{"id":"20990101T000000.000000Z-00000001","name":"song.mp3"}`)
	s := newTry(t, data, "song.mp3")
	p := &pipeline{t: t, data: data, step: 2 * time.Millisecond, end: job.Done}
	// Those that come while ours is looked for.
	p.change = func(_ *job.Record, stage job.Stage) {
		if stage == job.Incoming {
			put(job.Failed, "20250101T000000.000000Z-00000002", `{"id":"20250101T000000.000000Z-00000002","name":"song.mp3","sha256":"`+strings.Repeat("00", 32)+`"}`)
			put(job.Failed, "20250101T000000.000000Z-00000003", `{"id":"20250101T000000.000000Z-00000003","name":"other.mp3"}`)
			put(job.Failed, "20250101T000000.000000Z-00000004", `junk`)
		}
	}
	p.start()
	if err := s.run(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// handedOver calls then a moment after the song has got its name in the input folder,
// however long that takes on a busy machine.
func (s *try) handedOver(then func()) {
	var look func()
	look = func() {
		if found, _ := filepath.Glob(filepath.Join(s.Data, "input", "song.*mp3")); len(found) > 0 {
			time.AfterFunc(20*time.Millisecond, then)
			return
		}
		time.AfterFunc(time.Millisecond, look)
	}
	look()
}

func TestCancelLeavesTheJob(t *testing.T) {
	t.Parallel()
	data := newData(t)
	s := newTry(t, data, "song.mp3")
	ctx, cancel := context.WithCancel(t.Context())
	s.handedOver(cancel)
	err := s.run(ctx)
	if !errors.Is(err, context.Canceled) || s.out.Len() > 0 {
		t.Errorf("error %v, stdout %q", err, s.out)
	}
	if !strings.Contains(s.err.String(), `the pipeline continues with song.mp3: "mage status" shows how far it is`) {
		t.Errorf("stderr %q", s.err)
	}
	inputIs(t, data, "song.mp3")
}

func TestCancelWhileCopying(t *testing.T) {
	t.Parallel()
	data := newData(t)
	s := newTry(t, data, "song.mp3")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	inputIs(t, data)
	if strings.Contains(s.err.String(), "pipeline continues") {
		t.Errorf("stderr %q", s.err)
	}
}

func TestPipelineThatDoesNotRun(t *testing.T) {
	t.Parallel()
	s := newTry(t, newData(t), "song.mp3")
	s.patience = 5 * time.Millisecond
	p := &pipeline{t: t, data: s.Data, end: job.Done}
	time.AfterFunc(500*time.Millisecond, p.start) // long enough on a busy machine, too
	if err := s.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	const want = `song.mp3: still waiting for the watcher: the pipeline seems not to be running; "mage up" starts it`
	if n := strings.Count(s.err.String(), want); n != 1 {
		t.Errorf("told %d times: %q", n, s.err)
	}
}

func TestPipelineThatDoesNotRunOnACluster(t *testing.T) {
	t.Parallel()
	s := newTry(t, newData(t), "song.mp3")
	s.patience = 5 * time.Millisecond
	engine := func(name string) string { return map[string]string{proof.EngineVariable: proof.Kubernetes}[name] }
	defer proof.New("watcher", "v1", "watcher-1", "", proof.Rights{}, engine).Keep(t.Context(), s.Data)()
	p := &pipeline{t: t, data: s.Data, end: job.Done}
	time.AfterFunc(500*time.Millisecond, p.start) // long enough on a busy machine, too
	if err := s.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	const want = `the pipeline seems not to be running; "mage cluster-up" starts it, "mage cluster-status" shows it`
	if !strings.Contains(s.err.String(), want) {
		t.Errorf("not told: %q", s.err)
	}
}

func TestSongThatIsTakenAway(t *testing.T) {
	t.Parallel()
	s := newTry(t, newData(t), "song.mp3")
	s.searching = 10 * time.Millisecond
	s.handedOver(func() {
		if err := os.Remove(filepath.Join(s.Data, "input", "song.mp3")); err != nil {
			t.Error(err)
		}
	})
	s.fails(t, exit.Failed, "no job has it")
}

// The watcher writes a job down when it has read the song, which takes long for a long one.
func TestSongThatIsReadForLong(t *testing.T) {
	t.Parallel()
	s := newTry(t, newData(t), "song.mp3")
	f := &search{separation: s.separation, handed: handed{name: "song.mp3"}, gone: true, since: time.Now().Add(-2 * s.searching)}
	j := filepath.Join(s.Data, "queue", "incoming", "20260101T000000.000000Z-00000000")
	makeDir(t, filepath.Join(j, "taken"))
	if _, found, err := f.look(t.Context()); found || err != nil {
		t.Errorf("found %v, %v", found, err)
	}
	if err := os.RemoveAll(j); err != nil {
		t.Fatal(err)
	}
	f.since = f.since.Add(-2 * s.searching)
	if _, _, err := f.look(t.Context()); err == nil {
		t.Error("a song that is nowhere is looked for")
	}
}

func TestJobThatIsRemoved(t *testing.T) {
	t.Parallel()
	s := newTry(t, newData(t), "song.mp3")
	f := &search{separation: s.separation, handed: handed{name: "song.mp3"}, id: "20260101T000000.000000Z-00000000"}
	_, _, err := f.look(t.Context())
	var coded *exit.Error
	if !errors.As(err, &coded) || !strings.Contains(err.Error(), "is no longer in the queue") {
		t.Errorf("error %v", err)
	}
}

func TestQueueThatCannotBeRead(t *testing.T) {
	t.Parallel()
	s := newTry(t, newData(t), "song.mp3")
	s.handedOver(func() {
		dir := filepath.Join(s.Data, "queue")
		if err := errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o600)); err != nil {
			t.Error(err)
		}
	})
	err := s.run(t.Context())
	var coded *exit.Error
	if !errors.As(err, &coded) || coded.Code != exit.Failed || !strings.Contains(err.Error(), "the pipeline continues with it") {
		t.Errorf("error %v", err)
	}
}

func TestStates(t *testing.T) {
	t.Parallel()
	data := newData(t)
	s := newTry(t, data, "song.mp3")
	j := queue.Job{Record: job.Record{ID: "20260101T000000.000005Z-00000000"}}
	in := func(stage job.Stage, p *job.Progress) queue.Job {
		j := j
		j.Stage, j.Progress = stage, p
		return j
	}
	makeDir(t, filepath.Join(data, "queue", "pending", "20260101T000000.000004Z-00000000"))
	makeDir(t, filepath.Join(data, "queue", "pending", "20260101T000000.000006Z-00000000"))
	makeDir(t, filepath.Join(data, "queue", "separating", "20260101T000000.000007Z-00000000"))
	cases := []struct {
		name        string
		job         queue.Job
		found, gone bool
		want        state
	}{
		{"in input", j, false, false, state{label: "waiting for the watcher", idle: true}},
		{"gone", j, false, true, state{label: "taken by the watcher"}},
		{"incoming", in(job.Incoming, nil), true, true, state{label: "taken by the watcher"}},
		{"pending", in(job.Pending, nil), true, true, state{label: "waiting for a worker (2 before it)"}},
		{"just claimed", in(job.Separating, nil), true, true, state{label: "decoding"}},
		{"decoding", in(job.Separating, &job.Progress{Phase: job.Decoding}), true, true, state{label: "decoding"}},
		{
			"separating", in(job.Separating, &job.Progress{Phase: job.Separation, Done: 1, Total: 4}), true, true,
			state{label: "separating", percent: 25, known: true},
		},
		{"a later phase", in(job.Separating, &job.Progress{Phase: "\x1b[2J"}), true, true, state{label: "separating"}},
		{"separated", in(job.Separated, nil), true, true, state{label: "waiting for the organizer", idle: true}},
		{"organizing", in(job.Organizing, nil), true, true, state{label: "putting the stems in their place"}},
	}
	for _, c := range cases {
		got, err := s.state(t.Context(), c.job, c.found, c.gone)
		if err != nil || got != c.want {
			t.Errorf("%s: %+v, %v, want %+v", c.name, got, err, c.want)
		}
	}
	if err := os.RemoveAll(filepath.Join(data, "queue", "separating")); err != nil {
		t.Fatal(err)
	}
	first := in(job.Pending, nil)
	first.ID = "20260101T000000.000001Z-00000000"
	if got, err := s.state(t.Context(), first, true, true); err != nil || got != (state{label: "waiting for a worker", idle: true}) {
		t.Errorf("first: %+v, %v", got, err)
	}
}
