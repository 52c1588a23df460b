package queue

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
)

func TestAListingFindsEachJobWhereItIsNow(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	for n, stage := range map[int]job.Stage{1: job.Done, 2: job.Pending, 3: job.Failed, 4: job.Pending} {
		put(t, data, stage, testID(n), job.RecordFile, record(testID(n)))
	}
	l, err := New(data).List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(l.IDs(job.Pending, job.Failed), " "); got != testID(2)+" "+testID(3)+" "+testID(4) {
		t.Errorf("IDs = %s", got)
	}
	if counts := l.Counts(); counts[job.Pending] != 2 || counts[job.Done] != 1 || len(counts) != len(job.Stages) {
		t.Errorf("Counts = %v", counts)
	}
	claimed := filepath.Base(folderOf("", job.Separating, testID(2)))
	moveJob(t, data, "pending/"+testID(2), "separating/"+claimed)
	put(t, data, job.Pending, testID(5), job.RecordFile, record(testID(5)))
	for n, want := range map[int]job.Stage{1: job.Done, 2: job.Separating, 5: job.Pending} {
		if j, err := l.Get(t.Context(), testID(n)); err != nil || j.Stage != want {
			t.Errorf("Get(%d) = %+v, %v; want it in %s", n, j, err, want)
		}
	}
}

func TestTextsForPeople(t *testing.T) {
	t.Parallel()
	for want, j := range map[string]Job{
		"-":        {Stage: job.Pending, Progress: &job.Progress{Done: 1, Total: 2}},
		"50 %":     {Stage: job.Separating, Progress: &job.Progress{Done: 1, Total: 2}},
		"decoding": {Stage: job.Separating, Progress: &job.Progress{Phase: job.Decoding}},
	} {
		if got := j.ProgressText(); got != want {
			t.Errorf("ProgressText = %q; want %q", got, want)
		}
	}
	for want, d := range map[string]time.Duration{"59 s": 59 * time.Second, "1 min": 119 * time.Second, "47 h": 47*time.Hour + time.Minute, "2 d": 48 * time.Hour} {
		if got := AgeText(d); got != want {
			t.Errorf("AgeText(%s) = %q; want %q", d, got, want)
		}
	}
}
