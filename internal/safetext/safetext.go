// Package safetext makes text of others safe for a terminal: of files, containers and names.
package safetext

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line makes text safe to print: it is one line, and has
// nothing that a terminal would obey.
func Line(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(text, "?"))
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
