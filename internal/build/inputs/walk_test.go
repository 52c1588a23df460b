package inputs

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/im2-audio/im2/internal/filestate"
)

// folder makes files in a new folder: a name that ends with "/" is a folder, a text that begins
// with "-> " the target of a link.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		put(t, filepath.Join(root, name), text, strings.HasSuffix(name, "/"))
	}
	return root
}

func put(t *testing.T, path, text string, isFolder bool) {
	t.Helper()
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	target, isLink := strings.CutPrefix(text, "-> ")
	switch {
	case isFolder:
		err = errors.Join(err, os.MkdirAll(path, 0o700))
	case isLink:
		err = errors.Join(err, os.Symlink(target, path))
	default:
		err = errors.Join(err, os.WriteFile(path, []byte(text), 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// age sets a file's mtime.
func age(t *testing.T, path string, at time.Time) {
	t.Helper()
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

func paths(files []File) string {
	var names []string
	for _, f := range files {
		names = append(names, f.Path)
	}
	return strings.Join(names, " ")
}

func TestWhatABuildSeesOfAContext(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"a.py": "1", "b.txt": "1", "sub/keep.txt": "1", "sub/drop.txt": "1", "deep/er/x": "1", "empty/": "",
		"link": "-> sub", "up": "-> ../../etc/passwd", "sub/abs": "-> /a.py", "-x": "1", "nül\n": "1",
	}
	cases := []struct {
		name             string
		sources, ignored []string
		want             string
	}{
		{"nothing", nil, nil, ""},
		{"all", []string{"."}, nil, "-x a.py b.txt deep deep/er deep/er/x empty link nül\n sub sub/abs sub/drop.txt sub/keep.txt up"},
		{"a file", []string{"b.txt"}, nil, "b.txt"},
		{"a file far down", []string{"deep/er/x"}, nil, "deep deep/er deep/er/x"},
		{"a wildcard", []string{"*.py", "s*/k*"}, nil, "a.py sub sub/keep.txt"},
		{"a link, and where it leads", []string{"link"}, nil, "link sub sub/abs sub/drop.txt sub/keep.txt"},
		{"through a link", []string{"link/keep.txt"}, nil, "link sub sub/keep.txt"},
		{"a link from the top", []string{"sub/abs"}, nil, "a.py sub sub/abs"},
		{"a link to the outside", []string{"up"}, nil, "up"},
		{"what is not there", []string{"missing"}, nil, ""},
		{"all but exceptions", []string{"."}, []string{"*", "!a.py", "!sub/keep.txt"}, "a.py sub sub/keep.txt"},
		{"ignored, and asked for", []string{"b.txt"}, []string{"*.txt"}, ""},
		{"everywhere", []string{"."}, []string{"**/*.txt", "deep", "-x", "nül*", "empty", "up", "link"}, "a.py sub sub/abs"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := walk(t.Context(), scope{folder(t, files), c.sources, c.ignored}, nil)
			if err != nil || paths(got.files) != c.want {
				t.Errorf("got %q, %v, want %q", paths(got.files), err, c.want)
			}
		})
	}
}

func TestWhatCountsOfAFile(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(string) error{
		"content":          func(f string) error { return os.WriteFile(f, []byte("2"), 0o600) },
		"mode":             func(f string) error { return os.Chmod(f, 0o700) },
		"a link in place":  func(f string) error { return errors.Join(os.Remove(f), os.Symlink("1", f)) },
		"a folder instead": func(f string) error { return errors.Join(os.Remove(f), os.Mkdir(f, 0o700)) },
		"the time, not": func(f string) error {
			return os.Chtimes(f, time.Now(), time.Now().Add(time.Hour))
		},
		"that it is the same file, not": func(f string) error {
			return errors.Join(os.Rename(f, f+"2"), os.WriteFile(f, []byte("1"), 0o600), os.Remove(f+"2"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := folder(t, map[string]string{"d/f": "1"})
			look := func() string {
				got, err := walk(t.Context(), scope{root, []string{"."}, nil}, nil)
				if err != nil {
					t.Fatal(err)
				}
				return Inputs{Files: got.files}.Digest()
			}
			before := look()
			if err := change(filepath.Join(root, "d", "f")); err != nil {
				t.Fatal(err)
			}
			if (look() == before) != strings.HasSuffix(name, ", not") {
				t.Errorf("%v", look() == before)
			}
		})
	}
}

func TestAFileIsReadOnceUntilItChanges(t *testing.T) {
	t.Parallel()
	root := folder(t, map[string]string{"old": "1", "new": "1"})
	old := filepath.Join(root, "old")
	age(t, old, time.Now().Add(-time.Hour))
	// A look as from half a minute on: ctime cannot be set back.
	later := func(last map[string]known) *tree {
		tr := &tree{root: root, seen: make(map[string]known), all: make(map[string]known)}
		for _, name := range []string{"old", "new"} {
			if _, err := tr.content(name, nil, last, time.Now().Add(30*time.Second)); err != nil {
				t.Fatal(err)
			}
		}
		return tr
	}
	first := later(nil)
	if again := later(first.seen); first.read != 2 || again.read != 0 || len(again.seen) != 2 {
		t.Errorf("read %d, then %d files; %d are known", first.read, again.read, len(again.seen))
	}
	put(t, old, "2", false)
	if changed := later(first.seen); changed.read != 1 || changed.seen["old"].sum == first.seen["old"].sum || len(changed.unnoticed) != 0 {
		t.Errorf("read %d files, %q unnoticed", changed.read, changed.unnoticed)
	}
	// What has only just been written may be written again within the clock's granularity.
	now := &tree{root: root, seen: make(map[string]known), all: make(map[string]known)}
	for range 2 {
		if _, err := now.content("new", nil, now.seen, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if now.read != 2 {
		t.Errorf("read %d times, want each time", now.read)
	}
}

func TestChangesThatBuildKitWouldNotNotice(t *testing.T) {
	t.Parallel()
	root := folder(t, map[string]string{"f": "1"})
	f, then := filepath.Join(root, "f"), time.Now().Add(-time.Hour)
	c := Cache{Folder: t.TempDir()}
	look := func() []string {
		one := Collector{Cache: c}
		if _, err := one.walk(t.Context(), scope{root, []string{"."}, nil}); err != nil {
			t.Fatal(err)
		}
		return one.Unnoticed()
	}
	age(t, f, then)
	if got := look(); len(got) != 0 { // its ctime is now: it is known, but not believed
		t.Errorf("at first: %q", got)
	}
	put(t, f, "2", false)
	age(t, f, then)
	for range 2 { // until it is touched, also where somebody else has looked
		if got := look(); !slices.Equal(got, []string{f}) {
			t.Errorf("got %q", got)
		}
	}
	age(t, f, time.Now())
	if got := look(); len(got) != 0 {
		t.Errorf("after it was touched: %q", got)
	}
	put(t, f, "22", false) // another size is noticed
	if got := look(); len(got) != 0 {
		t.Errorf("another size: %q", got)
	}
}

func TestAFutureTimeDoesNotHideOtherChanges(t *testing.T) {
	t.Parallel()
	root := folder(t, map[string]string{"future": "1", "f": "1"})
	age(t, filepath.Join(root, "future"), time.Now().Add(1000*time.Hour))
	info, err := os.Stat(root)
	if err != nil || filestate.Of(info).Changed == 0 {
		t.Skipf("skipped: this system tells no ctime: %v", err)
	}
	newest := func() int64 {
		got, err := walk(t.Context(), scope{root, []string{"."}, nil}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return got.newest
	}
	before := newest()
	time.Sleep(20 * time.Millisecond) // more than the clock's granularity
	put(t, filepath.Join(root, "f"), "2", false)
	put(t, filepath.Join(root, "f"), "1", false)
	if newest() <= before {
		t.Error("a change that was taken back is not seen")
	}
}
