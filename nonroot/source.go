package nonroot

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/im2-audio/im2/internal/compose/edit"
)

// source is a file's text and where its lines are.
type source struct {
	path  string
	text  []byte
	lines []int // the offset of each line
}

func newSource(path string, text []byte) *source {
	s := &source{path: path, text: text, lines: []int{0}}
	for i, c := range text {
		if c == '\n' {
			s.lines = append(s.lines, i+1)
		}
	}
	return s
}

// start is the offset of a line, from 1; the text's end for one behind the last.
func (s *source) start(line int) int {
	if line < 1 || line > len(s.lines) {
		return len(s.text)
	}
	return s.lines[line-1]
}

// line returns a line without its end and without a byte order mark.
func (s *source) line(n int) string {
	if n < 1 || n > len(s.lines) {
		return ""
	}
	text := bytes.TrimRight(s.text[s.start(n):s.start(n+1)], "\r\n")
	if n == 1 {
		text = bytes.TrimPrefix(text, []byte("\ufeff"))
	}
	return string(text)
}

// at returns the line and column of an offset.
func (s *source) at(offset int) (line, column int) {
	lo, hi := 0, len(s.lines)
	for lo+1 < hi {
		if mid := (lo + hi) / 2; s.lines[mid] <= offset {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo + 1, utf8.RuneCount(s.text[s.lines[lo]:offset]) + 1
}

// newline is how the file ends its lines.
func (s *source) newline() string {
	if bytes.Contains(s.text, []byte("\r\n")) {
		return "\r\n"
	}
	return "\n"
}

// insert puts whole lines before a line.
func (s *source) insert(line int, lines ...string) edit.Edit {
	nl := s.newline()
	text := strings.Join(lines, nl) + nl
	at := s.start(line)
	if at == len(s.text) && at > 0 && s.text[at-1] != '\n' {
		text = nl + text[:len(text)-len(nl)]
	}
	if line == 1 && bytes.HasPrefix(s.text, []byte("\ufeff")) {
		at = len("\ufeff")
	}
	return edit.Edit{Start: at, End: at, New: text}
}

// replace puts lines in the place of others, both ends included.
func (s *source) replace(from, to int, lines ...string) edit.Edit {
	e := s.insert(from, lines...)
	e.Start, e.End = s.start(from), s.start(to+1)
	if e.End == len(s.text) && e.End > 0 && s.text[e.End-1] != '\n' {
		nl := s.newline()
		e.New = e.New[:len(e.New)-len(nl)]
	}
	return e
}

// lastLineOf is where a location ends.
func lastLineOf(at []parser.Range) int {
	if len(at) == 0 {
		return 0
	}
	return at[len(at)-1].End.Line
}
