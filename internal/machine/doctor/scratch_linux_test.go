package doctor

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/im2-audio/im2/internal/dev/thorough"
	"github.com/im2-audio/im2/pipeline/place/placetest"
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
	tries := thorough.Of(2000, 200)
	for range tries {
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
	t.Logf("%d tries: %d files made, %d folders exchanged", tries, made, exchanged.Load())
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

// TestTheFoldersOfKilledRunsAreFoundAmongMany has more entries beside one than are read at once. What is read of the others
// is only their names: services may have made any number.
func TestTheFoldersOfKilledRunsAreFoundAmongMany(t *testing.T) { // not parallel, since it measures memory
	const others = 5000
	data := t.TempDir()
	root, err := os.OpenRoot(data)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = root.Close() }() // only read
	for i := range others {
		if err := os.WriteFile(filepath.Join(data, strconv.Itoa(i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	long := time.Now().Add(-2 * staleAfter)
	stale, young := filepath.Join(data, scratchPrefix+"1"), filepath.Join(data, scratchPrefix+"2")
	if err := errors.Join(os.Mkdir(stale, 0o700), os.Mkdir(young, 0o700), os.Chtimes(stale, long, long)); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	dropStale(root)
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / others; each > 150 {
		t.Errorf("it takes %d bytes for each entry", each)
	}
	if _, err := os.Stat(stale); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder of a killed run: %v", err)
	}
	if _, err := os.Stat(young); err != nil {
		t.Errorf("the folder of a run: %v", err)
	}
}

func TestAFIFOInPlaceOfAFolderIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	root, err := os.OpenRoot(data)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = root.Close() }() // only read
	name, long := scratchPrefix+"1", time.Now().Add(-2*staleAfter)
	stale := filepath.Join(data, name)
	if err := errors.Join(os.MkdirAll(filepath.Join(stale, "stays"), 0o700), os.Chtimes(stale, long, long)); err != nil {
		t.Fatal(err)
	}
	placetest.OpensNoFIFO(t, stale, func() error {
		dropOne(root, name)
		info, err := root.Lstat(name)
		if err == nil && !info.IsDir() {
			err = errors.New("it is a FIFO")
		}
		return err
	})
}
