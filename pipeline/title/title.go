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
	"unicode/utf8"
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
