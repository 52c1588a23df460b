package doctor

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// attack exchanges each scratch folder that appears in data for a link to victim, as a service that was taken
// over can, until stop is closed. It returns how often it did.
func attack(data, victim string, stop <-chan struct{}) (exchanged int) {
	trap := filepath.Join(data, "trap")
	for {
		select {
		case <-stop:
			return exchanged
		default:
		}
		if _, err := os.Lstat(trap); err != nil {
			_ = os.Symlink(victim, trap)
		}
		entries, _ := os.ReadDir(data) // What is gone meanwhile is looked for again.
		for _, e := range entries {
			if !strings.HasPrefix(e.Name(), scratchPrefix) || !e.IsDir() {
				continue
			}
			if unix.Renameat2(unix.AT_FDCWD, filepath.Join(data, e.Name()), unix.AT_FDCWD, trap, unix.RENAME_EXCHANGE) == nil {
				exchanged++
				_ = os.RemoveAll(trap) // It holds the folder now; the next one gets a new link.
				_ = os.Symlink(victim, trap)
			}
		}
	}
}

// TestNobodyTurnsTheScratchFolderElsewhere attacks doctor 2,000 times. With calls by path the attacker got a file
// outside the data folder overwritten and a folder opened for everybody within the first hundred.
func TestNobodyTurnsTheScratchFolderElsewhere(t *testing.T) {
	t.Parallel()
	const secret = "only for root"
	p := open(t, map[string]string{"docker-compose.yml": "services: {a: {image: x}}\n"})
	p.Data = t.TempDir()
	victim := t.TempDir()
	kept := filepath.Join(victim, "host") // as the file that doctor makes
	if err := errors.Join(os.WriteFile(kept, []byte(secret), 0o600), os.Chmod(victim, 0o700)); err != nil {
		t.Fatal(err)
	}
	var attacker sync.WaitGroup
	var exchanged atomic.Int64
	stop := make(chan struct{})
	attacker.Go(func() { exchanged.Store(int64(attack(p.Data, victim, stop))) })
	made := 0
	for range 2000 {
		s, err := newScratch(p)
		if err != nil {
			t.Fatal(err) // The project's folder is there, too.
		}
		if _, err := s.writeOwn(); err == nil {
			made++
		}
		s.remove()
	}
	close(stop)
	attacker.Wait()
	t.Logf("2000 tries: %d files made, %d folders exchanged", made, exchanged.Load())
	text, err := os.ReadFile(kept)
	if err != nil || string(text) != secret {
		t.Errorf("the file outside has %q now, %v", text, err)
	}
	entries, err := os.ReadDir(victim)
	if err != nil || len(entries) != 1 {
		t.Errorf("the folder outside has %v now, %v", entries, err)
	}
	if info, err := os.Stat(victim); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder outside is %v now, %v", info, err)
	}
	if exchanged.Load() == 0 || made == 0 {
		t.Error("nothing was attacked, or nothing was made beside the attack")
	}
}
