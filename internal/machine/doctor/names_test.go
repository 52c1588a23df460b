package doctor

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/im2-audio/im2/internal/exit"
)

func TestAnUnknownCheckIsWrongUse(t *testing.T) {
	t.Parallel()
	_, err := (&Doctor{}).Run(t.Context(), []string{"engine", "enigne"})
	var coded *exit.Error
	if !errors.As(err, &coded) || coded.Code != exit.Unusable || !strings.Contains(err.Error(), `did you mean "engine"?`) {
		t.Errorf("got %v", err)
	}
	_, err = (&Doctor{}).Run(t.Context(), []string{"xyz"})
	if err == nil || !strings.Contains(err.Error(), "there are: settings, ") {
		t.Errorf("got %v", err)
	}
}

// "mage doctor build" is two targets; "mage doctor engine" is a mistake that can be told.
func TestNoCheckHasTheNameOfATarget(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("..", "..", "..", "magefiles", "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatal(err, files)
	}
	var targets []string
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^func ([A-Z]\w*)\(`).FindAllSubmatch(text, -1) {
			targets = append(targets, strings.ToLower(string(m[1])))
		}
	}
	if !slices.Contains(targets, "doctor") {
		t.Fatalf("found only %q", targets)
	}
	for _, name := range Names() {
		if slices.Contains(targets, strings.ReplaceAll(name, "-", "")) {
			t.Errorf("%s is a target, too", name)
		}
	}
}

// The table of docs/doctor.md has every check with its limit, in order, and no others.
func TestTheDocumentHasEveryCheck(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "doctor.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "\n## The checks\n")
	table, _, _ = strings.Cut(table, "\n## ")
	var got, want []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\|.*\\| ([^|]*) \\|$").FindAllStringSubmatch(table, -1) {
		got = append(got, row[1]+" "+row[2])
	}
	for _, c := range checks {
		limit := fmt.Sprintf("%d s", int(c.limit.Seconds()))
		if c.limit >= time.Minute {
			limit = fmt.Sprintf("%d min", int(c.limit.Minutes()))
		}
		want = append(want, c.name+" "+limit)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the document has %q, want %q", got, want)
	}
}
