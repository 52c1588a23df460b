package term

import (
	"bytes"
	"fmt"
	"iter"
	"strings"
	"unicode/utf8"

	"github.com/im2-audio/im2/internal/safetext"
)

// atOnce is of how many rows of a long table are kept in memory.
const atOnce = 1000

// Table writes rows below a header to standard output, columns aligned. On a terminal that is
// too narrow for that, the last column is wrapped. If there is no room for that either, each row is a block: its
// first cell, and below it the others, each behind its column's name.
func (u *UI) Table(header []string, rows [][]string) {
	u.write(&table{header: header}, append([][]string{header}, rows...))
}

// LongTable is Table for any number of rows, of which it keeps a thousand: columns become wider where later rows need it. It writes
// nothing where there are none. The error is that of rows, which ends them.
func (u *UI) LongTable(header []string, rows iter.Seq2[[]string, error]) error {
	t, batch := table{header: header}, [][]string{header}
	flush := func() {
		if t.begun || len(batch) > 1 { // not the header alone
			u.write(&t, batch)
		}
		batch = batch[:0]
	}
	for row, err := range rows {
		if err != nil {
			flush()
			return err
		}
		if batch = append(batch, row); len(batch) > atOnce {
			flush()
		}
	}
	flush()
	return nil
}

// Rows writes rows without a header to standard output, columns aligned, or as blocks as
// Table does.
func (u *UI) Rows(rows [][]string) { u.write(&table{}, rows) }

// Item writes one line of result, a text behind what it is about. If the terminal is too narrow, the text is wrapped and stays
// to the right of that.
func (u *UI) Item(about, text string) {
	indent, text := utf8.RuneCountInString(about), safetext.Line(text)
	if room := u.outColumns - indent; room >= narrowest && utf8.RuneCountInString(text) > room {
		text = wrapped(text, room, indent)
	}
	u.Result("%s%s", about, text)
}

// A table is what is known of one that is written in parts.
type table struct {
	header []string
	// widths are those of the columns so far, without the last one.
	widths []int
	// begun says that the header is written, and blocks that the terminal was too narrow for a row.
	begun, blocks bool
	// room is how wide the last column may be; 0 for as wide as it is.
	room    int
	colours bool
}

// write writes rows, the first of which is the header unless that is written or there is none.
func (u *UI) write(t *table, rows [][]string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	lines := t.cells(rows)
	t.room, t.colours = 0, false
	text := t.aligned(lines)
	if u.outColumns > 0 && widest(text) > u.outColumns {
		t.room = u.outColumns - t.last()
		t.blocks = t.blocks || t.room < narrowest
	}
	switch t.colours = u.colours; {
	case !t.blocks:
		text = t.aligned(lines)
	case t.header != nil && !t.begun:
		text = t.inBlocks(lines[1:])
	default:
		text = t.inBlocks(lines)
	}
	t.begun = true
	_, _ = u.out.Write(text)
}

// narrowest is how narrow a wrapped column may be.
const narrowest = 24

// gap is the space between columns.
const gap = 2

// cells makes the cells safe to print, and the columns wide enough for them.
func (t *table) cells(rows [][]string) [][]string {
	lines := make([][]string, len(rows))
	for i, row := range rows {
		for column, cell := range row {
			cell = safetext.Line(cell)
			lines[i] = append(lines[i], cell)
			if column == len(row)-1 {
				break
			}
			if column == len(t.widths) {
				t.widths = append(t.widths, 0)
			}
			t.widths[column] = max(t.widths[column], utf8.RuneCountInString(cell))
		}
	}
	return lines
}

// last is where the last column begins.
func (t *table) last() int {
	at := 0
	for _, width := range t.widths {
		at += width + gap
	}
	return at
}

func (t *table) aligned(lines [][]string) []byte {
	var b bytes.Buffer
	for i, line := range lines {
		indent := 0
		for column, cell := range line {
			text := painted(cell, t.colours)
			if i == 0 && t.header != nil && !t.begun {
				text = bold.of(cell, t.colours)
			}
			if column < len(line)-1 {
				indent += t.widths[column] + gap
				text += strings.Repeat(" ", gap+t.widths[column]-utf8.RuneCountInString(cell))
			} else if t.room > 0 && utf8.RuneCountInString(cell) > t.room {
				text = wrapped(cell, t.room, indent)
			}
			b.WriteString(text)
		}
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// wrapped breaks text at spaces. A longer word has a line of its own, which is the terminal's to break: it may be
// a path to be copied.
func wrapped(text string, columns, indent int) string {
	var b strings.Builder
	used := 0
	for i, word := range strings.Split(text, " ") {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case used+1+n > columns:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			used = 0
		default:
			b.WriteByte(' ')
			used++
		}
		b.WriteString(word)
		used += n
	}
	return b.String()
}

func widest(text []byte) int {
	longest := 0
	for line := range bytes.Lines(text) {
		longest = max(longest, utf8.RuneCount(bytes.TrimRight(line, "\n")))
	}
	return longest
}

// inBlocks prints each row as lines. Lines that are still too long are the terminal's to break: nothing is cut
// off.
func (t *table) inBlocks(lines [][]string) []byte {
	var b bytes.Buffer
	for _, line := range lines {
		for i, cell := range line {
			text := painted(cell, t.colours)
			switch {
			case i == 0:
				fmt.Fprintln(&b, text)
			case cell == "":
			case i < len(t.header):
				fmt.Fprintf(&b, "  %s: %s\n", strings.ToLower(t.header[i]), text)
			default:
				fmt.Fprintf(&b, "  %s\n", text)
			}
		}
	}
	return b.Bytes()
}
