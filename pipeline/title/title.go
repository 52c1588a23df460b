// Package title has the rules for the names of songs: what of a file's name is the title, how a
// name says that it is not complete or is asked for again, which number it gets when it is taken,
// and what the folder of its stems is called. The targets and the watcher must agree on all of
// them, or one would lose what the other put there.
package title

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Limit is how many bytes a file name may have on every file system in use.
const Limit = 255

// extensions are those of audio and video files that people have. Nothing is recognised by them: they
// only tell where a title ends, so that "Live 1999.12" keeps its end.
var extensions = strings.Fields(`
	.wav .wave .bwf .rf64 .w64 .aif .aiff .aifc .caf .au .snd .voc
	.flac .fla .wv .tta .ape .tak .shn .mpc .ofr .dsf .dff
	.mp3 .mp2 .mp1 .mpa .mpga .aac .adts .m4a .m4b .m4p .m4r .f4a
	.ogg .oga .opus .spx .weba .mka .wma .amr .awb .gsm
	.ac3 .eac3 .ec3 .dts .dtshd .thd .mlp
	.mp4 .m4v .mov .qt .3gp .3gpp .3g2 .f4v .flv .ogv .ogx .webm .mkv .mk3d
	.avi .wmv .asf .mpg .mpeg .m2v .vob .ts .mts .m2ts .m2t .mxf .rm .rmvb
`)

// Split parts a file's name into title and extension. Only the extension of an audio or video file
// is one, in capital or small letters; a name that is nothing else has none.
func Split(name string) (title, ext string) {
	ext = filepath.Ext(name)
	if len(ext) == len(name) || !slices.Contains(extensions, strings.ToLower(ext)) {
		return name, ""
	}
	return strings.TrimSuffix(name, ext), ext
}

// unfinished are the extensions that programs give to a file while they still write it.
var unfinished = []string{".part", ".partial", ".crdownload", ".download", ".tmp"}

// Unfinished reports whether the extension of a name is one that programs give to a file while they
// still write it. The watcher waits until such a file is renamed.
func Unfinished(name string) bool {
	return slices.Contains(unfinished, strings.ToLower(filepath.Ext(name)))
}

// Whole returns a name without what keeps the watcher from taking a file: the dots at the beginning, which hide it, and the extensions
// of a file that is still being written. Nothing may be left of it.
func Whole(name string) string {
	name = strings.TrimLeft(name, ".")
	for Unfinished(name) {
		name = strings.TrimSuffix(name, filepath.Ext(name))
	}
	return name
}

// again before the extension of a name asks for a song to be separated although that was done before:
// "song.again.mp3". It is no part of the song's name.
const again = ".again"

// AskAgain returns the name of a file that asks for the song of that name to be separated again. It
// has at most limit bytes, for which the title may be shortened.
func AskAgain(name string, limit int) string {
	title, ext := Split(name)
	return Shorten(title, limit-len(again)-len(ext)) + again + ext
}

// AskedAgain returns the name of the song in a file of that name, and whether it asks for it to be
// separated again.
func AskedAgain(name string) (song string, asked bool) {
	title, ext := Split(name)
	end := len(title) - len(again)
	if end < 1 || !strings.EqualFold(title[end:], again) {
		return name, false
	}
	return title[:end] + ext, true
}

// Number returns the nth name to try for a file: "song.mp3", "song (2).mp3", "song (3).mp3". Its bytes
// are kept, valid UTF-8 or not; what is longer than limit bytes is cut before the number.
func Number(name string, n, limit int) string {
	title, ext := Split(name)
	return number(title, ext, n, limit)
}

// NumberFolder is Number for a folder, whose name has no extension.
func NumberFolder(name string, n, limit int) string { return number(name, "", n, limit) }

func number(title, ext string, n, limit int) string {
	number := ""
	if n > 1 {
		number = " (" + strconv.Itoa(n) + ")"
	}
	return Shorten(title, limit-len(number)-len(ext)) + number + ext
}

// Shorten cuts a name to at most limit bytes. Valid UTF-8 stays valid; other bytes are cut where the
// limit falls.
func Shorten(name string, limit int) string {
	if len(name) <= limit {
		return name
	}
	if !utf8.ValidString(name) {
		return name[:limit]
	}
	for limit > 0 && !utf8.RuneStart(name[limit]) {
		limit--
	}
	return name[:limit]
}

const (
	// LongestFolder leaves room for a number, and for what other systems add to a name.
	LongestFolder = 200
	// nameless is for songs of whose name nothing remains.
	nameless = "track"
	// replacement is what stands for a character that a folder's name must not have.
	replacement = "_"
)

// Folder makes a folder's name from a song's file name: Safe makes it of the title.
func Folder(fileName string) string {
	name, _ := Split(fileName)
	return Safe(name)
}

// Safe makes a name from a text, whatever bytes that has, by replacing what not every system can have. It is never empty, "."
// or "..", and has at most LongestFolder bytes of valid UTF-8. The accents stay as they are written, composed or not.
//
// What it replaces is what "Naming Files, Paths, and Namespaces" of Windows forbids
// (https://learn.microsoft.com/windows/win32/fileio/naming-a-file), which includes what Linux and
// macOS do: each of < > : " / \ | ? * and each control character becomes "_", dots and spaces at the
// end are dropped, and the name of a device such as CON or "nul.live" gets a "_" behind it, which is
// what Python's pathvalidate does with those. Beyond that, marks that turn the direction of text
// around become "_", and dots, hyphens and spaces at the start are dropped, which would hide the
// folder or make it look like an option.
func Safe(text string) string { return SafeOr(text, nameless) }

// SafeOr is Safe with another name for a text of which nothing remains.
func SafeOr(text, nameless string) string {
	name := strings.ToValidUTF8(text, replacement)
	name = noDevice(trimEnds(strings.Map(replaceRune, name)))
	name = trimEnds(Shorten(name, LongestFolder))
	if name == "" {
		return nameless
	}
	return name
}

func replaceRune(r rune) rune {
	if strings.ContainsRune(`<>:"/\|?*`, r) || r == utf8.RuneError || unicode.IsControl(r) ||
		unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' {
		return '_'
	}
	return r
}

func trimEnds(name string) string {
	name = strings.TrimLeftFunc(name, func(r rune) bool { return r == '.' || r == '-' || unicode.IsSpace(r) })
	return strings.TrimRightFunc(name, func(r rune) bool { return r == '.' || unicode.IsSpace(r) })
}

// noDevice makes a name that Windows takes for a device, with or without an extension, that of none.
func noDevice(name string) string {
	base, _, _ := strings.Cut(name, ".")
	base = strings.TrimRight(base, " ") // Windows drops them.
	if !isDevice(base) {
		return name
	}
	return base + replacement + name[len(base):]
}

func isDevice(name string) bool {
	name = strings.ToUpper(name)
	if slices.Contains([]string{"CON", "PRN", "AUX", "NUL", "CLOCK$", "CONIN$", "CONOUT$"}, name) {
		return true
	}
	port, found := strings.CutPrefix(name, "COM")
	if !found {
		port, found = strings.CutPrefix(name, "LPT")
	}
	return found && utf8.RuneCountInString(port) == 1 && strings.ContainsAny(port, "123456789¹²³")
}

// Fold returns a text that is the same for two names which a system that does not tell capital from
// small letters, or composed accents from others, takes for one: macOS, Windows, and shares of them.
func Fold(name string) string {
	return norm.NFC.String(strings.Map(func(r rune) rune {
		least := r
		for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
			least = min(least, next)
		}
		return least
	}, norm.NFD.String(name)))
}
