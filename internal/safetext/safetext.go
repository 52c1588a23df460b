// Package safetext makes text of others safe for a terminal: of files, containers and names.
package safetext

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Line makes text safe to print: it is one line, and has
// nothing that a terminal would obey.
func Line(text string) string { return printable(text, "") }

// Lines is Line for several lines: line feeds and tabs stay.
func Lines(text string) string { return printable(text, "\n\t") }

func printable(text, but string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) || strings.ContainsRune(but, r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(text, "?"))
}

// JSON escapes what a terminal would obey in a JSON text, whose meaning stays the same. Package
// encoding/json does so for ASCII alone.
func JSON(text []byte) []byte {
	safe := make([]byte, 0, len(text))
	for _, r := range string(text) {
		if r == '\n' || unicode.IsPrint(r) {
			safe = utf8.AppendRune(safe, r)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			safe = fmt.Appendf(safe, `\u%04x`, unit)
		}
	}
	return safe
}

// Quoted is a name or path, in quotes where it has what Line would replace, so that it can be told
// from others.
func Quoted(name string) string {
	if !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(name)
	}
	return name
}

// List joins texts, and counts those behind the first few: "a, b and 3 more".
func List(texts []string, most int, separator string) string {
	if len(texts) <= most {
		return strings.Join(texts, separator)
	}
	return strings.Join(texts[:most], separator) + " and " + strconv.Itoa(len(texts)-most) + " more"
}
