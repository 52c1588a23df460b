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
// too narrow for that, each row is a block: its first cell, and below it the others, each
// behind its column's name.
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

// A table is what is known of one that is written in parts.
type table struct {
	header []string
	// widths are those of the columns so far, without the last one.
	widths []int
	// begun says that the header is written, and blocks that the terminal was too narrow for a row.
	begun, blocks bool
}

// write writes rows, the first of which is the header unless that is written or there is none.
func (u *UI) write(t *table, rows [][]string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	text := t.aligned(rows)
	if t.blocks = t.blocks || u.outColumns > 0 && widest(text) > u.outColumns; t.blocks {
		if t.header != nil && !t.begun {
			rows = rows[1:]
		}
		text = blocks(t.header, rows)
	}
	t.begun = true
	_, _ = u.out.Write(text)
}

// gap is the space between columns.
const gap = 2

func (t *table) aligned(rows [][]string) []byte {
	lines := make([][]string, len(rows))
	for i, row := range rows {
		for column, cell := range row {
			cell = safetext.Line(cell)
			lines[i] = append(lines[i], cell)
			if column == len(t.widths) {
				t.widths = append(t.widths, 0)
			}
			if column < len(row)-1 {
				t.widths[column] = max(t.widths[column], utf8.RuneCountInString(cell))
			}
		}
	}
	var b bytes.Buffer
	for _, line := range lines {
		for column, cell := range line {
			b.WriteString(cell)
			if column < len(line)-1 {
				b.WriteString(strings.Repeat(" ", gap+t.widths[column]-utf8.RuneCountInString(cell)))
			}
		}
		b.WriteByte('\n')
	}
	return b.Bytes()
}

func widest(text []byte) int {
	longest := 0
	for line := range bytes.Lines(text) {
		longest = max(longest, utf8.RuneCount(bytes.TrimRight(line, "\n")))
	}
	return longest
}

// blocks prints each row as lines. Lines that are still too long are the terminal's to break: nothing is cut
// off.
func blocks(header []string, rows [][]string) []byte {
	var b bytes.Buffer
	for _, row := range rows {
		for i, cell := range row {
			cell = safetext.Line(cell)
			switch {
			case i == 0:
				fmt.Fprintln(&b, cell)
			case cell == "":
			case i < len(header):
				fmt.Fprintf(&b, "  %s: %s\n", strings.ToLower(header[i]), cell)
			default:
				fmt.Fprintf(&b, "  %s\n", cell)
			}
		}
	}
	return b.Bytes()
}
