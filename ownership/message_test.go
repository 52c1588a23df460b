package ownership_test

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/im2-audio/im2/ownership"
)

func TestMessagesSurviveTheWire(t *testing.T) {
	t.Parallel()
	cases := []ownership.Message{
		{Seen: 4096},
		{Missing: 2},
		{IDs: &ownership.IDMaps{UID: "0 100000 65536\n", GID: "0 0 4294967295\n"}},
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

func TestOutside(t *testing.T) {
	t.Parallel()
	const everything = "         0          0 4294967295\n"
	const remapped = "         0     100000      65536\n     70000       5000          2\n"
	for _, c := range []struct {
		table string
		id    uint32
		want  uint32
		ok    bool
	}{
		{everything, 1000, 1000, true},
		{everything, 4294967294, 4294967294, true},
		{remapped, 0, 100000, true},
		{remapped, 1000, 101000, true},
		{remapped, 65535, 165535, true},
		{remapped, 65536, 0, false},
		{remapped, 70001, 5001, true},
		{remapped, 70002, 0, false},
		{"", 1, 0, false},
		{"no table", 1, 0, false},
	} {
		if got, ok := ownership.Outside(c.table, c.id); got != c.want || ok != c.ok {
			t.Errorf("%d in %q is %d, %v", c.id, c.table, got, ok)
		}
	}
}
