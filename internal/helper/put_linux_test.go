package helper

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/im2-audio/im2/internal/exit"
)

// Only a song with the byte after it is whole: the other side sends that when it has read the file to its end.
func TestASongIsWholeWithTheByteAfterIt(t *testing.T) {
	t.Parallel()
	for input, want := range map[string]error{"": io.ErrUnexpectedEOF, "so": io.ErrUnexpectedEOF, "song": io.ErrUnexpectedEOF, "song.": nil} {
		for name, from := range map[string]io.Reader{
			"at once": strings.NewReader(input), "one by one": iotest.OneByteReader(strings.NewReader(input)), "with the end": iotest.DataErrReader(strings.NewReader(input)),
		} {
			text, err := io.ReadAll(&announced{from: from, left: 4})
			if !errors.Is(err, want) || err == nil && string(text) != "song" {
				t.Errorf("%q %s: %q, %v", input, name, text, err)
			}
		}
	}
}

func TestWrongUseOfPut(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		nil,
		{"song"},
		{"song", "-folder=x", "more"},
		{"song", "-folder=x", "-name=unquoted"},
		{"song", "-folder=x", "-options=no JSON"},
		{"try", "-folder=" + t.TempDir(), "-inode=1"},
	} {
		var coded *exit.Error
		if err := put(args, nil, io.Discard, io.Discard); !errors.As(err, &coded) || coded.Code != exit.Unusable {
			t.Errorf("%q: %v", args, err)
		}
	}
}
