package main

import (
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/im2-audio/im2/modules/internal/place"
)

const (
	// longestTrackName leaves room for a number, and for what other systems add to a name.
	longestTrackName = 200
	// namelessTrack is for songs of whose name nothing remains.
	namelessTrack = "track"
	// longestExtension is how much after the last dot counts as an extension; what is longer
	// is rather part of the title.
	longestExtension = 6
)

// trackName makes a folder name from a song's file name, whatever bytes that has: the
// extension is dropped, what no folder name should contain becomes "_", and what would hide
// the folder or look like an option is cut off its start. It is never empty, "." or "..",
// and has at most longestTrackName bytes of valid UTF-8.
func trackName(fileName string) string {
	name := strings.ToValidUTF8(dropExtension(fileName), "_")
	name = strings.Map(replaceRune, name)
	name = trimEnds(name)
	name = trimEnds(place.Shorten(name, longestTrackName))
	if name == "" {
		return namelessTrack
	}
	return name
}

func dropExtension(name string) string {
	ext := filepath.Ext(name)
	if len(ext) < 2 || len(ext) > longestExtension || len(ext) == len(name) || strings.ContainsAny(ext, " ") {
		return name
	}
	return strings.TrimSuffix(name, ext)
}

// replaceRune maps what is dangerous or invisible in a file name to "_": separators,
// control characters, and marks that turn the direction of the text after them around.
func replaceRune(r rune) rune {
	if r == '/' || r == '\\' || r == ':' || r == utf8.RuneError ||
		unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' {
		return '_'
	}
	return r
}

// trimEnds cuts off what must not begin a folder's name, and the dots and spaces at its end
// that Windows would lose.
func trimEnds(name string) string {
	name = strings.TrimLeftFunc(name, func(r rune) bool { return r == '.' || r == '-' || unicode.IsSpace(r) })
	return strings.TrimRightFunc(name, func(r rune) bool { return r == '.' || unicode.IsSpace(r) })
}
