package tags

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

const id, otherID = "f1b0a5a2-57a4-4d4c-8f1b-8a1f1e6f4a11", "0d1f2e3a-4b5c-6d7e-8f90-a1b2c3d4e5f6"

// The names that ffprobe has for one tag in files of different kinds.
func TestTagsOfAllKindsOfFiles(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ said, want map[string]string }{
		{nil, nil},
		{map[string]string{"encoder": "Lavf", "comment": "x"}, nil},
		{map[string]string{"TITLE": "Song", "Artist": "Band", "track": "3/12"}, Tags{"title": "Song", "artist": "Band", "track": "3/12"}},
		{map[string]string{"TRACKNUMBER": "3", "TOTALTRACKS": "12", "disc": "1/2", "DISCTOTAL": "3"}, Tags{"track": "3/12", "disc": "1/2"}},
		{map[string]string{"track": "A1", "tracktotal": "12", "disctotal": "2"}, Tags{"track": "A1"}},
		{map[string]string{"Album Artist": "Band", "Year": "1999", "DISCNUMBER": "2"}, Tags{"album_artist": "Band", "date": "1999", "disc": "2"}},
		{map[string]string{"date": "1999-02-03", "year": "2001", "author": "A", "artist": "B"}, Tags{"date": "1999-02-03", "artist": "B"}},
		{map[string]string{"title": " ", "artist": "\x00", "genre": "\u200f"}, nil},
		{map[string]string{"Title": "b", "TITLE": "a", "title": "c"}, Tags{"title": "a"}},
		{map[string]string{"MUSICBRAINZ_TRACKID": id}, Tags{"musicbrainz_trackid": id}},
		{map[string]string{"MusicBrainz Album Id": strings.ToUpper(id)}, Tags{"musicbrainz_albumid": id}},
		{map[string]string{"MusicBrainz/Release Group Id": id}, Tags{"musicbrainz_releasegroupid": id}},
		{map[string]string{"MusicBrainz Album Artist Id": id + "/" + otherID}, Tags{"musicbrainz_albumartistid": id + ";" + otherID}},
		{map[string]string{"MUSICBRAINZ_WORKID": "<script>", "musicbrainz_artistid": id + "0"}, nil},
	} {
		if got := Read(tt.said); !maps.Equal(got, tt.want) || (got == nil) != (tt.want == nil) {
			t.Errorf("Read(%q) = %q; want %q", tt.said, got, tt.want)
		}
	}
	for _, f := range Fields {
		for _, name := range f.said {
			if name != strings.ToLower(name) || !slices.Contains(Said(), name) {
				t.Errorf("%s is never found as %q", f.Name, name)
			}
		}
	}
}

// Whatever a file says, what is kept is short and can be printed, and reading it again changes nothing.
func TestHostileTags(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"one\r\ntwo\tthree":                              "one two three",
		"a\x00b\x1b[2Jc\x7f":                             "a b [2Jc",
		"a\u202egpj.exe\u2066\u200e":                     "agpj.exe",
		"a\u2028b\u2029c\u0085d":                         "a b c d",
		"\xff\xfea":                                      "\ufffda",
		"\ufeffSong":                                     "Song",
		"<b>&amp;\"'`$(id)":                              "<b>&amp;\"'`$(id)",
		strings.Repeat("x", 1<<20):                       strings.Repeat("x", Longest),
		strings.Repeat("é", 1<<20) + "\xff":              strings.Repeat("é", Longest/2),
		"x" + strings.Repeat("é", 1<<10):                 "x" + strings.Repeat("é", Longest/2-1),
		strings.Repeat("x", Longest-1) + " y z":          strings.Repeat("x", Longest-1),
		strings.Repeat("\x01", 1<<20):                    "",
		strings.Repeat("\u202e", 1<<20) + "x":            "x",
		"\u0634\u200c \u05e9 \U0001f469\u200d\U0001f467": "\u0634\u200c \u05e9 \U0001f469\u200d\U0001f467",
	} {
		got := Read(map[string]string{"title": text})
		if got["title"] != want {
			t.Errorf("%.40q became %.80q; want %.80q", text, got["title"], want)
		}
		if !utf8.ValidString(got["title"]) || Clean(got["title"]) != got["title"] || got.Check() != nil {
			t.Errorf("%.40q became %.80q: %v", text, got["title"], got.Check())
		}
	}
	many := Read(map[string]string{"musicbrainz_artistid": strings.Repeat(id+" ", 1<<16)})["musicbrainz_artistid"]
	if len(many) > Longest || strings.Count(many, id) != mostIDs {
		t.Errorf("%d bytes of IDs: %s", len(many), many)
	}
}

// Others can write records: what no file can have given is refused.
func TestTagsThatReadCannotReturn(t *testing.T) {
	t.Parallel()
	for _, tags := range []Tags{
		{"title": ""},
		{"title": "a\nb"},
		{"title": "a\u202eb"},
		{"title": strings.Repeat("x", Longest+1)},
		{"title": "\xff"},
		{"lyrics": "la"},
		{"\x1b": "la"},
		{"musicbrainz_trackid": "la"},
	} {
		if err := tags.Check(); err == nil || len(err.Error()) > 300 {
			t.Errorf("%.60q: %v", tags, err)
		}
	}
	if err := Tags(nil).Check(); err != nil {
		t.Error(err)
	}
}

func TestWithLeavesTheFirstAsItIs(t *testing.T) {
	t.Parallel()
	one := Tags{"title": "a"}
	if two := one.With("title", "b"); one["title"] != "a" || two["title"] != "b" {
		t.Errorf("%q, %q", one, two)
	}
}
