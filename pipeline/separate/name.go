package separate

import (
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/im2-audio/im2/internal/safetext"
	"github.com/im2-audio/im2/pipeline/title"
)

const (
	// longestShown is how many characters of a name a progress line has room for.
	longestShown = 40
	// nameless is the name of a song that has none but dots.
	nameless = "track"
)

// inputName is the name that the song gets in the input folder: its own, without what
// would make the watcher take it for one that is still being written (a dot at the
// beginning, or the extension of a download).
func inputName(path string) string {
	name := strings.TrimLeft(filepath.Base(path), ".")
	for title.Unfinished(name) {
		name = strings.TrimSuffix(name, filepath.Ext(name))
	}
	if name == "" {
		return nameless
	}
	return name
}

// shown is a name on a line of its own or in a progress line: short, and in quotes where
// it would otherwise break the line or play tricks with the terminal.
func shown(name string) string {
	if runes := []rune(name); utf8.ValidString(name) && len(runes) > longestShown {
		name = string(runes[:longestShown-1]) + "…"
	}
	return safetext.Quoted(name)
}

// plain is text from a service for the end of an error: without what could play tricks
// with a terminal.
func plain(text string) string {
	const most = 2000
	return strings.TrimSpace(safetext.Line(title.Shorten(strings.ToValidUTF8(text, "?"), most)))
}
