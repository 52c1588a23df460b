package place

import (
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"
)

// NameLimit is how many bytes a file name may have on every file system in use.
const NameLimit = 255

// longestExtension is how much after the last dot of a name counts as its extension. What is
// longer is rather a title with a dot in it.
const longestExtension = 16

// A Naming gives the names to try, one after the other: the wanted name for 1, then
// "name (2)", "name (3)" and so on.
type Naming func(n int) string

// FileNames numbers a file's name before its extension: "song.mp3", "song (2).mp3". The bytes
// of name are kept as they are, valid UTF-8 or not; names beyond NameLimit are shortened.
func FileNames(name string) Naming { return FileNamesWithin(name, NameLimit) }

// FileNamesWithin is FileNames for names of at most limit bytes.
func FileNamesWithin(name string, limit int) Naming {
	stem, ext := splitName(name)
	return numbered(stem, ext, limit)
}

// FolderNames numbers a folder's name at its end. No name has more than limit bytes.
func FolderNames(name string, limit int) Naming {
	return numbered(name, "", limit)
}

func numbered(stem, ext string, limit int) Naming {
	return func(n int) string {
		number := ""
		if n > 1 {
			number = " (" + strconv.Itoa(n) + ")"
		}
		return Shorten(stem, limit-len(number)-len(ext)) + number + ext
	}
}

// splitName parts a name into stem and extension. A name that begins with its only dot, or
// whose ending is too long for an extension, has none.
func splitName(name string) (stem, ext string) {
	ext = filepath.Ext(name)
	if len(ext) > longestExtension || len(ext) == len(name) {
		return name, ""
	}
	return strings.TrimSuffix(name, ext), ext
}

// Shorten cuts name to at most limit bytes. Valid UTF-8 stays valid; other bytes are cut
// where the limit falls.
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
