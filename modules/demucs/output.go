package main

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

const (
	// tailSize is how much of a process's standard error is kept.
	tailSize = 8 << 10
	// longestLine is how much of one line is worth showing.
	longestLine = 500
)

// A lineWriter calls line for each complete line written to it. Lines that are too long to be
// any that someone waits for are dropped.
type lineWriter struct {
	line func(string)
	rest []byte
}

func (w *lineWriter) Write(p []byte) (int, error) {
	w.rest = append(w.rest, p...)
	for {
		end := bytes.IndexByte(w.rest, '\n')
		if end < 0 {
			break
		}
		w.line(string(w.rest[:end]))
		w.rest = w.rest[end+1:]
	}
	if len(w.rest) > tailSize {
		w.rest = nil
	}
	return len(p), nil
}

// A tail keeps the end of what is written to it.
type tail struct{ data []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.data = append(t.data, p...)
	if over := len(t.data) - tailSize; over > 0 {
		t.data = slices.Delete(t.data, 0, over)
	}
	return len(p), nil
}

func (t *tail) text() string { return string(t.data) }

// telling returns the line that says most: the last one that names an error, or else the last
// one that is neither a stack frame nor a version. Nothing in it can disturb a terminal.
func (t *tail) telling() string {
	last := ""
	for line := range strings.Lines(t.text()) {
		line = printable(line)
		switch {
		case line == "", strings.HasPrefix(line, "at "), strings.HasPrefix(line, "Node.js v"):
		case strings.Contains(line, "Error:"), !strings.Contains(last, "Error:"):
			last = line
		}
	}
	return last
}

// printable makes a line fit to be shown: without control characters, and not too long.
func printable(line string) string {
	line = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(line, "?"))
	line = strings.TrimSpace(line)
	if len(line) > longestLine {
		line = strings.ToValidUTF8(line[:longestLine], "") + "..."
	}
	return line
}

// plainLine drops what means nothing to a person from a line of ffmpeg: the part that speaks,
// with its address in memory, and the name that every source has.
func plainLine(line string) string {
	line = regexp.MustCompile(`^\[[^]]*\] *`).ReplaceAllString(line, "")
	return strings.TrimPrefix(line, "file:source: ")
}
