//go:build unix

package queue

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
)

// What a container could put into the queue to make a reader on the host, who may be root,
// read something else or wait for ever.
func TestLinksAndPipesAreNotRead(t *testing.T) {
	t.Parallel()
	outside := t.TempDir()
	put(t, outside, job.Done, testID(1), job.RecordFile, record(testID(1)))
	secret := filepath.Join(outside, job.QueueFolder, string(job.Done), testID(1), job.RecordFile)
	jobFolder := func(data string) string { return filepath.Join(data, job.QueueFolder, string(job.Done), testID(1)) }
	cases := []struct {
		name  string
		plant func(data string) error
		jobs  int
		fails bool
	}{
		{"record", func(data string) error { return os.Symlink(secret, filepath.Join(jobFolder(data), job.RecordFile)) }, 1, false},
		{"pipe", func(data string) error { return syscall.Mkfifo(filepath.Join(jobFolder(data), job.RecordFile), 0o600) }, 1, false},
		{"job", func(data string) error {
			return os.Symlink(filepath.Dir(secret), filepath.Join(data, job.QueueFolder, string(job.Done), testID(2)))
		}, 1, false},
		{"stage", func(data string) error {
			return os.Symlink(filepath.Join(outside, job.QueueFolder, string(job.Done)), filepath.Join(data, job.QueueFolder, string(job.Failed)))
		}, 1, false},
		{"queue", func(data string) error {
			if err := os.RemoveAll(filepath.Join(data, job.QueueFolder)); err != nil {
				return err
			}
			return os.Symlink(filepath.Join(outside, job.QueueFolder), filepath.Join(data, job.QueueFolder))
		}, 0, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			data := t.TempDir()
			put(t, data, job.Done, testID(1), "", "")
			if err := c.plant(data); err != nil {
				t.Fatal(err)
			}
			jobs, err := list(t.Context(), New(data))
			if (err != nil) != c.fails || len(jobs) != c.jobs {
				t.Fatalf("%+v, %v", jobs, err)
			}
			for _, j := range jobs {
				if j.Name != "" || j.Problem == "" {
					t.Errorf("read %+v", j)
				}
			}
			if _, err := New(data).Get(t.Context(), testID(1)); (err != nil) != c.fails {
				t.Errorf("Get: %v", err)
			}
		})
	}
}

// A service can make any number of jobs; what reads them on the host keeps its memory.
func TestMoreJobsThanAListHas(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	q := New(data)
	q.most = 10
	for i := range q.most + 1 {
		put(t, data, job.Done, testID(i), "", "")
		want := "<nil>"
		if i == q.most {
			want = "queue/done: there are more than 10: move the oldest to another folder"
		}
		if _, err := q.Count(t.Context()); fmt.Sprint(err) != want {
			t.Errorf("of %d: %v", i, err)
		}
	}
}

// A FIFO in place of the queue or of a stage is not waited for.
func TestAFIFOIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	for _, name := range []string{job.QueueFolder, filepath.Join(job.QueueFolder, string(job.Done))} {
		data := t.TempDir()
		if err := os.MkdirAll(filepath.Join(data, filepath.Dir(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mkfifo(filepath.Join(data, name), 0o600); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() {
			_, err := New(data).Count(t.Context())
			ended <- err
		}()
		select {
		case err := <-ended:
			t.Logf("%s: %v", name, err)
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: it is waited for", name)
		}
	}
}

func TestUnprivilegedUnreadableQueue(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		if os.Getenv("IM2_REQUIRE_FFMPEG") == "1" {
			t.Fatal("IM2_REQUIRE_FFMPEG=1 and this is root: run the tests as the app user")
		}
		t.Skip("LEFT OUT: what cannot be read, because this is root; run the tests as another user")
	}
	data := t.TempDir()
	put(t, data, job.Pending, testID(1), "", "")
	stage := filepath.Join(data, job.QueueFolder, string(job.Pending))
	if err := os.Chmod(stage, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(stage, 0o700) })
	if _, err := list(t.Context(), New(data)); err == nil {
		t.Error("no error")
	}
}
