package title

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const (
	// LongestFolder leaves room for a number, and for what other systems add to a name.
	LongestFolder = 200
	// nameless is for songs of whose name nothing remains.
	nameless = "track"
	// replacement is what stands for a character that a folder's name must not have.
	replacement = "_"
)

// Folder makes a folder's name from a song's file name, whatever bytes that has: its title, with what
// not every system can have replaced. It is never empty, "." or "..", and has at most LongestFolder
// bytes of valid UTF-8. The accents stay as they are written, composed or not.
//
// What it replaces is what "Naming Files, Paths, and Namespaces" of Windows forbids
// (https://learn.microsoft.com/windows/win32/fileio/naming-a-file), which includes what Linux and
// macOS do: each of < > : " / \ | ? * and each control character becomes "_", dots and spaces at the
// end are dropped, and the name of a device such as CON or "nul.live" gets a "_" behind it, which is
// what Python's pathvalidate does with those. Beyond that, marks that turn the direction of text
// around become "_", and dots, hyphens and spaces at the start are dropped, which would hide the
// folder or make it look like an option.
func Folder(fileName string) string {
	name, _ := Split(fileName)
	name = strings.ToValidUTF8(name, replacement)
	name = noDevice(trimEnds(strings.Map(replaceRune, name)))
	name = trimEnds(Shorten(name, LongestFolder))
	if name == "" {
		return nameless
	}
	return name
}

// Kept reports whether a song's title is, byte for byte, the name that Folder makes of it.
func Kept(fileName string) bool {
	name, _ := Split(fileName)
	return name == Folder(fileName)
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
