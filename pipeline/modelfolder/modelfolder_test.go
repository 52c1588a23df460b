package modelfolder

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// open opens a cache with an older model.
func open(t *testing.T) (string, *os.Root) {
	t.Helper()
	dir := t.TempDir()
	err := errors.Join(os.Mkdir(filepath.Join(dir, "m"), 0o755), os.WriteFile(filepath.Join(dir, "m", "old"), nil, 0o600))
	if err != nil {
		t.Fatal(err)
	}
	cache, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cache.Close() })
	return dir, cache
}

// has checks which files there are, as paths with slashes.
func has(t *testing.T, dir string, want ...string) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for i, path := range found {
		found[i], _ = filepath.Rel(dir, path)
	}
	if got := filepath.ToSlash(strings.Join(found, " ")); got != strings.Join(want, " ") {
		t.Errorf("there is %q, want %q", got, want)
	}
	if hidden, _ := filepath.Glob(filepath.Join(dir, ".*")); len(hidden) > 0 {
		t.Errorf("%q is left", hidden)
	}
}

func send(t *testing.T, files ...string) []byte {
	t.Helper()
	var stream bytes.Buffer
	s := NewSender(&stream, func(bool) error { return nil })
	for _, name := range files {
		f, err := s.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, "text of "+name); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Commit(); err != nil {
		t.Fatal(err)
	}
	return stream.Bytes()
}

func TestASentFolderReplacesAnother(t *testing.T) {
	t.Parallel()
	dir, cache := open(t)
	to, err := New(cache, "m", -1, -1)
	if err != nil {
		t.Fatal(err)
	}
	if err := Receive(bytes.NewReader(send(t, "a", "b")), to); err != nil {
		t.Fatal(err)
	}
	has(t, dir, "m/a", "m/b")
	if text, err := os.ReadFile(filepath.Join(dir, "m", "b")); err != nil || string(text) != "text of b" {
		t.Errorf("%q, %v", text, err)
	}
}

// A stream that ends anywhere before its end, and one with a name that leads elsewhere, change nothing.
func TestHalfAFolderIsNone(t *testing.T) {
	t.Parallel()
	dir, cache := open(t)
	whole := send(t, "a", "b")
	streams := map[string][]byte{"outside": send(t, "../x"), "in a folder": send(t, "x/y"), "twice": send(t, "a", "a")}
	for cut := 0; cut < len(whole)-1024-512; cut += 256 {
		streams[string(rune('0'+cut/256))] = whole[:cut]
	}
	for name, stream := range streams {
		to, err := New(cache, "m", -1, -1)
		if err != nil {
			t.Fatal(err)
		}
		if err := Receive(bytes.NewReader(stream), to); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	has(t, dir, "m/old")
}

// What the other side says is the error, once, whatever was being done.
func TestTheOtherSideSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	why, times := errors.New("no space"), 0
	s := NewSender(broken{}, func(complete bool) error {
		if times++; complete {
			t.Error("it is not complete")
		}
		return why
	})
	f, err := s.Create("a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("text")); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); !errors.Is(err, why) {
		t.Errorf("error = %v", err)
	}
	s.Discard()
	if times != 1 {
		t.Errorf("it was finished %d times", times)
	}
}

// broken takes nothing.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
