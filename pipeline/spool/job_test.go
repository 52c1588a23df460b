//go:build unix

package spool

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

func wantHistory(t *testing.T, r *job.Record, want ...string) {
	t.Helper()
	var got []string
	for _, v := range r.History {
		state := "open"
		if !v.End.IsZero() {
			state = "ended"
		}
		line := fmt.Sprintf("%s %s %d %s", v.Stage, v.Worker, v.Attempt, state)
		if v.Error != "" {
			line += ": " + v.Error
		}
		got = append(got, line)
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("history:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestHandBackDoesNotCountAndRequeueDoes(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	j := claimed(t, s, "song", "w1")
	spooltest.Must(t, os.Mkdir(j.Path(job.WorkFolder), place.FolderMode))
	spooltest.Must(t, j.HandBack("told to stop"))
	wantOnlyIn(t, s, j.ID, job.Pending)
	spooltest.WantNames(t, j.Dir(), "job.json", "source")

	j, err := s.Claim(t.Context(), job.Pending, job.Separating, "w2")
	spooltest.Must(t, err)
	spooltest.Must(t, j.Requeue("lost"))
	j, err = s.Claim(t.Context(), job.Pending, job.Separating, "w3")
	spooltest.Must(t, err)
	wantHistory(t, &j.Record,
		"incoming watcher 0 ended", "pending  0 ended", "separating w1 1 ended: told to stop",
		"pending  0 ended", "separating w2 1 ended: lost",
		"pending  1 ended", "separating w3 2 open")
}

func TestFailKeepsTheSource(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	j := claimed(t, s, "song", "w")
	spooltest.Put(t, j.Path("progress.json"), "{}")
	spooltest.Must(t, j.Fail(errors.New("engine broke")))
	wantOnlyIn(t, s, j.ID, job.Failed)
	spooltest.WantNames(t, j.Dir(), "job.json", "source")
	j, err := s.Load(job.Failed, j.ID)
	if err != nil || j.Error != "engine broke" || j.History[2].Error != "engine broke" {
		t.Errorf("failed job = %+v, %v", j, err)
	}
}

// What no service made is nobody's to delete, whatever becomes of the job.
func TestWhatNobodyLookedAtIsKept(t *testing.T) {
	t.Parallel()
	ends := map[string]func(j *Job) error{
		"Fail":     func(j *Job) error { return j.Fail(errors.New("broken")) },
		"HandBack": func(j *Job) error { return j.HandBack("stop") },
		"Finish":   func(j *Job) error { return j.Finish() },
		"Reject":   func(j *Job) error { return j.Reject(j.Path(job.SourceFile), "bad") },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := claimed(t, newSpool(t), "song", "w")
			for _, dir := range []string{job.WorkFolder, "taken"} {
				spooltest.Must(t, os.Mkdir(j.Path(dir), place.FolderMode))
				spooltest.Put(t, j.Path(dir, "f"), "content of "+dir)
			}
			spooltest.Put(t, j.Path("copy"), "content of copy")
			spooltest.Put(t, j.Path(".tmp-1"), "{")
			spooltest.Put(t, j.Path("progress.json"), "{")
			spooltest.Must(t, end(j))
			if got := readFile(t, j.Path("taken", "f")) + readFile(t, j.Path("copy")); got != "content of takencontent of copy" {
				t.Errorf("kept %q", got)
			}
			for _, scratch := range []string{job.WorkFolder, ".tmp-1", "progress.json"} {
				if place.Exists(j.Path(scratch)) {
					t.Errorf("%s is still there", scratch)
				}
			}
		})
	}
}

func TestDiscardRemovesWhatIsEmptyAlone(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	for _, file := range []string{"copy", "source", "job.json.damaged", "taken/song.mp3"} {
		j, err := s.Create("w")
		spooltest.Must(t, err)
		spooltest.Must(t, os.Mkdir(j.Path("taken"), place.FolderMode))
		spooltest.Put(t, j.Path(".tmp-1"), "")
		spooltest.Put(t, j.Path(file), "sound")
		if err := j.Discard("taken"); !errors.Is(err, ErrNotEmpty) {
			t.Errorf("Discard with %s = %v; want ErrNotEmpty", file, err)
		}
		if got := readFile(t, j.Path(file)); got != "sound" {
			t.Errorf("%s holds %q", file, got)
		}
		spooltest.Must(t, os.Remove(j.Path(file)))
		spooltest.Must(t, j.Discard("taken"))
		if place.Exists(j.Dir()) {
			t.Error("the empty job is still there")
		}
	}
}

func TestAMoveThatFailsChangesNothing(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	j := claimed(t, s, "song", "w")
	spooltest.Must(t, os.Remove(s.StageFolder(job.Separated)))
	if err := j.Move(job.Separated); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("error = %v; want fs.ErrNotExist", err)
	}
	wantOnlyIn(t, s, j.ID, job.Separating)
	spooltest.Must(t, s.Ready())
	spooltest.Must(t, j.Move(job.Separated))
	wantHistory(t, &j.Record, "incoming watcher 0 ended", "pending  0 ended", "separating w 1 ended", "separated  1 open")
}

func TestHandBackThatFailsKeepsTheAttempt(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	j := claimed(t, s, "song", "w")
	spooltest.Must(t, os.Remove(s.StageFolder(job.Pending)))
	if err := j.HandBack("stop"); err == nil || errors.Is(err, ErrLost) || j.Attempt != 1 || j.Stage() != job.Separating {
		t.Errorf("HandBack = %v, attempt %d in %s", err, j.Attempt, j.Stage())
	}
}

