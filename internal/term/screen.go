package term

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/im2-audio/im2/internal/safetext"
)

// What a terminal is told. Lines that are too long are cut off instead of broken: how wide a character is, only the
// terminal knows.
const (
	up     = "\x1b[%dA"
	erase  = "\r\x1b[J"
	unwrap = "\x1b[?7l"
	rewrap = "\x1b[?7h"
)

// A Screen shows lines on standard output in place of those that it showed before. The last ones stay.
type Screen struct {
	ui    *UI
	out   io.Writer
	size  func() (columns, rows int, err error)
	lines []string
}

// Screen returns nil where standard output is no terminal that can redraw lines.
func (u *UI) Screen() *Screen {
	f, isFile := u.out.(*os.File)
	if !isFile || !u.live || u.outColumns == 0 {
		return nil
	}
	return &Screen{ui: u, out: f, size: func() (int, int, error) { return term.GetSize(int(f.Fd())) }}
}

// Show shows the lines that draw returns for a terminal of this size: at most rows lines, or else the first ones are
// left out.
func (s *Screen) Show(draw func(columns, rows int) []string) error {
	s.ui.mu.Lock()
	defer s.ui.mu.Unlock()
	columns, rows, err := s.size()
	if err != nil || columns <= 0 || rows <= 1 {
		columns, rows = 80, 24
	}
	lines := draw(columns, rows-1) // the cursor is below them
	lines = lines[max(0, len(lines)-rows+1):]
	if slices.Equal(lines, s.lines) {
		return nil
	}
	var b strings.Builder
	if above := height(s.lines, columns); above > 0 {
		fmt.Fprintf(&b, up, min(above, rows-1))
	}
	b.WriteString(erase + unwrap)
	for _, line := range lines {
		b.WriteString(safetext.Line(line) + "\n")
	}
	b.WriteString(rewrap)
	s.lines = lines
	_, err = io.WriteString(s.out, b.String())
	return err
}

// height is how many rows of a terminal lines take that were written when it may have been wider.
func height(lines []string, columns int) int {
	n := 0
	for _, line := range lines {
		n += max(1, (utf8.RuneCountInString(line)+columns-1)/columns)
	}
	return n
}

// Fit lays rows out below a header, in lines of at most so many columns: columns of the table are left out, in the order of spare,
// until the lines fit, and what is still too long is cut off.
func Fit(header []string, rows [][]string, spare []string, columns int) []string {
	rows = append([][]string{header}, rows...)
	for {
		t := &table{}
		text := t.aligned(t.cells(rows))
		if widest(text) <= columns || len(spare) == 0 {
			lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
			for i, line := range lines {
				lines[i] = cut(line, columns)
			}
			return lines
		}
		left := slices.Index(rows[0], spare[0])
		spare = spare[1:]
		for i := range rows {
			rows[i] = slices.Delete(slices.Clone(rows[i]), left, left+1)
		}
	}
}

// cut shortens a line to so many columns, and says so.
func cut(line string, columns int) string {
	line = strings.TrimRight(line, " ")
	if runes := []rune(line); columns > 0 && len(runes) > columns {
		return string(runes[:columns-1]) + "…"
	}
	return line
}
