package handover

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/options"
)

// Where there are no hard links, a name is taken in another way.
func TestReserve(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = root.Close() }()
	if err := root.WriteFile("temp", []byte("song"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := reserve(root, "temp", "name"); err != nil {
		t.Fatal(err)
	}
	if data, err := root.ReadFile("name"); err != nil || string(data) != "song" {
		t.Errorf("%q, %v", data, err)
	}
	if err := reserve(root, "temp", "name"); !os.IsExist(err) {
		t.Errorf("a name that is taken: %v", err)
	}
	if err := reserve(root, "temp", "other"); err == nil {
		t.Error("a file that is gone: no error")
	}
	if _, err := root.Lstat("other"); err == nil {
		t.Error("the reservation was left")
	}
}

// A link that was made, and answered as if there had been one already, is ours: another name for the
// song would have it separated twice.
func TestANameThatWasTakenAfterAll(t *testing.T) {
	t.Parallel()
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = root.Close() }()
	if err := errors.Join(root.WriteFile("temp", []byte("song"), 0o600), root.Link("temp", "name")); err != nil {
		t.Fatal(err)
	}
	if err := claim(root, "temp", "name"); err != nil {
		t.Fatal(err)
	}
	if _, err := root.Lstat("temp"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("temp is left: %v", err)
	}
	if err := root.WriteFile("temp", []byte("song"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := claim(root, "temp", "name"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("error = %v; want that another file has the name", err)
	}
}

// A song that cannot get its name leaves no sidecar, one whose files cannot be given away nothing, and so does one that
// has not the length that was said.
func TestNothingIsLeftOfASongThatFailed(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	in := filepath.Join(data, job.InputFolder)
	if err := os.Mkdir(in, 0o755); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(in)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = root.Close() }()
	song := Song{Name: "song.mp3", Size: 4, Options: options.Options{Format: options.FLAC}}
	p := putting{Song: song, input: root, temp: "gone", uid: -1, gid: -1}
	if err := p.claimWith("song.mp3"); !os.IsNotExist(err) {
		t.Errorf("error = %v", err)
	}
	for _, text := range []string{"son", "songs"} {
		if _, err := Put(t.Context(), data, song, strings.NewReader(text), -1, -1); !errors.Is(err, ErrChanged) {
			t.Errorf("%q: error = %v", text, err)
		}
	}
	if os.Geteuid() != 0 {
		if _, err := Put(t.Context(), data, song, strings.NewReader("song"), 0, 0); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("a file was given away: %v", err)
		}
	}
	if err := Try(data); err != nil {
		t.Error(err)
	}
	if entries, err := os.ReadDir(in); err != nil || len(entries) > 0 {
		t.Errorf("%v is left, %v", entries, err)
	}
	if err := errors.Join(os.Remove(in), Try(data)); !errors.As(err, new(*OpenError)) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a folder: %v", err)
	}
}

// The size of a song that comes from elsewhere may be known at its end alone.
func TestASongOfUnknownSize(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	in := filepath.Join(data, job.InputFolder)
	if err := os.Mkdir(in, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"song.mp3", "song (2).mp3"} {
		seen := ""
		content := io.MultiReader(strings.NewReader("so"), readerFunc(func([]byte) (int, error) {
			parts, _ := filepath.Glob(filepath.Join(in, job.BrowserPattern))
			seen = strings.Join(parts, " ")
			return 0, io.EOF
		}), strings.NewReader("ng"))
		placed, err := Put(t.Context(), data, Song{Name: "song.mp3", Size: Unknown, Pattern: job.BrowserPattern}, content, -1, -1)
		if text, readErr := os.ReadFile(filepath.Join(in, want)); err != nil || placed.Entry != want || string(text) != "song" || readErr != nil {
			t.Errorf("%+v, %v: %q, %v; want %s", placed, err, text, readErr, want)
		}
		if seen == "" {
			t.Error("it was not copied under the name that was asked for")
		}
	}
	broken := errors.New("broken")
	if _, err := Put(t.Context(), data, Song{Name: "song.mp3", Size: Unknown}, io.MultiReader(strings.NewReader("so"), readerFunc(func([]byte) (int, error) { return 0, broken })), -1, -1); !errors.Is(err, broken) {
		t.Errorf("error = %v", err)
	}
	if entries, err := os.ReadDir(in); err != nil || len(entries) != 2 {
		t.Errorf("there is %v, %v", entries, err)
	}
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
