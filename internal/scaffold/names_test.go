package scaffold

import (
	"errors"
	"strings"
	"testing"

	"github.com/im2-audio/im2/internal/exit"
)

func TestNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"echo": "", "a": "", "1": "", "on": "", "x-y": "", "x--y": "", "x_y": "", "x__y": "", "x.y": "", "service": "", "health": "",
		strings.Repeat("x", 63): "",
		"":                      "it is empty",
		".":                     "it is a path", "..": "it is a path", "a/b": "it is a path", `a\b`: "it is a path", "../x": "it is a path", "/x": "it is a path",
		"-x": "read as a flag", "--": "read as a flag",
		"a b": "Compose allows", "ü": "Compose allows", "a\n": "Compose allows", "$x": "Compose allows", "a:b": "Compose allows", "\x00": "Compose allows",
		"Echo": "no capital letters", "eCHO": "no capital letters",
		"_x": "begin and end", "x_": "begin and end", "x-": "begin and end", "x.": "begin and end", ".x": "begin and end", "x..y": "begin and end", "x___y": "begin and end", "x._y": "begin and end",
		strings.Repeat("x", 64): "at most 63",
		"internal":              "a meaning of its own", "vendor": "a meaning of its own", "testdata": "a meaning of its own",
		"main.go": "a file of source code",
		"install": "the Dockerfile calls",
		"con":     "on Windows", "nul": "on Windows", "com1": "on Windows", "lpt9.x": "on Windows",
	} {
		checkName(t, name, CheckName(name), want)
	}
	for name, want := range map[string]string{
		"appuser": "", "demucs": "", "_x": "", "a-b_c1": "", strings.Repeat("x", 32): "",
		"": "it is empty", "root": "nothing here is root", "a$": "machine's account", "$": "useradd wants",
		"1a": "useradd wants", "-a": "useradd wants", "A": "useradd wants", "a b": "useradd wants", "a.b": "useradd wants", "a;b": "useradd wants", "ü": "useradd wants", "a\n": "useradd wants",
		strings.Repeat("x", 33): "useradd allows 32",
		"daemon":                "Debian has", "bin": "Debian has", "www-data": "Debian has", "nobody": "Debian has", "_apt": "Debian has",
	} {
		checkName(t, name, CheckUser(name), want)
	}
}

func checkName(t *testing.T, name string, err error, want string) {
	t.Helper()
	if want == "" {
		if err != nil {
			t.Errorf("%q: %v", name, err)
		}
		return
	}
	var coded *exit.Error
	if !errors.As(err, &coded) || coded.Code != exit.Unusable || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), ". A good name is ") {
		t.Errorf("%q: %v, want %q with an example", name, err, want)
	}
}

// TestExamplesAreGood: what an error suggests must not be the next error.
func TestExamplesAreGood(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "Con", "a b", "../internal", "INSTALL", strings.Repeat("X", 70), "ü", "com1/", "-v"} {
		if good := goodName(name); CheckName(good) != nil {
			t.Errorf("for %q: %q, %v", name, good, CheckName(good))
		}
	}
}
