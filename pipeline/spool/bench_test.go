//go:build unix

package spool

import (
	"testing"

	"github.com/im2-audio/im2/pipeline/job"
)

// BenchmarkWay takes one job through every stage, with all that is written to the disk.
func BenchmarkWay(b *testing.B) {
	s, err := Open(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := wholeWay(b, s); err != nil {
			b.Fatal(err)
		}
	}
}

func wholeWay(b *testing.B, s *Spool) error {
	b.Helper()
	j, err := s.Create("watcher")
	if err != nil {
		return err
	}
	if err := j.Move(job.Pending); err != nil {
		return err
	}
	if j, err = s.Claim(b.Context(), job.Pending, job.Separating, "demucs"); err != nil {
		return err
	}
	if err := j.Move(job.Separated); err != nil {
		return err
	}
	if j, err = s.Claim(b.Context(), job.Separated, job.Organizing, "organizer"); err != nil {
		return err
	}
	return j.Finish()
}
