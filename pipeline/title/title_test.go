package title

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestSplit(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"song.mp3": "song", "song.MP3": "song", "mix.tar.flac": "mix.tar", "Song v1.2": "Song v1.2", "Live 1999.12": "Live 1999.12",
		"Mr. Big - Live.2": "Mr. Big - Live.2", "song.tar.gz": "song.tar.gz", "No. 5": "No. 5", "a.m2ts": "a", "a.RF64": "a",
		".mp3": ".mp3", "..mp3": ".", "mp3": "mp3", "": "", "a.": "a.", "a.mp3 ": "a.mp3 ", "\xff.wav": "\xff", "a.mp3.part": "a.mp3.part",
	} {
		title, ext := Split(name)
		if title != want || title+ext != name {
			t.Errorf("Split(%q) = %q, %q; want %q", name, title, ext, want)
		}
	}
}

func TestUnfinished(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"song.mp3": false, "song": false, "part": false, "song.part.mp3": false, "song.mp3.part": true, "song.mp3.PART": true,
		"song.crdownload": true, "song.partial": true, "song.download": true, "song.tmp": true,
	} {
		if Unfinished(name) != want {
			t.Errorf("Unfinished(%q) = %v", name, !want)
		}
	}
}

func TestAskedAgain(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"song.again.mp3": "song.mp3", "song.again": "song", "a.b.Again.flac": "a.b.flac", "song (2).again.mp3": "song (2).mp3",
		"Live 1999.12.again": "Live 1999.12", "Live 1999.again.12": "",
		"song.mp3": "", "again.mp3": "", ".again.mp3": "", "here we go again.mp3": "", "again": "", ".again": "", "": "", "song.again.again.mp3": "song.again.mp3",
	} {
		song, asked := AskedAgain(name)
		if asked != (want != "") || (asked && song != want) || (!asked && song != name) {
			t.Errorf("AskedAgain(%q) = %q, %v; want %q", name, song, asked, want)
		}
	}
	for _, name := range []string{"song.mp3", "song", "a.b.c", "Song v1.2", "no. 1 of a very long title", "song (2).flac", "x.again.mp3", "\xff.wav"} {
		if song, asked := AskedAgain(AskAgain(name, Limit)); !asked || song != name {
			t.Errorf("%q was asked for as %q, and understood as %q, %v", name, AskAgain(name, Limit), song, asked)
		}
	}
	if long := AskAgain(strings.Repeat("x", Limit), Limit); len(long) != Limit {
		t.Errorf("%d bytes", len(long))
	}
}

func TestNumber(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ü", 126) + "x" // 253 bytes
	for _, tt := range []struct {
		name  string
		n     int
		limit int
		want  string
	}{
		{"song.mp3", 1, Limit, "song.mp3"},
		{"song.mp3", 12, Limit, "song (12).mp3"},
		{"song", 2, Limit, "song (2)"},
		{"Song v1.2", 2, Limit, "Song v1.2 (2)"},
		{".mp3", 2, Limit, ".mp3 (2)"},
		{"No. 5 of a very long title", 2, Limit, "No. 5 of a very long title (2)"},
		{"a\nb.mp3", 2, Limit, "a\nb (2).mp3"},
		{long, 1, Limit, long},
		{long, 2, Limit, strings.Repeat("ü", 125) + " (2)"},
		{strings.Repeat("\xff", 251) + ".mp3", 2, Limit, strings.Repeat("\xff", 247) + " (2).mp3"},
		{strings.Repeat("\xff", 256), 1, Limit, strings.Repeat("\xff", 255)},
		{strings.Repeat("x", 300) + ".mp3", 2, 20, strings.Repeat("x", 12) + " (2).mp3"},
	} {
		got := Number(tt.name, tt.n, tt.limit)
		if got != tt.want {
			t.Errorf("Number(%q, %d) = %q; want %q", tt.name, tt.n, got, tt.want)
		}
		if len(got) > tt.limit || utf8.ValidString(got) != utf8.ValidString(tt.name) {
			t.Errorf("%q has %d bytes", got, len(got))
		}
	}
	if got := NumberFolder("song.mp3", 2, Limit); got != "song.mp3 (2)" {
		t.Errorf("a folder is %q", got)
	}
}

func FuzzShorten(f *testing.F) {
	f.Add("äöü", 3)
	f.Add("\xff\xff", 1)
	f.Fuzz(func(t *testing.T, name string, limit int) {
		if limit < 0 {
			return
		}
		got := Shorten(name, limit)
		if len(got) > limit || !strings.HasPrefix(name, got) {
			t.Errorf("Shorten(%q, %d) = %q", name, limit, got)
		}
		if utf8.ValidString(name) && !utf8.ValidString(got) {
			t.Errorf("Shorten(%q, %d) = %q, which is not UTF-8", name, limit, got)
		}
	})
}
