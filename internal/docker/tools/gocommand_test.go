package tools

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/run"
)

// TestExplainGo lets the real Go command fail in the ways that are explained.
func TestExplainGo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{ //nolint:gosec // G101: checksums, no credentials
		"go.mod":         "module example.org/x\n\ngo 1.21\n\nrequire golang.org/x/sys v0.49.0\n",
		"go.sum":         "golang.org/x/sys v0.49.0 h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\ngolang.org/x/sys v0.49.0/go.mod h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
		"main.go":        "package main\n\nimport _ \"golang.org/x/sys/unix\"\n\nfunc main() {}\n",
		"wrong/wrong.go": "package main\n\nfunc main() { nothing }\n",
		"file":           "",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name, command string
		env           []string
		pkg, want     string // what the message has; "" where it must stay as it is
	}{
		{"no command", "go-that-is-nowhere", nil, ".", "install Go"},
		{"no modules", "go", []string{"GOPROXY=off"}, ".", `"go mod download"`},
		{"no network", "go", []string{"GOPROXY=http://127.0.0.1:9"}, ".", `"go mod download"`},
		{"no cache", "go", []string{"GOPROXY=off", "GOCACHE=" + filepath.Join(dir, "file", "cache")}, ".", `"export GOCACHE=FOLDER"`},
		{"code that is wrong", "go", []string{"GOPROXY=off"}, "./wrong", ""},
	} {
		env := append(os.Environ(), "GOFLAGS=-modcacherw", "GOTOOLCHAIN=local", "GOMODCACHE="+filepath.Join(dir, "modules"), "GONOSUMDB=*")
		before := run.Local{}.Run(t.Context(), run.Cmd{Name: c.command, Args: []string{"build", "-o", os.DevNull, c.pkg}, Dir: dir, Env: append(env, c.env...)})
		if before == nil {
			t.Fatalf("%s: it worked", c.name)
		}
		err := ExplainGo(before)
		var coded *exit.Error
		switch {
		case !errors.Is(err, before):
			t.Errorf("%s: the cause is lost: %v", c.name, err)
		case c.want == "" && err.Error() != before.Error():
			t.Errorf("%s: it changed to %v", c.name, err)
		case c.want != "" && (!strings.Contains(err.Error(), c.want) || !errors.As(err, &coded) || coded.Code != exit.Missing):
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if other := errors.New("other"); !errors.Is(ExplainGo(other), other) || ExplainGo(nil) != nil {
		t.Error("an error of something else did not stay as it is")
	}
}
