package proof

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/im2-audio/im2/pipeline/place/placetest"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

func TestAProofIsLeftAndRemoved(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	stop := sample("watcher", "a1").Keep(t.Context(), data)
	other := sample("demucs", "b/2").Keep(t.Context(), data)
	all, more, err := List(data)
	if err != nil || more != 0 || len(all) != 2 {
		t.Fatalf("List = %+v, %d, %v", all, more, err)
	}
	if one := all[0]; one.File != "demucs-b_2.json" || one.Host != "b/2" || one.Err != nil || one.Rights.Check(Compose) != nil {
		t.Errorf("first = %+v", one)
	}
	if one := all[1]; one.File != "watcher-a1.json" || one.Unseen > time.Minute || one.Project != "im2" {
		t.Errorf("second = %+v", one)
	}
	stop()
	spooltest.WantNames(t, filepath.Join(data, Folder), "demucs-b_2.json")
	other()
	if all, _, err := List(data); err != nil || len(all) != 0 {
		t.Errorf("List after the end = %+v, %v", all, err)
	}
	if all, _, err := List(filepath.Join(data, "gone")); err != nil || len(all) != 0 {
		t.Errorf("List of no folder = %+v, %v", all, err)
	}
}

func TestAProofIsLeftOnceTheFolderCanBeWritten(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	spooltest.Put(t, filepath.Join(data, Folder), "in the way")
	stop := sample("watcher", "a1").Keep(t.Context(), data)
	defer stop()
	spooltest.Must(t, os.Remove(filepath.Join(data, Folder)))
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if all, _, err := List(data); err == nil && len(all) == 1 {
			return
		}
		if time.Now().After(end) {
			t.Fatal("there is no proof")
		}
	}
}

// A dead container's proof is removed by the next service that starts, and no other file.
func TestOldProofsAreRemoved(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	folder := filepath.Join(data, Folder)
	spooltest.Must(t, os.Mkdir(folder, 0o755))
	old := time.Now().Add(-25 * time.Hour)
	for _, name := range []string{"watcher-dead.json", ".tmp-123", "notes.txt", "watcher-fresh.json"} {
		spooltest.Put(t, filepath.Join(folder, name), "{}")
		if name != "watcher-fresh.json" {
			spooltest.Must(t, os.Chtimes(filepath.Join(folder, name), old, old))
		}
	}
	sample("watcher", "new").Keep(t.Context(), data)()
	spooltest.WantNames(t, folder, "notes.txt", "watcher-fresh.json")
}

// Whatever somebody put there, the list ends, and says what is no proof.
func TestTheListIsBounded(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	folder := filepath.Join(data, Folder)
	defer sample("watcher", "a1").Keep(t.Context(), data)()
	at := func(name string) string { return filepath.Join(folder, name) }
	text, err := os.ReadFile(at("watcher-a1.json"))
	spooltest.Must(t, errors.Join(err,
		syscall.Mkfifo(at("fifo.json"), 0o600), os.Symlink(at("watcher-a1.json"), at("link.json")), os.Mkdir(at("folder.json"), 0o700),
		os.WriteFile(at("copy.json"), text, 0o600), os.WriteFile(at("long.json"), []byte(strings.Repeat(" ", mostBytes)+"{}"), 0o600),
		os.WriteFile(at("other.txt"), text, 0o600),
	))
	all, _, err := List(data)
	if err != nil || len(all) != 6 {
		t.Fatalf("List = %+v, %v", all, err)
	}
	for _, one := range all {
		if (one.Err == nil) != (one.File == "watcher-a1.json") {
			t.Errorf("%s: %v", one.File, one.Err)
		}
	}
	for n := range mostProofs {
		spooltest.Put(t, at(fmt.Sprintf("n%d.json", n)), "{}")
	}
	if all, more, err := List(data); err != nil || len(all) != mostProofs || more != 6 {
		t.Errorf("List = %d, %d, %v", len(all), more, err)
	}
}

func TestAFIFOInPlaceOfTheFolderIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	folder := filepath.Join(data, Folder)
	spooltest.Must(t, os.Mkdir(folder, 0o755))
	placetest.OpensNoFIFO(t, folder, func() error { _, _, err := List(data); return err })
}

// One that was killed is not there any more, also where it is the newest; and a time to come makes no other one late.
func TestUnseenIsCountedFromNow(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	defer sample("watcher", "a").Keep(t.Context(), data)()
	defer sample("watcher", "b").Keep(t.Context(), data)()
	defer sample("watcher", "c").Keep(t.Context(), data)()
	now := time.Now()
	for name, at := range map[string]time.Time{"watcher-a.json": now.Add(time.Hour), "watcher-b.json": now.Add(-5 * time.Minute)} {
		spooltest.Must(t, os.Chtimes(filepath.Join(data, Folder, name), at, at))
	}
	all, _, err := List(data)
	if err != nil || len(all) != 3 || all[0].Unseen != 0 || all[1].Unseen.Round(time.Minute) != 5*time.Minute || all[2].Unseen > time.Minute {
		t.Errorf("List = %+v, %v", all, err)
	}
	spooltest.Must(t, os.Remove(filepath.Join(data, Folder, "watcher-a.json")))
	old := now.Add(-time.Hour)
	spooltest.Must(t, os.Chtimes(filepath.Join(data, Folder, "watcher-b.json"), old, old))
	spooltest.Must(t, os.Remove(filepath.Join(data, Folder, "watcher-c.json")))
	all, _, err = List(data)
	if err != nil || len(all) != 1 || all[0].Unseen.Round(time.Minute) != time.Hour {
		t.Errorf("List of one that was killed = %+v, %v", all, err)
	}
	if left, err := os.ReadDir(filepath.Join(data, Folder)); err != nil || len(left) != 1 {
		t.Errorf("in the folder: %v, %v", left, err)
	}
}

func TestTheIDOfADataFolder(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	if id, err := CheckID(data, "", Compose); id != "" || err != nil {
		t.Errorf("without an ID, and none wanted: %q, %v", id, err)
	}
	id, err := MakeID(data, "", -1, -1)
	if err != nil || len(id) < 16 {
		t.Fatalf("MakeID = %q, %v", id, err)
	}
	if again, err := MakeID(data, "AAAABBBBCCCCDDDD", -1, -1); again != id || err != nil {
		t.Errorf("MakeID again = %q, %v; want %q", again, err, id)
	}
	spooltest.WantNames(t, data, IDFile)
	if got, err := CheckID(data, id, Compose); got != id || err != nil {
		t.Errorf("CheckID = %q, %v", got, err)
	}
	other := t.TempDir()
	if got, err := MakeID(other, "AAAABBBBCCCCDDDD", -1, -1); got != "AAAABBBBCCCCDDDD" || err != nil {
		t.Errorf("MakeID with an ID = %q, %v", got, err)
	}
	if _, err := MakeID(t.TempDir(), "no\nID of any kind", -1, -1); err == nil {
		t.Error("MakeID made an ID that is none")
	}
	broken := t.TempDir()
	spooltest.Put(t, filepath.Join(broken, IDFile), "")
	piped := t.TempDir()
	spooltest.Must(t, syscall.Mkfifo(filepath.Join(piped, IDFile), 0o600))
	for data, want := range map[string]string{
		other:                          "its data-id is AAAABBBBCCCCDDDD, and IM2_DATA_ID=" + id,
		t.TempDir():                    "such as a share that is not mounted; fix: mount it",
		filepath.Join(other, "absent"): "such as a share that is not mounted; fix: mount it",
		broken:                         "is no ID",
		piped:                          "not a regular file",
	} {
		_, err := CheckID(data, id, Compose)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), fmt.Sprintf("%q: ", data)) || strings.Contains(err.Error(), "\n") {
			t.Errorf("CheckID = %v; want %q", err, want)
		}
	}
}
