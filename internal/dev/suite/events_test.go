package suite

import (
	"bytes"
	"testing"

	"github.com/im2-audio/im2/internal/term"
)

// TestEventsComeInPieces feeds a run byte by byte: a pipe cuts lines where it likes.
func TestEventsComeInPieces(t *testing.T) {
	t.Parallel()
	const run = `{"Action":"output","Package":"p","Test":"A","Output":"=== RUN   A\n"}
{"Action":"output","Package":"p","Test":"A","Output":"out of "}
{"Action":"output","Package":"p","Test":"A","Output":"tune\n"}
{"Action":"fail","Package":"p","Test":"A","Elapsed":0.1}
go: a word of the Go command's own
{"Action":"output","Package":"p","Output":"FAIL\tp\t0.1s\n"}
{"Action":"fail","Package":"p","Elapsed":0.2}
{"Action":"output","Package":"q","Output":"ok  \tq\t0.1s\tcoverage: 3.0% of stat"}
{"Action":"output","Package":"q","Output":"ements in a, b, c\n"}
{"Action":"pass","Package":"q","Elapsed":0.1}
`
	const want = "out of tune\ngo: a word of the Go command's own\nFAIL\tp\t0.1s\nok  \tq\t0.1s\n"
	var out bytes.Buffer
	ui, _, _ := term.Test()
	e := &events{out: &out, ui: ui, spent: new(term.Spent), said: make(map[test]string)}
	for i := range len(run) {
		if n, err := e.Write([]byte(run[i : i+1])); n != 1 || err != nil {
			t.Fatal(n, err)
		}
	}
	if out.String() != want {
		t.Errorf("%q\nwant\n%q", out.String(), want)
	}
}
