package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/im2-audio/im2/pipeline/job"
)

// testID is a valid ID; a higher n is a later job.
func testID(n int) string { return fmt.Sprintf("20261123T113047.%06dZ-1a2b3c4d", n) }

func put(t *testing.T, data string, stage job.Stage, id, file, text string) {
	t.Helper()
	dir := filepath.Join(data, job.QueueFolder, string(stage), id)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	if file == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func record(id string) string { return fmt.Sprintf(`{"id":%q,"name":"song.mp3"}`, id) }

// list is all that Jobs reads.
func list(ctx context.Context, q *Queue, stages ...job.Stage) (jobs []Job, err error) {
	for j, err := range q.Jobs(ctx, stages...) {
		if err != nil {
			return nil, err
		}
		jobs = append(jobs, j)
	}
	return jobs, nil
}

func TestListReturnsEveryJobInOrder(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	for i, stage := range job.Stages {
		id := testID(8 - i) // the oldest is the one that is furthest
		put(t, data, stage, id, job.RecordFile, record(id))
	}
	jobs, err := list(t.Context(), New(data))
	if err != nil {
		t.Fatal(err)
	}
	var got []job.Stage
	for i, j := range jobs {
		got = append(got, j.Stage)
		if j.ID != testID(i+1) || j.Name != "song.mp3" || j.Problem != "" {
			t.Errorf("job %d is %+v", i, j)
		}
	}
	want := slices.Clone(job.Stages)
	slices.Reverse(want)
	if !slices.Equal(got, want) {
		t.Errorf("stages %v, want %v", got, want)
	}
}

func TestListNarrowed(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	for n := 1; n <= 4; n++ {
		put(t, data, job.Done, testID(n), job.RecordFile, record(testID(n)))
	}
	put(t, data, job.Pending, testID(5), job.RecordFile, record(testID(5)))
	q := New(data)
	cases := []struct {
		name   string
		stages []job.Stage
		want   []string
	}{
		{"one stage", []job.Stage{job.Pending}, []string{testID(5)}},
		{"two", []job.Stage{job.Done, job.Failed}, []string{testID(1), testID(2), testID(3), testID(4)}},
		{"none", []job.Stage{job.Rejected}, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			jobs, err := list(t.Context(), q, c.stages...)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, j := range jobs {
				got = append(got, j.ID)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
	ids, err := q.IDs(t.Context())
	if err != nil || len(ids) != 5 || !slices.IsSorted(ids) {
		t.Errorf("IDs: %v, %v", ids, err)
	}
	ids, err = q.Waiting(t.Context(), job.Done)
	if err != nil || len(ids) != 4 || !slices.IsSorted(ids) {
		t.Errorf("Waiting: %v, %v", ids, err)
	}
}

func TestNoQueueIsEmpty(t *testing.T) {
	t.Parallel()
	q := New(filepath.Join(t.TempDir(), "none"))
	jobs, err := list(t.Context(), q)
	if len(jobs) != 0 || err != nil {
		t.Errorf("List: %v, %v", jobs, err)
	}
	if ids, err := q.Waiting(t.Context(), job.Pending); len(ids) != 0 || err != nil {
		t.Errorf("Waiting: %v, %v", ids, err)
	}
	for _, id := range []string{testID(1), "", "../../etc", "x"} {
		if _, err := q.Get(t.Context(), id); !errors.Is(err, ErrNotFound) {
			t.Errorf("Get(%q): %v", id, err)
		}
	}
}

func TestRecordIsReadWhole(t *testing.T) {
	t.Parallel()
	data, id := t.TempDir(), testID(1)
	put(t, data, job.Separating, id, job.RecordFile, `{"id":"`+id+`","name":"s\ufffdng.mp3","name_bytes":"c/9uZy5tcDM=",
		"size":123,"sha256":"`+strings.Repeat("ab", 32)+`","mime":"audio/mpeg","created":"2026-11-23T11:30:47.000001Z","track":"song","archived":"a.mp3",
		"rejected":"r.mp3","error":"why","duration_seconds":1.5,"engine":"onnx","model":"htdemucs","attempt":2,"later":"unknown",
		"history":[{"stage":"separating","start":"2026-11-23T11:30:48Z","worker":"w","attempt":2}]}`)
	put(t, data, job.Separating, id, job.ProgressFile, `{"phase":"separating","done":3,"total":12,"updated":"2026-11-23T11:30:49Z"}`)
	j, err := New(data).Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if j.RawName() != "s\xffng.mp3" || j.RawArchived() != "a.mp3" || j.RawRejected() != "r.mp3" {
		t.Errorf("names %q %q %q", j.RawName(), j.RawArchived(), j.RawRejected())
	}
	if j.Size != 123 || j.Track != "song" || j.DurationSeconds != 1.5 || j.Attempt != 2 || j.Created.IsZero() {
		t.Errorf("record %+v", j.Record)
	}
	if len(j.History) != 1 || !j.History[0].End.IsZero() || j.History[0].Worker != "w" {
		t.Errorf("history %+v", j.History)
	}
	if p, ok := j.Progress.Percent(); !ok || p != 25 || j.Progress.Phase != job.Separation {
		t.Errorf("progress %+v: %d, %v", j.Progress, p, ok)
	}
}

func TestJunkIsNoJob(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	put(t, data, job.Pending, "lost+found", "", "")
	put(t, data, job.Pending, strings.ToUpper(testID(1)), "", "")
	put(t, data, job.Pending, testID(1)+"0", "", "")
	put(t, data, job.Pending, "20269923T113047.123456Z-1a2b3c4d", "", "")
	if err := os.WriteFile(filepath.Join(data, job.QueueFolder, string(job.Pending), testID(2)), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(data, job.QueueFolder, string(job.Done)), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	jobs, err := list(t.Context(), New(data))
	if err != nil || len(jobs) != 0 {
		t.Errorf("%+v, %v", jobs, err)
	}
}

func TestProblems(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name  string
		stage job.Stage
		file  string
		text  string
		want  string
		song  string
	}{
		{"not yet written", job.Incoming, "", "", "", ""},
		{"missing", job.Pending, "", "", "no such file", ""},
		{"no JSON", job.Pending, job.RecordFile, "{", "unexpected end", ""},
		{"another type", job.Incoming, job.RecordFile, `{"id":3}`, "cannot unmarshal", ""},
		{"another job's", job.Done, job.RecordFile, record(testID(9)), "it belongs to job", "song.mp3"},
		{"too long", job.Done, job.RecordFile, strings.Repeat(" ", job.MostRead+1), "longer than 1 MiB", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			data := t.TempDir()
			put(t, data, c.stage, testID(1), c.file, c.text)
			put(t, data, c.stage, testID(1), job.ProgressFile, "}")
			jobs, err := list(t.Context(), New(data))
			if err != nil || len(jobs) != 1 {
				t.Fatalf("%+v, %v", jobs, err)
			}
			j := jobs[0]
			if j.ID != testID(1) || j.Stage != c.stage || j.Progress != nil || j.Name != c.song {
				t.Errorf("%+v", j)
			}
			if (c.want == "") != (j.Problem == "") || !strings.Contains(j.Problem, c.want) {
				t.Errorf("problem %q, want %q", j.Problem, c.want)
			}
		})
	}
}

func TestCanceled(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	put(t, data, job.Done, testID(1), job.RecordFile, record(testID(1)))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	q := New(data)
	_, listErr := list(ctx, q)
	_, getErr := q.Get(ctx, testID(1))
	_, waitErr := q.Waiting(ctx, job.Done)
	_, idsErr := q.IDs(ctx)
	for _, err := range []error{listErr, getErr, waitErr, idsErr} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
}

// folderOf is where a job's folder is: with who has it where workers compete for jobs.
func folderOf(data string, stage job.Stage, id string) string {
	if stage == job.Separating || stage == job.Organizing {
		id += ".host.0011aabb"
	}
	return filepath.Join(data, job.QueueFolder, string(stage), id)
}

// Who has a job is in the name of its folder until the job moves on.
func TestAClaimedJobIsReadWithItsWorker(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, folder, history string
		attempt, visits       int
		worker                string
	}{
		{"claimed", ".host.0011aabb", `{"stage":"pending","start":"2026-11-23T11:30:48Z"}`, 3, 2, "host"},
		{"taken back just now", ".host.0011aabb-ccdd0011", `{"stage":"pending","start":"2026-11-23T11:30:48Z"}`, 3, 2, "host"},
		{"moving on", ".host.0011aabb", `{"stage":"separating","claim":"0011aabb","worker":"host"},{"stage":"separated"}`, 2, 2, ""},
		{"recorded", ".host.0011aabb", `{"stage":"pending"},{"stage":"separating","worker":"full name"}`, 2, 2, "full name"},
		{"of an earlier version", "", `{"stage":"pending"},{"stage":"separating","worker":"you"}`, 2, 2, "you"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			data, id := t.TempDir(), testID(1)
			put(t, data, job.Separating, id+c.folder, job.RecordFile, `{"id":"`+id+`","name":"x","attempt":2,"history":[`+c.history+`]}`)
			j, err := New(data).Get(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			if j.Attempt != c.attempt || len(j.History) != c.visits || j.History[c.visits-1].Worker != c.worker {
				t.Errorf("attempt %d, history %+v", j.Attempt, j.History)
			}
			counts, err := New(data).Count(t.Context())
			if err != nil || counts[job.Separating] != 1 || len(counts) != len(job.Stages) {
				t.Errorf("counts %v, %v", counts, err)
			}
		})
	}
}

// A job that runs through the stages over and over, also backwards, is found at every
// moment, once.
func TestMovingJobIsNeverLost(t *testing.T) {
	t.Parallel()
	data, id := t.TempDir(), testID(1)
	for _, stage := range job.Stages {
		put(t, data, stage, testID(2), "", "")
	}
	text, err := json.Marshal(job.Record{ID: id, Name: "song.mp3"})
	if err != nil {
		t.Fatal(err)
	}
	put(t, data, job.Incoming, id, job.RecordFile, string(text))
	q := New(data)
	// While the jobs are listed once, this one moves at most four times: a job never moves as fast as it
	// is looked for, and on a busy machine only counting can make sure of that.
	moves := make(chan struct{}, 2)
	var mover sync.WaitGroup
	defer mover.Wait()
	defer close(moves)
	mover.Go(func() {
		way := job.Stages[:6] // to job.Done
		i := -1
		for range moves {
			i++
			from, to := way[i%len(way)], way[(i+1)%len(way)]
			if err := os.Rename(folderOf(data, from, id), folderOf(data, to, id)); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 200 {
		for range cap(moves) {
			select {
			case moves <- struct{}{}:
			default: // It has not moved yet.
			}
		}
		jobs, err := list(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if len(jobs) != 2 || jobs[0].ID != id || jobs[0].Name != "song.mp3" || jobs[0].Problem != "" {
			t.Fatalf("found %+v", jobs)
		}
	}
}
