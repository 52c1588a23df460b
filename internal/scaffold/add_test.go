package scaffold

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// TestAdd holds what becomes of Compose files to testdata/add. The comment of each says in
// which way the file differs from its text: "crlf", "bom", "chop" (no line end at the end).
// IM2_UPDATE_SCRIPTS=1 writes what is expected.
func TestAdd(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob(filepath.Join("testdata", "add", "*.txtar"))
	if err != nil || len(paths) < 20 {
		t.Fatalf("%d cases, %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			words := strings.Fields(string(archive.Comment))
			before := disguise(archive.Files[0].Data, words)
			got, line, err := add("compose.yaml", before, example(words))
			if err != nil {
				got = []byte(err.Error() + "\n")
			} else {
				checkOnlyAdded(t, before, got)
				checkCut(t, before, got, example(words).Name)
				if first := strings.Split(string(got), "\n")[line-1]; !strings.Contains(first, example(words).Name) {
					t.Errorf("line %d is %q", line, first)
				}
			}
			if refused := strings.HasPrefix(filepath.Base(path), "refused-"); refused != (err != nil) {
				t.Errorf("refused: %v, want %v", err, refused)
			}
			if os.Getenv("IM2_UPDATE_SCRIPTS") != "" {
				archive.Files = append(archive.Files[:1:1], txtar.File{Name: "after", Data: undisguise(got)})
				if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want := archive.Files[1].Data
			if err == nil {
				want = disguise(want, words)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("got\n%q\nwant\n%q", got, want)
			}
		})
	}
}

// checkCut fails unless the text without the service is the old one. A section that was empty, or not there, has "{}" then.
func checkCut(t *testing.T, before, after []byte, name string) {
	t.Helper()
	got, err := cut("compose.yaml", after, name)
	if err != nil {
		t.Errorf("taking it out again: %v", err)
		return
	}
	if bytes.Equal(got, before) || !hasServices("compose.yaml", before) && kept(got, before, name) {
		return
	}
	t.Errorf("after taking it out again:\n%s\nwant\n%s", got, before)
}

// checkOnlyAdded fails unless the old text is the new one without one piece. A section that
// was empty may lose its "{}" or "~".
func checkOnlyAdded(t *testing.T, before, after []byte) {
	t.Helper()
	for _, nothing := range []string{"", "{}", "~"} {
		rest := before
		if nothing != "" {
			rest = bytes.Replace(before, []byte("services: "+nothing), []byte("services:"), 1)
		}
		n := 0
		for n < len(rest) && n < len(after) && rest[n] == after[n] {
			n++
		}
		for from := n; from >= 0; from-- {
			if bytes.HasSuffix(after[from:], rest[from:]) {
				return
			}
		}
	}
	t.Errorf("more than one piece was added:\n%s", after)
}

func disguise(text []byte, words []string) []byte {
	for _, word := range words {
		switch word {
		case "crlf", "crlf:":
			text = bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n"))
		case "bom":
			text = append([]byte("\ufeff"), text...)
		case "chop":
			text = bytes.TrimRight(text, "\r\n")
		}
	}
	return text
}

func undisguise(text []byte) []byte {
	return bytes.ReplaceAll(bytes.TrimPrefix(text, []byte("\ufeff")), []byte("\r\n"), []byte("\n"))
}

func example(words []string) *Service {
	s := &Service{
		Name: "echo", User: DefaultUser, root: "/p", Folder: "/p/modules/echo",
		uid: "${APP_USER_ID:-1000}", gid: "${APP_GROUP_ID:-1000}", data: "/p/data", Mount: "/data",
	}
	if len(words) > 0 && words[0] == "pipeline:" {
		s.Kind = Pipeline
	}
	if len(words) > 1 && words[0] == "name" {
		s.Name = strings.TrimSuffix(words[1], ":")
	}
	return s
}
