package nonroot_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/im2-audio/im2/nonroot"
)

// TestFix fixes the projects in testdata/fix and compares with what is there behind
// "want/"; IM2_UPDATE_SCRIPTS=1 writes that. A second run must change nothing, and nothing
// that can be fixed may be left.
func TestFix(t *testing.T) {
	t.Parallel()
	archives, err := filepath.Glob(filepath.Join("testdata", "fix", "*.txtar"))
	if err != nil || len(archives) == 0 {
		t.Fatal(archives, err)
	}
	for _, path := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			files, want := map[string]string{}, map[string]string{}
			var inputs []txtar.File
			for _, f := range archive.Files {
				text := strings.NewReplacer("¶\n", "\r\n", "§", "\ufeff").Replace(string(f.Data))
				if name, ok := strings.CutPrefix(f.Name, "want/"); ok {
					want[name] = text
				} else {
					files[f.Name] = text
					inputs = append(inputs, f)
				}
			}
			root := write(t, files)
			got := fixAll(t, root)
			if os.Getenv("IM2_UPDATE_SCRIPTS") != "" {
				archive.Files = inputs
				for name, text := range got {
					text = strings.NewReplacer("\r\n", "¶\n", "\ufeff", "§").Replace(text)
					archive.Files = append(archive.Files, txtar.File{Name: "want/" + name, Data: []byte(text)})
				}
				sortFiles(archive.Files[len(inputs):])
				if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			for name := range want {
				if _, ok := got[name]; !ok {
					t.Errorf("%s was not changed", name)
				}
			}
			for name, text := range got {
				if text != want[name] {
					t.Errorf("%s", diff.Diff("want/"+name, []byte(want[name]), "got/"+name, []byte(text)))
				}
			}
		})
	}
}

func sortFiles(files []txtar.File) {
	for i := range files {
		for j := i; j > 0 && files[j].Name < files[j-1].Name; j-- {
			files[j], files[j-1] = files[j-1], files[j]
		}
	}
}

// fixAll fixes a project on disk until nothing changes and returns the changed files.
func fixAll(t *testing.T, root string) map[string]string {
	t.Helper()
	got := make(map[string]string)
	for round := 0; ; round++ {
		in := open(t, root)
		changed, err := nonroot.Fix(t.Context(), in.Project, in.Options, nonroot.Warning)
		if err != nil {
			t.Fatal(err)
		}
		if len(changed) == 0 {
			break
		}
		if round == 4 {
			t.Fatalf("it goes on for ever: %s", changed[0].After)
		}
		for _, c := range changed {
			if bytes.Equal(c.Before, c.After) {
				t.Errorf("%s is no change", c.Name)
			}
			got[filepath.ToSlash(c.Name)] = string(c.After)
			if err := os.WriteFile(c.Path, c.After, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, f := range open(t, root).audit(t).AtLeast(nonroot.Warning) {
		if f.Fixable {
			t.Errorf("left: %s %s %s", f.Where(), f.Rule, f.Message)
		}
		if f.Level == nonroot.Error {
			t.Logf("for a person: %s %s %s", f.Where(), f.Rule, f.Message)
		}
	}
	return got
}
