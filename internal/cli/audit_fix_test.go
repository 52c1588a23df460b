package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/im2-audio/im2/internal/term"
	"github.com/im2-audio/im2/nonroot"
)

// What is put back is put where it was, and takes nothing away that somebody else wrote.
func TestRestore(t *testing.T) { //nolint:funlen // a table of cases
	t.Parallel()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = null.Close() })
	for name, c := range map[string]struct {
		link    bool
		had     map[string]string
		created bool   // whether the fix makes the file
		edited  string // what somebody writes while the fix is built
		want    map[string]string
	}{
		"a file":                     {had: map[string]string{"file": "old"}, want: map[string]string{"file": "old"}},
		"a link":                     {link: true, had: map[string]string{"file": "old"}, want: map[string]string{"file": "old"}},
		"an empty file":              {had: map[string]string{"file": ""}, want: map[string]string{"file": ""}},
		"a new file":                 {created: true, want: map[string]string{}},
		"a copy of somebody's":       {had: map[string]string{"file": "old", "file.orig": "old"}, want: map[string]string{"file": "old", "file.orig": "old"}},
		"a file that was edited":     {had: map[string]string{"file": "old"}, edited: "mine", want: map[string]string{"file": "mine", "file.orig": "old"}},
		"a new file that was edited": {created: true, edited: "mine", want: map[string]string{"file": "mine"}},
		"a link to what was edited":  {link: true, had: map[string]string{"file": "old"}, edited: "mine", want: map[string]string{"file": "mine", "file.orig": "old"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			file, path := filepath.Join(dir, "file"), filepath.Join(dir, "file")
			for name, text := range c.had {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if c.link {
				path = filepath.Join(dir, "link")
				if err := os.Symlink("file", path); err != nil {
					t.Skipf("LEFT OUT: what becomes of a link, because none can be made here: %v", err)
				}
			}
			target := Target{UI: term.New(null, null, os.Getenv)}
			var text []byte
			if !c.created {
				text, _ = os.ReadFile(path)
			}
			before := make(map[string]original)
			for _, after := range []string{"fixed", "fixed again"} {
				if err := save(nonroot.Change{Path: path, Name: "file", Before: text, After: []byte(after)}, before); err != nil {
					t.Fatal(err)
				}
			}
			if c.edited != "" {
				if err := os.WriteFile(file, []byte(c.edited), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := target.restore(before); err != nil != (c.edited != "") {
				t.Errorf("putting back: %v", err)
			}
			if info, err := os.Lstat(path); c.link && (err != nil || info.Mode().Type() != os.ModeSymlink) {
				t.Errorf("the link became %v, %v", info, err)
			}
			_ = os.Remove(filepath.Join(dir, "link"))
			entries, err := os.ReadDir(dir)
			if err != nil || len(entries) != len(c.want) {
				t.Errorf("there are %v, %v", entries, err)
			}
			for name, want := range c.want {
				if got, err := os.ReadFile(filepath.Join(dir, name)); string(got) != want || err != nil {
					t.Errorf("%s holds %q, %v; want %q", name, got, err, want)
				}
			}
		})
	}
}

// Who wrote a project decides nothing about files outside of it.
func TestLeadsOut(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	root := filepath.Join(dir, "root")
	for _, folder := range []string{root, filepath.Join(dir, "beside")} {
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "file"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, to := range map[string]string{
		"root/inside": "file", "root/out": "../beside/file", "root/folder": "../beside", "root/nowhere": "../none", "root/twice": "out", "beside/link": "file", "again": "root",
	} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Skipf("LEFT OUT: what is behind links, because none can be made here: %v", err)
		}
	}
	for path, want := range map[string]bool{
		"root/file": false, "root/inside": false, "root/nowhere": false, "root/none": false, "beside/file": false, "again/file": false,
		"root/out": true, "root/twice": true, "root/folder/file": true, "again/out": true, "beside/link": true,
	} {
		if err := leadsOut(root, nonroot.Change{Path: filepath.Join(dir, path), Name: path}); (err != nil) != want {
			t.Errorf("%s: %v", path, err)
		}
	}
}
