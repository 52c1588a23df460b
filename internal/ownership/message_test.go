package ownership_test

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/im2-audio/im2/internal/ownership"
)

func TestMessagesSurviveTheWire(t *testing.T) {
	t.Parallel()
	cases := []ownership.Message{
		{Seen: 4096},
		{Missing: 2},
		{Summary: &ownership.Summary{Problems: []ownership.Problem{}}},
		{Summary: &ownership.Summary{Seen: 3, Owner: 2, Mode: 1, Vanished: 1, Problems: []ownership.Problem{
			{Path: "new\nline \xff \"quoted\" ü", Reason: "operation not permitted"},
		}}},
	}
	for _, want := range cases {
		var wire bytes.Buffer
		if err := want.Say(&wire); err != nil {
			t.Fatal(err)
		}
		if strings.Count(wire.String(), "\n") != 1 {
			t.Errorf("more than one line: %q", wire.String())
		}
		got, err := ownership.Hear(wire.Bytes())
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
	for _, line := range []string{"", "no JSON", `{"summary":{"problems":[{"path":"unquoted"}]}}`} {
		if got, err := ownership.Hear([]byte(line)); err == nil {
			t.Errorf("%q is read as %+v", line, got)
		}
	}
}
