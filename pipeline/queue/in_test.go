//go:build unix

package queue

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/im2-audio/im2/pipeline/job"
)

func TestTheJobsInOneStage(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	q := New(data)
	for j, err := range q.In(t.Context(), job.Pending) {
		t.Errorf("there is %v in no queue, %v", j, err)
	}
	put := func(stage, name, id string) {
		dir := filepath.Join(data, "queue", stage, name)
		if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, "job.json"), []byte(`{"id": "`+id+`", "name": "a.mp3"}`), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	const one, two, three = "20260102T030405.000001Z-00000000", "20260102T030405.000002Z-00000000", "20260102T030405.000003Z-00000000"
	put("separating", two+".host.0011aabb", two)
	put("separating", one+".other.0011aabb", one)
	put("done", three, three)
	var got []string
	for j, err := range q.In(t.Context(), job.Separating) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, j.ID+" of "+j.Last().Worker)
	}
	if len(got) != 2 || got[0] != one+" of other" || got[1] != two+" of host" {
		t.Errorf("jobs = %q", got)
	}
	if j, err := q.GetIn(t.Context(), three, job.Done); err != nil || j.Stage != job.Done {
		t.Errorf("GetIn = %+v, %v", j, err)
	}
	if _, err := q.GetIn(t.Context(), "20260102T030405.000009Z-00000000", job.Done); !errors.Is(err, ErrNotFound) {
		t.Errorf("GetIn = %v", err)
	}
}
