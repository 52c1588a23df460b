package edit

import (
	"bytes"
	"sort"
	"strings"
	"unicode/utf8"
)

// Source is a file's text and where its lines begin. Lines and columns are from 1, columns in characters, as YAML
// and compilers count. A byte order mark belongs to no line.
type Source struct {
	Path  string
	Text  []byte
	lines []int // the offset of each line
}

// NewSource returns the source with a text.
func NewSource(path string, text []byte) Source {
	s := Source{Path: path, Text: text, lines: []int{0}}
	if bytes.HasPrefix(text, []byte("\ufeff")) {
		s.lines[0] = len("\ufeff")
	}
	for i, c := range text {
		if c == '\n' {
			s.lines = append(s.lines, i+1)
		}
	}
	return s
}

// Lines returns how many lines there are, the empty one behind a last line end included.
func (s *Source) Lines() int { return len(s.lines) }

// Start is the offset of a line, and of the text's end for one behind the last.
func (s *Source) Start(line int) int {
	if line < 1 || line > len(s.lines) {
		return len(s.Text)
	}
	return s.lines[line-1]
}

// Line returns a line without its end; "" for one that is not there.
func (s *Source) Line(line int) string {
	if line < 1 {
		return ""
	}
	return string(bytes.TrimRight(s.Text[s.Start(line):s.Start(line+1)], "\r\n"))
}

// Offset is the byte at a line and column.
func (s *Source) Offset(line, column int) int {
	at := s.Start(line)
	for ; column > 1 && at < len(s.Text) && s.Text[at] != '\n'; column-- {
		_, size := utf8.DecodeRune(s.Text[at:])
		at += size
	}
	return at
}

// At returns the line and column of an offset.
func (s *Source) At(offset int) (line, column int) {
	line = max(1, sort.SearchInts(s.lines, offset+1))
	return line, utf8.RuneCount(s.Text[s.Start(line):offset]) + 1
}

// Indented is the column of a line's first character that is no space.
func (s *Source) Indented(line int) int {
	text := s.Line(line)
	return len(text) - len(strings.TrimLeft(text, " \t")) + 1
}

// Newline is how the file ends its lines.
func (s *Source) Newline() string {
	if bytes.Contains(s.Text, []byte("\r\n")) {
		return "\r\n"
	}
	return "\n"
}

// Insert puts whole lines before a line.
func (s *Source) Insert(line int, lines ...string) Edit {
	nl, at := s.Newline(), s.Start(line)
	text := strings.Join(lines, nl) + nl
	if at == len(s.Text) && at > 0 && s.Text[at-1] != '\n' {
		text = nl + strings.TrimSuffix(text, nl)
	}
	return Edit{Start: at, End: at, New: text}
}

// Replace puts lines in the place of others, both ends included.
func (s *Source) Replace(from, to int, lines ...string) Edit {
	nl, end := s.Newline(), s.Start(to+1)
	text := strings.Join(lines, nl)
	if end < len(s.Text) || bytes.HasSuffix(s.Text, []byte("\n")) {
		text += nl
	}
	return Edit{Start: s.Start(from), End: end, New: text}
}
