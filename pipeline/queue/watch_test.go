package queue

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/im2-audio/im2/pipeline/job"
)

// look is what the next look finds: "song number stage".
func look(t *testing.T, w *Watch) string {
	t.Helper()
	var found []string
	for j, err := range w.Look(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprintf("%c %s", j.ID[21], j.Stage)
		if percent, known := j.Progress.Percent(); known {
			text += fmt.Sprintf(" %d", percent)
		}
		found = append(found, text)
	}
	return strings.Join(found, ", ")
}

func moveJob(t *testing.T, data, from, to string) {
	t.Helper()
	queue := filepath.Join(data, job.QueueFolder)
	if err := os.MkdirAll(filepath.Dir(filepath.Join(queue, to)), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(queue, from), filepath.Join(queue, to)); err != nil {
		t.Fatal(err)
	}
}

func TestAWatchTellsEachChangeOnce(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	for n, stage := range map[int]job.Stage{1: job.Done, 2: job.Pending, 3: job.Pending, 4: job.Failed} {
		put(t, data, stage, testID(n), job.RecordFile, record(testID(n)))
	}
	all, failed := New(data).Watch(10), New(data).Watch(10, job.Failed)
	claimed := folderOf("", job.Separating, testID(2))[len("/queue/")-1:]
	progress := func(done int) func() {
		return func() {
			put(t, data, job.Separating, filepath.Base(claimed), job.ProgressFile, fmt.Sprintf(`{"phase":"separating","done":%d,"total":100}`, done))
		}
	}
	for i, step := range []struct {
		do          func()
		all, failed string
	}{
		{func() {}, "2 pending, 3 pending", "4 failed"},
		{func() {}, "", ""},
		{func() { moveJob(t, data, "pending/"+testID(2), claimed) }, "2 separating", ""},
		{progress(10), "2 separating 10", ""},
		{progress(19), "", ""},
		{progress(20), "2 separating 20", ""},
		{func() { moveJob(t, data, claimed, "done/"+testID(2)) }, "2 done 20", ""},
		{func() { moveJob(t, data, "pending/"+testID(3), "failed/"+testID(3)) }, "3 failed", "3 failed"},
		{func() { moveJob(t, data, "failed/"+testID(4), "pending/"+testID(4)) }, "4 pending", "4 pending"},
		{func() { moveJob(t, data, "pending/"+testID(4), "../gone") }, "4 ", ""},
		{func() { put(t, data, job.Rejected, testID(5), job.RecordFile, record(testID(5))) }, "5 rejected", ""},
		{func() {}, "", ""},
	} {
		step.do()
		if gotAll, gotFailed := look(t, all), look(t, failed); gotAll != step.all || gotFailed != step.failed {
			t.Errorf("step %d: %q and %q; want %q and %q", i, gotAll, gotFailed, step.all, step.failed)
		}
	}
}
