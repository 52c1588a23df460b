package layout

import (
	"strings"
	"testing"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/tags"
	"github.com/im2-audio/im2/pipeline/title"
)

func TestFolders(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ä", 255) // as long as a tag can be
	for _, tt := range []struct {
		file, artist, albumArtist, album, title, track string
		want                                           string
	}{
		{"a.mp3", "Band", "", "First", "Song", "3/12", "Band/First/03 Song"},
		{"a.mp3", "Band feat. X", "Band", "First", "Song", "12", "Band/First/12 Song"},
		{"a.mp3", "Band", "Various Artists", "Hits", "Song", "101", "Various Artists/Hits/101 Song"},
		{"My Song.mp3", "", "", "", "", "", "Unknown Artist/Unknown Album/My Song"},
		{"03 - My Song.mp3", "Band", "", "First", "", "3", "Band/First/03 - My Song"},
		{"a.mp3", "Band", "", "", "Song", "", "Band/Unknown Album/Song"},
		{"a.mp3", "", "", "First", "Song", "1", "Unknown Artist/First/01 Song"},
		// Numbers of tracks.
		{"a.mp3", "B", "", "F", "Song", "03", "B/F/03 Song"},
		{"a.mp3", "B", "", "F", "Song", " 3 / 12", "B/F/03 Song"},
		{"a.mp3", "B", "", "F", "Song", "0", "B/F/Song"},
		{"a.mp3", "B", "", "F", "Song", "-1", "B/F/Song"},
		{"a.mp3", "B", "", "F", "Song", "A1", "B/F/Song"},
		{"a.mp3", "B", "", "F", "Song", "/12", "B/F/Song"},
		{"a.mp3", "B", "", "F", "Song", "99999999999999999999", "B/F/Song"},
		{"a.mp3", "B", "", "F", "Song", "10000", "B/F/Song"},
		{"a.mp3", "B", "", "F", "Song", "../3", "B/F/Song"},
		// Names that no folder can have.
		{"a.mp3", "AC/DC", "", `Who? "Me" <you> 1|2 *:\`, "a/b", "1", "AC_DC/Who_ _Me_ _you_ 1_2 ___/01 a_b"},
		{"a.mp3", "..", "", "../..", "../../etc/passwd", "", "Unknown Artist/_/_.._etc_passwd"},
		{"a.mp3", ". .", "...", ".", "..", "1", "Unknown Artist/Unknown Album/a"},
		{"a.mp3", "B", "..", "F", "S", "1", "B/F/01 S"},
		{"a.mp3", ".38 Special", "", "-", "- x", "1", "38 Special/Unknown Album/01 x"},
		{"a.mp3", "CON", "", "nul.live", "COM1", "", "CON_/nul_.live/COM1_"},
		{"a.mp3", "aux", "", "LPT9 ", "con", "7", "aux_/LPT9_/07 con_"},
		{"a.mp3", "a\u202eb", "", "a\nb\x1b[2J", "a\x00b\x7f", "", "a_b/a_b_[2J/a_b_"},
		{"a.mp3", "B\xff", "", "Live...", "What now. . .", "1", "B_/Live/01 What now"},
		{"a.mp3", "\u00c4rger", "", "A\u0308rger", "愛", "1", "\u00c4rger/A\u0308rger/01 愛"},
		{"a.mp3", long, "", long, long, "1", strings.Repeat("ä", 100) + "/" + strings.Repeat("ä", 100) + "/01 " + strings.Repeat("ä", 98)},
		{"a.mp3", "B", "", "F", strings.Repeat("a", 197) + " b", "1", "B/F/01 " + strings.Repeat("a", 197)},
		{"../..", "", "", "", "", "", "Unknown Artist/Unknown Album/_"},
	} {
		said := tags.Tags{"artist": tt.artist, "album_artist": tt.albumArtist, "album": tt.album, "title": tt.title, "track": tt.track}
		got := Folders(Media, tt.file, said)
		if text := strings.Join(got, "/"); text != tt.want || len(got) != job.SongDepth || job.SongFolder(text) != text {
			t.Errorf("%q %q: %q; want %q", tt.file, said, got, tt.want)
		}
		for _, layout := range []string{"", Flat} {
			if got := Folders(layout, tt.file, said); len(got) != 1 || got[0] != title.Folder(tt.file) {
				t.Errorf("%q: %q", tt.file, got)
			}
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for layout, wrong := range map[string]bool{"": false, "flat": false, "media": false, "Media": true, "plex": true, "media,flat": true} {
		if err := Check(layout); (err != nil) != wrong || wrong && err.Error() != "it must be flat or media" {
			t.Errorf("%q: %v", layout, err)
		}
	}
}

// FuzzFolders: whatever tags say, the folders are three names that every system can have.
func FuzzFolders(f *testing.F) {
	f.Add("a.mp3", "Band", "First", "Song", "3/12")
	f.Add("../..", "..", "CON", "a/b", "-1")
	f.Fuzz(func(t *testing.T, file, artist, album, name, track string) {
		got := Folders(Media, file, tags.Tags{"artist": artist, "album": album, "title": name, "track": track})
		if joined := strings.Join(got, "/"); len(got) != job.SongDepth || job.SongFolder(joined) != joined {
			t.Errorf("%q", got)
		}
		for _, folder := range got {
			if title.Safe(folder) != folder || len(folder) > title.LongestFolder {
				t.Errorf("%q is not safe", folder)
			}
		}
	})
}
