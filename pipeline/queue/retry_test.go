package queue

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
)

// A retry that was cut off after it had written the record is done again, as if for the first time.
func TestRetryCanBeRepeated(t *testing.T) {
	t.Parallel()
	data, id := t.TempDir(), testID(1)
	put(t, data, job.Pending, testID(2), "", "")
	text := `{"id":"` + id + `","name":"x","attempt":0,"history":[{"stage":"failed","end":"2026-11-23T11:30:47Z"},{"stage":"pending"}]}`
	put(t, data, job.Failed, id, job.RecordFile, text)
	put(t, data, job.Failed, id, job.SourceFile, "sound")
	q := New(data)
	to, err := q.Retry(t.Context(), id, 1234, 1234)
	if err != nil || to != job.Pending {
		t.Fatalf("Retry = %v, %v", to, err)
	}
	j, err := q.Get(t.Context(), id)
	if err != nil || j.Stage != job.Pending || len(j.History) != 2 || j.History[0].End.IsZero() || !j.History[1].End.IsZero() {
		t.Errorf("job = %+v, %v", j, err)
	}
	info, err := os.Stat(filepath.Join(data, job.QueueFolder, string(job.Pending), id, job.RecordFile))
	if err != nil || info.Mode() != place.FileMode {
		t.Errorf("job.json is %v, %v", info, err)
	}
	if _, err := q.Retry(t.Context(), id, 0, 0); !errors.Is(err, ErrNotFailed) {
		t.Errorf("error = %v; want ErrNotFailed", err)
	}
}

// Where the song of a job lies that was given up before it had a source is said, and nothing else is
// called the reason than what it is.
func TestRetrySaysWhatKeepsIt(t *testing.T) {
	t.Parallel()
	data, id := t.TempDir(), testID(1)
	put(t, data, job.Failed, id, job.RecordFile, record(id))
	makeDir := func(elem ...string) {
		if err := os.MkdirAll(filepath.Join(append([]string{data, job.QueueFolder}, elem...)...), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	makeDir(string(job.Failed), id, job.TakenFolder)
	put(t, data, job.Failed, filepath.Join(id, job.TakenFolder), "a\nb.mp3", "sound")
	q := New(data)
	_, err := q.Retry(t.Context(), id, 0, 0)
	if !errors.Is(err, ErrUntaken) || !strings.Contains(err.Error(), `taken/a\nb.mp3" into input/`) {
		t.Errorf("error = %v", err)
	}
	put(t, data, job.Failed, id, job.SourceFile, "sound")
	if _, err := q.Retry(t.Context(), id, 0, 0); !errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrNotFailed) {
		t.Errorf("error = %v; want that there is no queue/pending", err)
	}
	makeDir(string(job.Pending))
	put(t, data, job.Pending, "", id, "in its place")
	if _, err := q.Retry(t.Context(), id, 0, 0); err == nil || !strings.HasSuffix(err.Error(), "its name in queue/pending: move that away") {
		t.Errorf("error = %v; want that something is in its place", err)
	}
	if err := os.Remove(filepath.Join(data, job.QueueFolder, string(job.Pending), id)); err != nil {
		t.Fatal(err)
	}
	if to, err := q.Retry(t.Context(), id, 0, 0); to != job.Pending || err != nil {
		t.Errorf("Retry = %v, %v", to, err)
	}
}
