package separate

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// longestName is how many bytes a file's name may have on every file system in use.
	longestName = 255
	// longestExtension is how much after the last dot of a name counts as its extension.
	// What is longer is rather a title with a dot in it.
	longestExtension = 16
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
	for slices.Contains(UnfinishedExtensions(), strings.ToLower(filepath.Ext(name))) {
		name = strings.TrimSuffix(name, filepath.Ext(name))
	}
	if name == "" {
		return nameless
	}
	return name
}

// UnfinishedExtensions are those of files that are still being written, as the watcher has it:
// it leaves a file with one alone.
func UnfinishedExtensions() []string {
	return []string{".part", ".partial", ".crdownload", ".download", ".tmp"}
}

// again before the extension of a name asks the watcher to separate a song although that was done
// before. It drops it from the song's name.
const again = ".again"

// AskAgain is the name of a file that asks for the song of that name to be separated again.
func AskAgain(name string) string {
	stem, ext := parts(name)
	return cut(stem, longestName-len(again)-len(ext)) + again + ext
}

// askedAgain returns the name of the song in a file of that name, and whether it asks for it to be
// separated again.
func askedAgain(name string) (song string, asked bool) {
	stem, ext := parts(name)
	if strings.EqualFold(ext, again) {
		stem, ext = name, ""
	}
	end := len(stem) - len(again)
	if end < 1 || !strings.EqualFold(stem[end:], again) {
		return name, false
	}
	return stem[:end] + ext, true
}

// parts splits a name before its extension, if it has one.
func parts(name string) (stem, ext string) {
	ext = filepath.Ext(name)
	if len(ext) > longestExtension || len(ext) == len(name) {
		ext = ""
	}
	return strings.TrimSuffix(name, ext), ext
}

// numbered returns the nth name to try: "song.mp3", "song (2).mp3", "song (3).mp3". The
// bytes of name are kept, valid UTF-8 or not; what is too long is cut before the number.
func numbered(name string, n int) string {
	number := ""
	if n > 1 {
		number = " (" + strconv.Itoa(n) + ")"
	}
	stem, ext := parts(name)
	return cut(stem, longestName-len(number)-len(ext)) + number + ext
}

// cut shortens text to at most limit bytes. Valid UTF-8 stays valid.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for valid := utf8.ValidString(text); valid && !utf8.RuneStart(text[limit]); {
		limit--
	}
	return text[:limit]
}

// shown is a name on a line of its own or in a progress line: short, and in quotes where
// it would otherwise break the line or play tricks with the terminal.
func shown(name string) string {
	if runes := []rune(name); utf8.ValidString(name) && len(runes) > longestShown {
		name = string(runes[:longestShown-1]) + "…"
	}
	return line(name)
}

// line is text that takes one line, in quotes where it needs them for that.
func line(text string) string {
	if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(text)
	}
	return text
}

// plain is text from a service for the end of an error: without what could play tricks
// with a terminal.
func plain(text string) string {
	const most = 2000
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, cut(strings.ToValidUTF8(text, "?"), most))
	return strings.TrimSpace(text)
}
