// Package tags has what a song's file says about the song, such as its title, in a form that is safe to keep and to write
// into other files. The worker reads it, job.json and track.json have it, and the stems get it.
package tags

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/im2-audio/im2/pipeline/title"
)

const (
	// Longest is how many bytes a tag has at most.
	Longest = 512
	// mostIDs is how many MusicBrainz IDs fit into one.
	mostIDs = (Longest + 1) / (36 + 1)
	// searched is how much of a text is searched for MusicBrainz IDs, in bytes.
	searched = 16 * Longest
)

// Tags are the texts of a song by the names of Fields. A field without a text is not in it.
type Tags map[string]string

// Title is the name of the field that each stem has another text of.
const Title = "title"

// A Field is one of the tags, as different formats call it.
type Field struct {
	// Name is that in Tags, and where ffmpeg has no name of its own that in FLAC files.
	Name string
	// said are the names by which ffprobe may call it, in small letters. The first one wins.
	said []string
	// Totals are how Vorbis comments call the number behind the "/" of "3/12", in small letters; the first one is the usual one.
	Totals []string
	// MP3 is how ffmpeg is told to write it into an MP3 file, where that is not Name.
	MP3 string
	// RIFF is the chunk of a WAV file for it, within "INFO"; "" for none.
	RIFF string
	// ID3 is the frame of an ID3v2.4 tag for it; "" for a TXXX frame that says MP3.
	ID3 string
}

// Fields are all tags that are kept.
var Fields = []Field{
	{Name: Title, said: []string{"title"}, RIFF: "INAM", ID3: "TIT2"},
	{Name: "artist", said: []string{"artist", "author"}, RIFF: "IART", ID3: "TPE1"},
	{Name: "album", said: []string{"album"}, RIFF: "IPRD", ID3: "TALB"},
	{Name: "album_artist", said: []string{"album_artist", "albumartist", "album artist"}, ID3: "TPE2"},
	{Name: "track", said: []string{"track", "tracknumber"}, Totals: []string{"tracktotal", "totaltracks"}, RIFF: "IPRT", ID3: "TRCK"},
	{Name: "disc", said: []string{"disc", "discnumber"}, Totals: []string{"disctotal", "totaldiscs"}, ID3: "TPOS"},
	{Name: "date", said: []string{"date", "year"}, RIFF: "ICRD", ID3: "TDRC"},
	{Name: "genre", said: []string{"genre"}, RIFF: "IGNR", ID3: "TCON"},
	// The names that MusicBrainz Picard gives them (https://picard-docs.musicbrainz.org/en/appendices/tag_mapping.html).
	musicBrainz("Track"), musicBrainz("Release Track"), musicBrainz("Album"), musicBrainz("Release Group"),
	musicBrainz("Artist"), musicBrainz("Album Artist"), musicBrainz("Work"),
}

const musicBrainzPrefix = "musicbrainz_"

func musicBrainz(of string) Field {
	f := Field{MP3: "MusicBrainz " + of + " Id"}
	f.Name = musicBrainzPrefix + strings.ToLower(strings.ReplaceAll(of, " ", "")) + "id"
	f.said = []string{f.Name, strings.ToLower(f.MP3), "musicbrainz/" + strings.ToLower(of) + " id"}
	return f
}

// Said returns the names by which ffprobe may call a tag. It takes small letters for capital ones.
func Said() []string {
	var all []string
	for _, f := range Fields {
		all = append(append(all, f.said...), f.Totals...)
	}
	return all
}

// Read returns the tags in what ffprobe says of a file, whatever that is. nil means that there are none.
func Read(said map[string]string) Tags {
	small := make(map[string]string, len(said))
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(said))) { // The same one of "Title" and "TITLE" each time.
		small[strings.ToLower(name)] = said[name]
	}
	var t Tags
	for _, f := range Fields {
		for _, name := range f.said {
			if text := f.clean(small[name]); text != "" {
				t = t.With(f.Name, f.ofTotal(text, small))
				break
			}
		}
	}
	return t
}

// ofTotal is "3/12" for "3" where the file says elsewhere that there are 12.
func (f Field) ofTotal(text string, said map[string]string) string {
	for _, name := range f.Totals {
		if total := said[name]; number.MatchString(text) && number.MatchString(total) {
			return text + "/" + total
		}
	}
	return text
}

var number = regexp.MustCompile(`^[0-9]{1,6}$`)

func (f Field) clean(text string) string {
	if !strings.HasPrefix(f.Name, musicBrainzPrefix) {
		return Clean(text)
	}
	ids := musicBrainzID.FindAllString(text[:min(len(text), searched)], mostIDs)
	return strings.ToLower(strings.Join(ids, ";"))
}

var musicBrainzID = regexp.MustCompile(`\b[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\b`)

// Clean makes one line of a text, of at most Longest bytes of valid UTF-8: each run of control characters and spaces becomes
// a space, and marks that turn the direction of text around are dropped.
func Clean(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r):
			return ' '
		case unicode.Is(unicode.Bidi_Control, r), r == '\ufeff':
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, string(utf8.RuneError)))
	return strings.TrimSpace(title.Shorten(strings.Join(strings.Fields(text), " "), Longest))
}

// With returns a copy of t with another text.
func (t Tags) With(name, text string) Tags {
	t = maps.Clone(t)
	if t == nil {
		t = Tags{}
	}
	t[name] = text
	return t
}

// Check returns what is wrong with tags that Read cannot return.
func (t Tags) Check() error {
	for _, name := range slices.Sorted(maps.Keys(t)) {
		i := slices.IndexFunc(Fields, func(f Field) bool { return f.Name == name })
		if i < 0 {
			return fmt.Errorf("%.80q: there is no such tag", name)
		}
		if text := t[name]; text == "" || Fields[i].clean(text) != text {
			return fmt.Errorf("%s %.80q: it is too long, or has characters that cannot be printed", name, text)
		}
	}
	return nil
}
