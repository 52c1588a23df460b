package prune

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Links are not followed, wherever a service puts them, and nothing is waited for.
func TestLinksAreNotFollowed(t *testing.T) {
	t.Parallel()
	outside := t.TempDir()
	victim := filepath.Join(outside, "victim")
	for name, attack := range map[string]func(b *bench, id string) error{
		"output": func(b *bench, _ string) error { return b.exchange("output", outside) },
		"archive": func(b *bench, _ string) error {
			return errors.Join(os.WriteFile(filepath.Join(outside, "a.mp3"), []byte("sound"), 0o600), b.exchange("archive", outside))
		},
		"rejected":          func(b *bench, _ string) error { return b.exchange("rejected", outside) },
		"done":              func(b *bench, _ string) error { return b.exchange("queue/done", outside) },
		"queue":             func(b *bench, _ string) error { return b.exchange("queue", outside) },
		"a track":           func(b *bench, _ string) error { return b.exchange("output/a", outside) },
		"a track's record":  func(b *bench, _ string) error { return b.exchange("output/a/track.json", victim) },
		"an original":       func(b *bench, _ string) error { return b.exchange("archive/a.mp3", victim) },
		"a job":             func(b *bench, id string) error { return b.exchange("queue/done/"+id, outside) },
		"a record":          func(b *bench, id string) error { return b.exchange("queue/done/"+id+"/job.json", victim) },
		"a link in a track": func(b *bench, _ string) error { return os.Symlink(outside, filepath.Join(b.data, "output/a/more")) },
		"a leftover": func(b *bench, id string) error {
			return os.Symlink(outside, filepath.Join(b.data, "output/.prune-"+id))
		},
		"inside": func(b *bench, _ string) error { return b.exchange("output", filepath.Join(b.data, "input")) },
		"a FIFO": func(b *bench, _ string) error { return syscall.Mkfifo(filepath.Join(b.data, "output/a/fifo"), 0o600) },
		"a FIFO as record": func(b *bench, _ string) error {
			path := filepath.Join(b.data, "output/a/track.json")
			return errors.Join(os.Remove(path), syscall.Mkfifo(path, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.must(os.WriteFile(victim, []byte("victim"), 0o600))
			id := b.done("a", longAgo)
			b.reject("r.txt", longAgo)
			b.put("input/song.mp3", "sound")
			b.must(attack(b, id))
			r, err := Run(t.Context(), b.data, Options{Before: time.Now().Add(time.Hour)})
			t.Logf("%+v, %v", r, err)
			for _, path := range []string{victim, filepath.Join(b.data, "input/song.mp3")} {
				if text, err := os.ReadFile(path); err != nil || len(text) == 0 {
					t.Errorf("%s: %q, %v", path, text, err)
				}
			}
		})
	}
}

// exchange puts a link in the place of something, which stays under another name.
func (b *bench) exchange(name, target string) error {
	path := filepath.Join(b.data, name)
	return errors.Join(os.Rename(path, path+" before"), os.Symlink(target, path))
}

// A service that exchanges folders for links, again and again, has nothing removed but what it could remove itself.
func TestAnAttackerWhoIsFast(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	outside := t.TempDir()
	for i := range 50 {
		name := fmt.Sprint("song", i)
		b.done(name, longAgo)
		b.must(os.MkdirAll(filepath.Join(outside, name), 0o755))
		b.must(os.WriteFile(filepath.Join(outside, name, "victim"), nil, 0o600))
		b.must(os.WriteFile(filepath.Join(outside, name+".mp3"), []byte("sound"), 0o600))
	}
	ctx, stop := context.WithCancel(t.Context())
	var attackers sync.WaitGroup
	for _, folder := range []string{"output", "archive", "queue/done"} {
		path := filepath.Join(b.data, folder)
		b.must(os.Symlink(outside, path+".link"))
		attackers.Go(func() {
			for ctx.Err() == nil { // Either may fail: that is the point.
				_ = os.Rename(path, path+".away")
				_ = os.Rename(path+".link", path)
				_ = os.Rename(path, path+".link")
				_ = os.Rename(path+".away", path)
			}
		})
	}
	for range 20 {
		_, _ = Run(ctx, b.data, Options{Before: time.Now().Add(time.Hour)}) // It may fail, too.
	}
	stop()
	attackers.Wait()
	entries, err := filepath.Glob(filepath.Join(outside, "*", "victim"))
	files, filesErr := filepath.Glob(filepath.Join(outside, "*.mp3"))
	if len(entries) != 50 || len(files) != 50 || err != nil || filesErr != nil {
		t.Errorf("outside there are %d folders and %d files; want 50 of each", len(entries), len(files))
	}
}
