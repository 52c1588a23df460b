package house_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDockerfilesFollowTheTemplate holds the user block of every service to the one of
// modules/Dockerfile.template: a mistake fixed in one of them would stay in the others.
func TestDockerfilesFollowTheTemplate(t *testing.T) {
	t.Parallel()
	want := userBlock(t, filepath.Join("modules", "Dockerfile.template"))
	files, err := filepath.Glob(filepath.Join("modules", "*", "Dockerfile"))
	if err != nil || len(files) < 3 {
		t.Fatalf("found %q, %v", files, err)
	}
	for _, file := range files {
		got := userBlock(t, file)
		_, home, _ := strings.Cut(got, "\nENV HOME=/home/")
		user, _, _ := strings.Cut(home, "\n")
		// A service may have a user of its own, as demucs has.
		got = regexp.MustCompile(`(/home/| )`+regexp.QuoteMeta(user)+`\b`).ReplaceAllString(got, "${1}appuser")
		if got != want {
			t.Errorf("the user block of %s differs from the template's:\n%s\nwant:\n%s", file, got, want)
		}
	}
}

// userBlock returns a Dockerfile's lines from the build arguments to HOME, and its last
// USER line.
func userBlock(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "\nARG USER_ID=1000\n")
	block, end, closed := strings.Cut(rest, "\nENV HOME=")
	i := strings.LastIndex(end, "\nUSER ")
	if !found || !closed || i < 0 {
		t.Fatalf("%s has no user block", file)
	}
	home, _, _ := strings.Cut(end, "\n")
	user, _, _ := strings.Cut(end[i+1:], "\n")
	return block + "\nENV HOME=" + home + "\n" + user
}
