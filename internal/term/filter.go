package term

import (
	"bytes"
	"io"
	"regexp"
	"strings"

	"github.com/im2-audio/im2/internal/safetext"
)

// longestLine is the longest line that a Filter keeps together.
const longestLine = 64 << 10

// colour is a sequence that colours text, or ends that.
var colour = regexp.MustCompile(`\x1b\[[0-9;]*m`)

const noColour = "\x1b[0m"

// A Filter passes the lines of others on to a terminal. Colours stay, up to the end of their line;
// all else that a terminal would obey becomes spaces.
type Filter struct {
	to   io.Writer
	line []byte
}

// Others returns the writer of results for lines that others wrote, such as logs.
// The caller closes it.
func (u *UI) Others() *Filter { return &Filter{to: u.Stdout()} }

// Write implements io.Writer.
func (f *Filter) Write(p []byte) (int, error) {
	f.line = append(f.line, p...)
	for {
		end := bytes.IndexByte(f.line, '\n') + 1
		if end == 0 && len(f.line) < longestLine {
			return len(p), nil
		}
		if end == 0 || end > longestLine {
			end = longestLine
		}
		if _, err := io.WriteString(f.to, safeLine(string(f.line[:end]))); err != nil {
			return 0, err //nolint:wrapcheck // a writer's own error
		}
		f.line = append(f.line[:0], f.line[end:]...)
	}
}

// Close writes the last line, where nothing ended it.
func (f *Filter) Close() error {
	_, err := io.WriteString(f.to, safeLine(string(f.line)))
	f.line = nil
	return err //nolint:wrapcheck // a writer's own error
}

func safeLine(line string) string {
	if !strings.ContainsRune(line, '\x1b') {
		return safetext.Lines(strings.Replace(line, "\r\n", "\n", 1))
	}
	text, ended := strings.CutSuffix(line, "\n")
	text = strings.TrimSuffix(text, "\r")
	var b strings.Builder
	from := 0
	for _, at := range colour.FindAllStringIndex(text, -1) {
		b.WriteString(safetext.Lines(text[from:at[0]]))
		b.WriteString(text[at[0]:at[1]])
		from = at[1]
	}
	b.WriteString(safetext.Lines(text[from:]))
	b.WriteString(noColour)
	if ended {
		b.WriteByte('\n')
	}
	return b.String()
}
