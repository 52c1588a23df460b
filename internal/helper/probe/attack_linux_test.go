package probe

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/im2-audio/im2/internal/dev/thorough"
)

// attack exchanges each canary's folder that appears in mount for a link to victim, as a service that was taken over
// can, until stop is closed. It returns how often it did.
func attack(mount, victim string, stop <-chan struct{}) (exchanged int) {
	trap := filepath.Join(mount, "trap")
	for {
		select {
		case <-stop:
			return exchanged
		default:
		}
		entries, _ := os.ReadDir(mount) // What is gone meanwhile is looked for again.
		for _, e := range entries {
			if !strings.HasSuffix(e.Name(), ".folder") && !strings.HasSuffix(e.Name(), ".folder.taken") && !strings.HasSuffix(e.Name(), ".taken.folder") {
				continue
			}
			_ = os.RemoveAll(trap)
			_ = os.Symlink(victim, trap)
			if unix.Renameat2(unix.AT_FDCWD, filepath.Join(mount, e.Name()), unix.AT_FDCWD, trap, unix.RENAME_EXCHANGE) == nil {
				exchanged++
			}
		}
	}
}

// TestNobodyTurnsACanaryElsewhere attacks 600 canaries and their removal, with a victim outside of the mount and one
// in it. With calls by path, files were made in the victim's folder and its own was removed, in 378 of 2,000 tries.
func TestNobodyTurnsACanaryElsewhere(t *testing.T) {
	t.Parallel()
	mount, outside := t.TempDir(), t.TempDir()
	inside := filepath.Join(mount, "songs")
	if err := os.Mkdir(inside, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, victim := range []string{outside, inside} {
		kept := filepath.Join(victim, inFolder)
		if err := os.WriteFile(kept, []byte("song"), 0o600); err != nil {
			t.Fatal(err)
		}
		var attacker sync.WaitGroup
		exchanged := 0
		stop := make(chan struct{})
		attacker.Go(func() { exchanged = attack(mount, victim, stop) })
		made, lost := 0, 0
		tries := thorough.Of(300, 40)
		for range tries {
			if results, err := Leave(mount, Prefix+"x", []string{"."}); err == nil && results[0].Failed == "" {
				made++
			}
			_, _ = Take(mount, Prefix+"x", []string{"."}) // the attacker's fault
			_ = Clear(mount, []string{"."})               // the same
			if text, err := os.ReadFile(kept); err != nil || string(text) != "song" {
				lost++
				if err := errors.Join(os.RemoveAll(victim), os.Mkdir(victim, 0o700), os.WriteFile(kept, []byte("song"), 0o600)); err != nil {
					t.Fatal(err)
				}
			}
		}
		close(stop)
		attacker.Wait()
		t.Logf("%s: %d tries: %d canaries made, %d folders exchanged, %d files lost", filepath.Base(victim), tries, made, exchanged, lost)
		entries, err := os.ReadDir(victim)
		if err != nil || len(entries) != 1 || lost > 0 {
			t.Errorf("the folder has %v now, lost %d times, %v", entries, lost, err)
		}
		if exchanged == 0 || made == 0 {
			t.Error("nothing was attacked, or nothing was made beside the attack")
		}
	}
}
