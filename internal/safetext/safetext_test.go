package safetext_test

import (
	"testing"

	"github.com/im2-audio/im2/internal/safetext"
)

func TestTextOfOthersIsSafe(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][2]string{
		"Grüße/ok.wav":     {"Grüße/ok.wav", "Grüße/ok.wav"},
		"a\x1b[31mb":       {"a [31mb", `"a\x1b[31mb"`},
		"two\nlines\tmore": {"two lines more", `"two\nlines\tmore"`},
		"\xff":             {"?", `"\xff"`},
		"a\u202eb\u009bc":  {"a b c", `"a\u202eb\u009bc"`}, // backwards, and one byte that is an escape
	} {
		if got := safetext.Line(text); got != want[0] {
			t.Errorf("Line(%q) is %q, want %q", text, got, want[0])
		}
		if got := safetext.Quoted(text); got != want[1] {
			t.Errorf("Quoted(%q) is %s, want %s", text, got, want[1])
		}
	}
}
