package model

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/im2-audio/im2/internal/dev/thorough"
	"github.com/im2-audio/im2/ownership"
)

// An attacker is a service that was taken over, or more than that: it is the same user as the command, and so may link
// to everything, as fs.protected_hardlinks forbids to others.
type attacker struct {
	cache, outside string
	pieces         []string
	// rest is the longest pause after an attack. Without one, a busy machine prepares nothing.
	rest time.Duration
	// exchanged and planted are how often it was quicker than the command.
	exchanged, planted int
}

// attack exchanges each folder that a model is prepared in, for a link to the folder outside and for one with hard links to
// its file, and plants such links in it, until stop is closed.
func (a *attacker) attack(stop <-chan struct{}) {
	trap := filepath.Join(a.cache, "trap")
	for way := 0; ; way++ {
		select {
		case <-stop:
			return
		default:
		}
		entries, _ := os.ReadDir(a.cache) // What is gone meanwhile is looked for again.
		for _, e := range entries {
			if !strings.HasPrefix(e.Name(), ".test-fp32.tmp-") {
				continue
			}
			time.Sleep(rand.N(a.rest))
			folder := filepath.Join(a.cache, e.Name())
			if way%3 == 0 {
				a.plant(folder)
				continue
			}
			_ = os.RemoveAll(trap)
			if way%3 == 1 {
				_ = os.Symlink(a.outside, trap)
			} else if os.Mkdir(trap, 0o700) == nil {
				a.plant(trap)
			}
			if unix.Renameat2(unix.AT_FDCWD, folder, unix.AT_FDCWD, trap, unix.RENAME_EXCHANGE) == nil {
				a.exchanged++
			}
		}
	}
}

func (a *attacker) plant(folder string) {
	for _, piece := range a.pieces {
		if os.Link(filepath.Join(a.outside, "p00.onnx"), filepath.Join(folder, piece)) == nil {
			a.planted++
		}
	}
}

// TestNobodyTurnsTheModelElsewhere attacks the preparation 200 times or more. The model of earlier versions was downloaded into the
// cache, and a hard link there got a foreign file overwritten and given away in 5 of 6 tries. So does this attack where files of a
// model are opened without O_EXCL.
func TestNobodyTurnsTheModelElsewhere(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.fetched()
	outside := t.TempDir()
	kept := filepath.Join(outside, "p00.onnx") // A name that pieces have.
	f.write(kept, []byte("only for root"))
	if err := os.Chmod(outside, 0o700); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		f.Folder = folderOf(ownership.Owner{UID: 54321, GID: 54322})
	}
	start := time.Now()
	if _, err := f.ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	a := &attacker{
		cache: f.Dir, outside: outside, pieces: []string{"p00.onnx", "p01.onnx", "manifest.json", "test.onnx"},
		rest: 3 * time.Since(start),
	}
	var attacks sync.WaitGroup
	stop := make(chan struct{})
	attacks.Go(func() { a.attack(stop) })
	made := 0
	tries := 0
	for ; tries < thorough.Of(200, 30) || made == 0 && tries < 2000; tries++ {
		_ = os.RemoveAll(f.path("test-fp32")) // The attacker's fault, where it cannot be removed.
		if got, err := f.ensure(t.Context()); err == nil && got.Prepared {
			made++
		}
	}
	close(stop)
	attacks.Wait()
	t.Logf("%d tries: %d models prepared, %d folders exchanged, %d links planted", tries, made, a.exchanged, a.planted)
	if text, err := os.ReadFile(kept); err != nil || string(text) != "only for root" {
		t.Errorf("the file outside has %.40q now, %v", text, err)
	}
	for _, path := range []string{outside, kept} {
		info, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		if owner, _ := ownership.Of(info); int(owner.UID) != os.Geteuid() || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is %v of %s now", path, info.Mode(), owner)
		}
	}
	if entries, err := os.ReadDir(outside); err != nil || len(entries) != 1 {
		t.Errorf("the folder outside has %v now, %v", entries, err)
	}
	if a.exchanged == 0 || a.planted == 0 || made == 0 {
		t.Error("nothing was attacked, or nothing was prepared beside the attack")
	}
}
