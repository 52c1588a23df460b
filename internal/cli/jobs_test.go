package cli

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/im2-audio/im2/internal/term"
	"github.com/im2-audio/im2/pipeline/job"
)

// The table of many jobs is written while they are read, with its columns aligned: all at once, a job took 800 bytes.
func TestTheTableOfJobsIsNotKept(t *testing.T) {
	t.Parallel()
	const jobs, late = 5000, 3500
	failed := errors.New("no more")
	for _, end := range []error{nil, failed} {
		ui, out, _ := term.Test()
		err := Target{UI: ui}.printList(func(yield func(listedJob, error) bool) {
			for i := range jobs {
				var j listedJob
				j.ID, j.Stage, j.Name = fmt.Sprintf("job-%04d", i), job.Done, "a.mp3"
				if i == late {
					j.Name = strings.Repeat("a", 100)
				}
				if behind := i - bytes.Count(out.Bytes(), []byte("\n")); behind > 1001 {
					t.Fatalf("after %d jobs, %d are kept", i, behind)
				}
				if !yield(j, nil) {
					return
				}
			}
			if end != nil {
				yield(listedJob{}, end)
			}
		})
		lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		if !errors.Is(err, end) || len(lines) != jobs+1 || !strings.HasPrefix(lines[0], "JOB       STATE  SONG     PROGRESS  ATTEMPTS") {
			t.Fatalf("%d lines, %v: %q", len(lines), err, lines[0])
		}
		for i, line := range lines[1:] {
			if !strings.HasPrefix(line, fmt.Sprintf("job-%04d  done   \"a", i)) {
				t.Fatalf("line %d is %q", i, line)
			}
		}
		if before, after := strings.Index(lines[1], " - "), strings.Index(lines[jobs], " - "); before != strings.Index(lines[1000], " - ") || after-before != 95 {
			t.Errorf("the column is at %d, and behind a wider row at %d", before, after)
		}
	}
}

func TestNoJobs(t *testing.T) {
	t.Parallel()
	ui, out, note := term.Test()
	if err := (Target{UI: ui}).printList(func(func(listedJob, error) bool) {}); err != nil || out.Len() > 0 || note.String() != "there are none\n" {
		t.Errorf("%v, %q, %q", err, out, note)
	}
}
