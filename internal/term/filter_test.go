package term

import (
	"strings"
	"testing"
)

func TestWhatOthersWriteIsNotObeyed(t *testing.T) {
	t.Parallel()
	for written, want := range map[string]string{
		"a song\r\n":                       "a song\n",
		"ab\x1b[31mred\x1b[0m ok\n":        "ab\x1b[31mred\x1b[0m ok\x1b[0m\n",
		"\x1b[1;32mgreen, for ever\n":      "\x1b[1;32mgreen, for ever\x1b[0m\n",
		"\x1b]0;title\a\x1b[2J\x1b[H\n":    " ]0;title  [2J [H\x1b[0m\n",
		"\u009b2J\u202elive\x7f\n":         " 2J live \n",
		"done\rfake\n":                     "done fake\n",
		"\xff\tno end":                     "?\tno end",
		"\x1b[":                            " [\x1b[0m",
		strings.Repeat("x", longestLine*2): strings.Repeat("x", longestLine*2),
	} {
		for _, size := range []int{1, 3, 1 << 20} {
			ui, out, _ := Test()
			f := ui.Others()
			for rest := written; rest != ""; {
				n := min(size, len(rest))
				if _, err := f.Write([]byte(rest[:n])); err != nil {
					t.Fatal(err)
				}
				rest = rest[n:]
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			if out.String() != want {
				t.Errorf("%.40q in pieces of %d: got %.60q, want %.60q", written, size, out, want)
			}
		}
	}
}

func TestNamesOfOthersAreNotObeyed(t *testing.T) {
	t.Parallel()
	const name = "a\x1b[2J\u009b\u202e\U000e0001b"
	ui, out, err := Test()
	ui.Result("%s", name)
	ui.Note("%s", name)
	ui.Table([]string{"NAME"}, [][]string{{name + "\nforged"}})
	ui.Rows([][]string{{name}})
	if e := ui.JSON(name); e != nil {
		t.Fatal(e)
	}
	const shown = "a [2J   b"
	want := shown + "\nNAME\n" + shown + " forged\n" + shown + "\n" + `"a\u001b[2J\u009b\u202e\udb40\udc01b"` + "\n"
	if out.String() != want || err.String() != shown+"\n" {
		t.Errorf("got %q and %q, want %q", out, err, want)
	}
}