func TestJobsThatAreGoneGiveErrors(t *testing.T) {
	t.Parallel()
	j := claimed(t, newSpool(t), "song", "w")
	spooltest.Must(t, os.RemoveAll(j.Dir()))
	for name, err := range map[string]error{
		"Save": j.Save(), "Clear": j.Clear(), "Fail": j.Fail(errors.New("x")), "Finish": j.Finish(),
		"HandBack": j.HandBack("x"), "SetProgress": j.SetProgress(job.Decoding, 0, 0), "Reject": j.Reject("gone", "x"),
		"SetAside": j.SetAside(errors.New("x")),
	} {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s = %v; want fs.ErrNotExist", name, err)
		}
	}
}

func TestThreeAttemptsAreAllThereAre(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	id := pending(t, s, "song").ID
	for i, why := range []string{"out of memory", "out of memory", "it crashed"} {
		j, err := s.Claim(t.Context(), job.Pending, job.Separating, "w")
		spooltest.Must(t, err)
		if i > 0 { // A worker that was told to stop makes no attempt, also not the last one.
			spooltest.Must(t, j.HandBack("told to stop"))
			j, err = s.Claim(t.Context(), job.Pending, job.Separating, "w")
			spooltest.Must(t, err)
		}
		if j.Attempt != i+1 {
			t.Errorf("attempt %d; want %d", j.Attempt, i+1)
		}
		spooltest.Must(t, os.Mkdir(j.Path(job.StemsFolder), place.FolderMode))
		spooltest.Must(t, j.Requeue(why))
	}
	wantOnlyIn(t, s, id, job.Failed)
	j, err := s.Load(job.Failed, id)
	spooltest.Must(t, err)
	if want := "attempt 1: out of memory; attempt 2: out of memory; attempt 3: it crashed"; j.Error != want || j.Attempt != MaxAttempts {
		t.Errorf("attempt %d, error %q; want %q", j.Attempt, j.Error, want)
	}
	spooltest.WantNames(t, j.Dir(), "job.json", "source")
	if got := together([]string{"x", "x", "x"}); got != "x" {
		t.Errorf("one error three times is told as %q", got)
	}
}

func TestTheRecordKeepsItsJSONNamesAndTrueBytes(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 11, 30, 47, 1000, time.UTC)
	r := job.Record{
		ID: "i", Size: 1, SHA256: "s", MIME: "m", Created: now, Track: "t", DuplicateOf: "o", Error: "e",
		DurationSeconds: 1.5, Engine: "n", Model: "d", Attempt: 2,
		History: []job.Visit{{Stage: job.Pending, Start: now, End: now, Worker: "w", Claim: "c", Attempt: 2, Error: "x"}, {Stage: job.Done, Start: now}},
	}
	r.SetName("a\xff")
	r.SetArchived("ä\n.mp3")
	r.SetRejected("r\xfe")
	data, err := json.Marshal(&r)
	spooltest.Must(t, err)
	const want = `{"id":"i","name":"a�","name_bytes":"Yf8=","size":1,"sha256":"s","mime":"m",` +
		`"created":"2026-11-23T11:30:47.000001Z","track":"t","archived":"ä\n.mp3","rejected":"r�","rejected_bytes":"cv4=",` +
		`"duplicate_of":"o","error":"e","duration_seconds":1.5,"engine":"n","model":"d","attempt":2,"history":[` +
		`{"stage":"pending","start":"2026-11-23T11:30:47.000001Z","end":"2026-11-23T11:30:47.000001Z","worker":"w","claim":"c","attempt":2,"error":"x"},` +
		`{"stage":"done","start":"2026-11-23T11:30:47.000001Z","attempt":0}]}`
	if string(data) != want {
		t.Errorf("job.json:\n%s\nwant:\n%s", data, want)
	}
	var back job.Record
	spooltest.Must(t, json.Unmarshal(data, &back))
	if back.RawName() != "a\xff" || back.RawArchived() != "ä\n.mp3" || back.RawRejected() != "r\xfe" {
		t.Errorf("names came back as %q, %q, %q", back.RawName(), back.RawArchived(), back.RawRejected())
	}
}

// A worker may be stopped for long while it empties a folder, and go on when the next one has the job.
func TestWhatIsEmptiedHasNoNameThatTheNextWorkerUses(t *testing.T) {
	t.Parallel()
	for name, empty := range map[string]func(*Job) error{
		"Clear": func(j *Job) error { return j.Clear() },
		"Drop":  func(j *Job) error { return j.Drop(job.WorkFolder) },
	} {
		s := newSpool(t)
		j := claimed(t, s, "song", "slow")
		spooltest.Must(t, os.Mkdir(j.Path(job.WorkFolder), place.FolderMode))
		spooltest.Put(t, j.Path(job.WorkFolder, "mix.wav"), "")
		emptied := 0
		s.disk = place.Placer{Disk: emptying{s.disk.Disk, func(path string) {
			emptied++
			if filepath.Base(path) == job.WorkFolder || place.Exists(j.Path(job.WorkFolder)) {
				t.Errorf("%s empties %s", name, path)
			}
		}}}
		spooltest.Must(t, empty(j))
		if emptied != 1 {
			t.Errorf("%s emptied %d folders", name, emptied)
		}
		spooltest.WantNames(t, j.Dir(), "job.json", "source")
		spooltest.Must(t, j.Drop(job.WorkFolder)) // It is gone already.
	}
}

// emptying is a disk that tells which folders are emptied.
type emptying struct {
	place.Disk
	tell func(path string)
}

func (d emptying) RemoveAll(path string) error {
	d.tell(path)
	return d.Disk.RemoveAll(path)
}
