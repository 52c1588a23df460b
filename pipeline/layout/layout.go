// Package layout says which folder of output/ a song is to have.
package layout

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/im2-audio/im2/pipeline/tags"
	"github.com/im2-audio/im2/pipeline/title"
)

// Setting is the setting. Empty is Flat.
const Setting = "OUTPUT_LAYOUT"

// The layouts.
const (
	// Flat gives each song a folder with the name of its file.
	Flat = "flat"
	// Media gives each song a folder ARTIST/ALBUM/NN TITLE by its tags.
	Media = "media"
)

// Layouts are the values that Setting may have.
var Layouts = []string{Flat, Media}

const (
	unknownArtist = "Unknown Artist"
	unknownAlbum  = "Unknown Album"
	// mostTrack is the largest number of a track that is taken for one.
	mostTrack = 9999
)

// Check returns an error for a layout that there is not.
func Check(layout string) error {
	if layout != "" && !slices.Contains(Layouts, layout) {
		return fmt.Errorf("it must be %s", strings.Join(Layouts, " or "))
	}
	return nil
}

// Folders returns the names of the folders that a song is to have, the outermost first: one with Flat; those of artist, album
// and title with Media. Each is one that title.Safe returns; whether it is taken is not known. fileName is the name of the song's
// file.
func Folders(layout, fileName string, t tags.Tags) []string {
	if layout != Media {
		return []string{title.Folder(fileName)}
	}
	artist := title.SafeOr(t["album_artist"], title.SafeOr(t["artist"], unknownArtist))
	return []string{artist, title.SafeOr(t["album"], unknownAlbum), titled(fileName, t)}
}

// titled is the name of a song's folder in that of its album. A file's name, where there is no title, often has the number itself.
func titled(fileName string, t tags.Tags) string {
	name := title.SafeOr(t[tags.Title], "")
	if name == "" {
		return title.Folder(fileName)
	}
	number, _, _ := strings.Cut(t["track"], "/")
	n, err := strconv.Atoi(strings.TrimSpace(number))
	if err != nil || n < 1 || n > mostTrack {
		return name
	}
	return title.Safe(fmt.Sprintf("%02d %s", n, name))
}
