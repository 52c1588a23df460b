package tools

import (
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/im2-audio/im2/internal/run"
	"github.com/im2-audio/im2/internal/term"
)

func TestSelf(t *testing.T) {
	t.Parallel()
	if path, err := self("plan9", runtime.GOARCH); err == nil || !strings.Contains(err.Error(), "the containers are plan9/") {
		t.Errorf("another system: %q, %v", path, err)
	}
	if err := static("self_test.go"); err == nil {
		t.Error("a file that is no program is static")
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "main.go"), []byte("package main\n\nfunc main() {}\n"))
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", "program", "main.go")
	cmd.Dir = dir
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if err := static(filepath.Join(dir, "program")); err != nil {
		t.Errorf("a static program: %v", err)
	}
	if shell, err := exec.LookPath("sh"); err == nil && runtime.GOOS == "linux" {
		if text, err := exec.CommandContext(t.Context(), "ldd", shell).Output(); err == nil && strings.Contains(string(text), "libc") && static(shell) == nil {
			t.Errorf("%s is static", shell)
		}
	}
}

// TestTheHelperIsBuiltFromTheModule builds as an im2 for macOS does.
func TestTheHelperIsBuiltFromTheModule(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	write(t, filepath.Join(home, "go.mod"), []byte("module "+modulePath+"\n\ngo 1.26\n"))
	write(t, filepath.Join(home, "cmd", "main.go"), []byte("package main\n\nfunc main() {}\n"))
	ui, _, _ := term.Test()
	kit, err := Kit{sources: home, Home: t.TempDir(), Runner: run.Local{}, UI: ui}.fromModule(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kit.BuildOwn(t.Context(), Own{Name: "x", Package: modulePath + "/cmd", Sources: []string{"cmd"}}, "linux", "arm64"); err != nil {
		t.Error(err)
	}
}
