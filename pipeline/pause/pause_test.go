//go:build unix

package pause

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func folder(t *testing.T) (data string) {
	t.Helper()
	data = t.TempDir()
	if err := os.MkdirAll(filepath.Dir(Path(data)), 0o755); err != nil {
		t.Fatal(err)
	}
	return data
}

func TestPausing(t *testing.T) {
	t.Parallel()
	data := folder(t)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(data, link); err != nil {
		t.Fatal(err)
	}
	if p, err := Read(link); p != nil || err != nil {
		t.Fatalf("before: %v, %v", p, err)
	}
	for _, by := range []string{"anna@studio", "ben@other"} { // The first one stays.
		if err := Set(link, by, -1, -1); err != nil {
			t.Fatal(err)
		}
	}
	p, err := Read(data)
	if err != nil || p == nil || p.By != "anna@studio" || time.Since(p.Since) > time.Hour {
		t.Fatalf("paused = %+v, %v", p, err)
	}
	if got := p.String(); !strings.HasPrefix(got, "paused since 20") || !strings.HasSuffix(got, " by anna@studio") {
		t.Errorf("text = %s", got)
	}
	if info, err := os.Stat(Path(data)); err != nil || info.Mode() != 0o644 {
		t.Errorf("the file is %v, %v", info, err)
	}
	if left, _ := filepath.Glob(filepath.Join(data, "queue", ".*")); left != nil {
		t.Errorf("left: %v", left)
	}
	for range 2 {
		if err := Clear(link); err != nil {
			t.Fatal(err)
		}
	}
	if p, err := Read(data); p != nil || err != nil {
		t.Errorf("after: %v, %v", p, err)
	}
}

// Whoever may write in the data folder can pause, and nothing else: what is in the file is for people.
func TestWhateverHasTheNamePauses(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(`{"by": "secret"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, put := range map[string]func(path string) error{
		"a link":    func(path string) error { return os.Symlink(secret, path) },
		"a FIFO":    func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"a folder":  func(path string) error { return os.Mkdir(path, 0o700) },
		"no JSON":   func(path string) error { return os.WriteFile(path, []byte("{"), 0o600) },
		"empty":     func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"long":      func(path string) error { return os.WriteFile(path, []byte(strings.Repeat(" ", 2<<20)), 0o600) },
		"a list":    func(path string) error { return os.WriteFile(path, []byte("[]"), 0o600) },
		"no access": func(path string) error { return os.WriteFile(path, []byte("{}"), 0) },
	} {
		data := folder(t)
		if err := put(Path(data)); err != nil {
			t.Fatal(err)
		}
		p, err := Read(data)
		if err != nil || p == nil || p.By != "" || p.String() != "paused" {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
		if err := errors.Join(Set(data, "anna", -1, -1), Clear(data)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if p, err := Read(data); p != nil || err != nil {
			t.Errorf("%s: still %v, %v", name, p, err)
		}
	}
	if text, err := os.ReadFile(secret); err != nil || string(text) != `{"by": "secret"}` {
		t.Errorf("the link's target is %q, %v", text, err)
	}
}

func TestWhoPausedIsPrintableAndShort(t *testing.T) {
	t.Parallel()
	data := folder(t)
	text := `{"since": "2026-01-02T03:04:05Z", "by": "a\u001b[2Jb\n` + strings.Repeat("c", 1000) + `"}`
	if err := os.WriteFile(Path(data), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := Read(data)
	if err != nil || !strings.HasPrefix(p.By, "a [2Jb c") || len(p.By) > mostBy {
		t.Errorf("by = %q, %v", p.By, err)
	}
}

func TestWithoutAQueue(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	if p, err := Read(filepath.Join(data, "missing")); p != nil || err != nil {
		t.Errorf("Read = %v, %v", p, err)
	}
	if err := Set(data, "anna", -1, -1); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Set = %v", err)
	}
	if err := Clear(data); err != nil {
		t.Errorf("Clear = %v", err)
	}
	// A link below the data folder leads nowhere.
	outside := folder(t)
	if err := os.Symlink(filepath.Join(outside, "queue"), filepath.Join(data, "queue")); err != nil {
		t.Fatal(err)
	}
	if err := Set(data, "anna", -1, -1); err == nil {
		t.Error("it followed a link")
	}
	if p, _ := Read(outside); p != nil {
		t.Error("it wrote outside")
	}
}
