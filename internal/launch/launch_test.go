package launch_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/im2-audio/im2/internal/dev/suite"
	"github.com/im2-audio/im2/internal/dev/thorough"
)

func checkout(t *testing.T) string {
	t.Helper()
	home, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return home
}

// TestTogether starts the targets many times at once, for two projects, after changes of the code also.
func TestTogether(t *testing.T) {
	t.Parallel()
	home := checkout(t)
	main := filepath.Join(home, "magefiles", "mage_output_file.go")
	temp := t.TempDir()
	var all sync.WaitGroup
	for _, project := range []string{"a", "b"} {
		folder := filepath.Join(t.TempDir(), project)
		if err := os.Mkdir(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		compose := "name: " + project + "\nservices:\n  web:\n    image: x\n    user: \"1000\"\n"
		if err := os.WriteFile(filepath.Join(folder, "compose.yaml"), []byte(compose), 0o600); err != nil {
			t.Fatal(err)
		}
		for range thorough.Of(15, 3) {
			all.Go(func() {
				cmd := exec.CommandContext(t.Context(), "go", "run", "magefile.go", "-w", folder, "audit")
				cmd.Dir, cmd.Env = home, append(os.Environ(), "TMPDIR="+temp)
				if text, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(text), "1 non-root") {
					t.Errorf("%v\n%s", err, text)
				}
				// For coverage, scenarios have Mage itself compile in the checkout.
				if _, err := os.Stat(main); err == nil && os.Getenv(suite.PackagesVar) == "" {
					t.Error("Mage's main program was in the checkout")
				}
			})
		}
	}
	all.Wait()
	if left, err := filepath.Glob(filepath.Join(temp, "im2-mage-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}

// TestReadOnly runs targets of a checkout on a file system that is only to be read.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" || os.Getuid() != 0 {
		t.Skip("mounting needs root on Linux")
	}
	home := checkout(t)
	script := `set -e
mount --bind "$1" "$1"
mount -o remount,bind,ro "$1"
cd "$1"
! touch magefiles/x 2>/dev/null
go run magefile.go env
go run magefile.go audit`
	cmd := exec.CommandContext(t.Context(), "unshare", "--mount", "sh", "-c", script, "sh", home) //nolint:gosec // the script above
	if text, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(text), "no finding in") {
		t.Fatalf("%v\n%s", err, text)
	}
}

// TestSources: the targets' help is read from the files that main.go names; Mage's own is not among them.
func TestSources(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(checkout(t), "magefiles")
	text, err := os.ReadFile(filepath.Join(folder, "main.go"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"//go:embed"}
	for _, file := range files {
		if name := filepath.Base(file); name != "mage_output_file.go" {
			want = append(want, name)
		}
	}
	if line := strings.Join(want, " "); !strings.Contains(string(text), line+"\n") {
		t.Errorf("main.go should have %q", line)
	}
}
