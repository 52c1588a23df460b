package term

import (
	"regexp"
	"strings"
)

// tone is the number of a colour in a terminal's sequences.
type tone string

const (
	bold   tone = "1"
	faint  tone = "2"
	red    tone = "31"
	green  tone = "32"
	yellow tone = "33"
	cyan   tone = "36"
)

// of colours text, if that is wanted.
func (c tone) of(text string, wanted bool) string {
	if !wanted || text == "" {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + noColour
}

// tones are the words that have a colour where they are a whole cell of a table.
var tones = map[string]tone{
	"[ok]": green, "ok": green, "healthy": green, "running": green,
	"[warn]": yellow, "starting": yellow, "restarting": yellow, "not created": yellow,
	"[fail]": red, "unhealthy": red, "dead": red,
	"[note]": faint, "[skip]": faint,
}

// painted is a cell with its colour.
func painted(cell string, wanted bool) string {
	if t, known := tones[cell]; known {
		return t.of(cell, wanted)
	}
	if strings.HasPrefix(cell, "exited (") && cell != "exited (0)" {
		return red.of(cell, wanted)
	}
	return cell
}

var (
	bracketed = regexp.MustCompile(`\[(?:ok|warn|fail|note|skip)\]`)
	severity  = regexp.MustCompile(`(?m)^(\S+: )(error|warning|note)( [A-Z]\d+: )`)
)

// paintedLines are lines in which results such as [ok], and the severities of findings, have their colours.
func paintedLines(lines string, wanted bool) string {
	if !wanted {
		return lines
	}
	lines = bracketed.ReplaceAllStringFunc(lines, func(word string) string { return painted(word, true) })
	for word, t := range map[string]tone{"error": red, "warning": yellow, "note": faint} {
		lines = severity.ReplaceAllStringFunc(lines, func(line string) string {
			part := severity.FindStringSubmatch(line)
			if part[2] != word {
				return line
			}
			return part[1] + t.of(word, true) + part[3]
		})
	}
	return lines
}
