//go:build unix

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/spooltest"
	"github.com/im2-audio/im2/pipeline/spooltest/jobtest"
)

// Whoever can write into queue/ can leave jobs there that nobody can separate. They delay no song, lead nowhere, and end in
// failed/ or rejected/.
func TestJobsThatCannotBeSeparatedAreGivenUp(t *testing.T) {
	t.Parallel()
	b := newBench(t, "ffmpeg", "engine")
	outside := t.TempDir()
	secret := filepath.Join(outside, "secret")
	spooltest.Put(t, secret, "sound")
	bad := map[string]string{} // What it is, by the ID.
	for _, forged := range forgedJobs(outside) {
		j := b.add("bad", "sound")
		spooltest.Must(t, errors.Join(os.RemoveAll(j.Path(forged.name)), forged.put(j.Path(forged.name))))
		if !forged.passes {
			bad[j.ID] = forged.what + " as " + forged.name
		}
	}
	for _, stage := range []job.Stage{job.Separated, job.Failed} {
		for what, put := range map[string]func(path string) error{"a file": file, "a folder": folder} {
			blocked := b.add("bad", "sound")
			spooltest.Must(t, put(filepath.Join(b.spool.StageFolder(stage), blocked.ID)))
			if stage == job.Failed {
				spooltest.Must(t, os.Remove(blocked.Path(job.SourceFile)))
			}
			bad[blocked.ID] = fmt.Sprintf("%s in its place in %s", what, stage)
		}
	}
	good := b.add("good", "sound")
	delays := 0
	for turns := 0; ; turns++ {
		busy, err := b.turn(t.Context())
		if err == nil && !busy {
			break
		}
		if !busy {
			delays++
		}
		if turns > 100 {
			t.Fatalf("there is no end: %v", err)
		}
	}
	b.in(job.Separated, good.ID)
	if delays > 0 {
		t.Errorf("the worker waited %d times", delays)
	}
	for id, what := range bad {
		jobtest.WantGivenUp(t, b.spool, id, what)
	}
	spooltest.WantNames(t, outside, "secret")
	spooltest.WantText(t, secret, "sound")
}

func file(path string) error { return os.WriteFile(path, []byte("x"), place.FileMode) }

func folder(path string) error {
	return errors.Join(os.Mkdir(path, place.FolderMode), file(filepath.Join(path, "x")))
}

type forgery struct {
	// Something of this kind is put in the place of name.
	what, name string
	put        func(path string) error
	// passes means that the job is separated all the same: what is in the way is the worker's own.
	passes bool
}

func forgedJobs(outside string) []forgery {
	link := func(path string) error { return os.Symlink(filepath.Join(outside, "secret"), path) }
	linkToFolder := func(path string) error { return os.Symlink(outside, path) }
	fifo := func(path string) error { return syscall.Mkfifo(path, 0o644) }
	socket := func(path string) error { return syscall.Mknod(path, syscall.S_IFSOCK|0o644, 0) }
	return []forgery{
		{"a link", job.SourceFile, link, false},
		{"a link to a folder", job.SourceFile, linkToFolder, false},
		{"a FIFO", job.SourceFile, fifo, false},
		{"a socket", job.SourceFile, socket, false},
		{"a folder", job.SourceFile, folder, false},
		{"a FIFO", job.RecordFile, fifo, false},
		{"a link", job.RecordFile, link, false},
		{"a folder", job.RecordFile, folder, false},
		{"a socket", job.RecordFile, socket, false},
		{"a link", job.WorkFolder, linkToFolder, true},
		{"a file", job.WorkFolder, file, true},
		{"a folder", job.WorkFolder, folder, true},
		{"a link", job.StemsFolder, linkToFolder, true},
		{"a FIFO", job.StemsFolder, fifo, true},
		{"a FIFO", job.ProgressFile, fifo, true},
		{"a link", job.ProgressFile, link, true},
		{"a folder", job.ProgressFile, folder, true},
	}
}
