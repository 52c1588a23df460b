package title

import (
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestFolder(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ in, want string }{
		{"My Song.mp3", "My Song"},
		{"song", "song"},
		{"song.tar.gz", "song.tar.gz"},
		{"mix.tar.flac", "mix.tar"},
		{"Song v1.2", "Song v1.2"},
		{"Live 1999.12", "Live 1999.12"},
		{"Mr. Big - Live.2.wav", "Mr. Big - Live.2"},
		{"Mr. Blue Sky", "Mr. Blue Sky"},
		{"Symphony No.5 in C minor", "Symphony No.5 in C minor"},
		{"Ärger 愛.flac", "Ärger 愛"},
		{"A\u0308rger.flac", "A\u0308rger"},
		{"-rf.mp3", "rf"},
		{"--.-- x.mp3", "x"},
		{".hidden.mp3", "hidden"},
		{"  a  .mp3", "a"},
		{"a...mp3", "a"},
		{"what now. . .mp3", "what now"},
		{"...", "track"},
		{"..", "track"},
		{".", "track"},
		{"", "track"},
		{".mp3", "mp3"},
		{" .mp3", "track"},
		{"a/b\\c:d.mp3", "a_b_c_d"},
		{`Who? "Me" <you> 1|2 *.mp3`, "Who_ _Me_ _you_ 1_2 _"},
		{"../../etc/passwd", "_.._etc_passwd"},
		{"a\nb\x00\x1b[31m\x7f.mp3", "a_b__[31m_"},
		{"a\xff\xfeb.mp3", "a_b"},
		{"\xff.mp3", "_"},
		{"abc\u202egpj.mp3", "abc_gpj"},
		{"a\u2028b.mp3", "a_b"},
		{strings.Repeat("n", 251) + ".mp3", strings.Repeat("n", 200)},
		{strings.Repeat("ä", 150), strings.Repeat("ä", 100)},
		{strings.Repeat("a", 199) + "ä", strings.Repeat("a", 199)},
		{strings.Repeat("a", 199) + " b", strings.Repeat("a", 199)},
		// What Windows takes for devices, and what only looks like them.
		{"CON.mp3", "CON_"},
		{"con", "con_"},
		{"Nul.live.wav", "Nul_.live"},
		{"aux .live", "aux_ .live"},
		{"com1.flac", "com1_"},
		{"LPT9", "LPT9_"},
		{"COM¹.mp3", "COM¹_"},
		{"lpt³", "lpt³_"},
		{"clock$.mp3", "clock$_"},
		{"CONIN$", "CONIN$_"},
		{"COM0", "COM0"},
		{"COM10", "COM10"},
		{"COM", "COM"},
		{"Console.mp3", "Console"},
		{"Con (live).mp3", "Con (live)"},
		{"my CON.mp3", "my CON"},
		{"con" + strings.Repeat(" ", 300) + ".live", "con_"},
	} {
		if got := Folder(tt.in); got != tt.want {
			t.Errorf("Folder(%q) = %q; want %q", tt.in, got, tt.want)
		}
	}
}

func TestSafeOr(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"": "Unknown", "...": "Unknown", " ": "Unknown", "a": "a", "track": "track", "/": "_"} {
		if got := SafeOr(text, "Unknown"); got != want {
			t.Errorf("SafeOr(%q) = %q; want %q", text, got, want)
		}
	}
}

func TestFold(t *testing.T) {
	t.Parallel()
	for _, same := range [][2]string{
		{"Song", "sONG"}, {"ÄRGER", "ärger"}, {"\u00c4rger", "a\u0308rger"}, {"K\u212a", "kk"}, {"ΣΑΣ", "σας"},
	} {
		if Fold(same[0]) != Fold(same[1]) {
			t.Errorf("%q and %q are told apart", same[0], same[1])
		}
	}
	if Fold("Song") == Fold("Sonq") || Fold("a") == Fold("ä") {
		t.Error("different names are taken for one")
	}
}

// device is another way to say what a device is called.
var device = regexp.MustCompile(`(?i)^(con|prn|aux|nul|clock\$|conin\$|conout\$|(com|lpt)([1-9]|¹|²|³)) *(\.|$)`)

func FuzzFolder(f *testing.F) {
	for _, seed := range []string{"song.mp3", "../x", "\xff", "-", ". .", strings.Repeat("ä", 150), "con.mp3", "nul .x", "lpt².", "a|b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		got := Folder(in)
		switch {
		case got == "", got == ".", got == "..", len(got) > LongestFolder, !utf8.ValidString(got),
			strings.ContainsAny(got, `<>:"/\|?*`), strings.ContainsFunc(got, unicode.IsControl),
			strings.HasPrefix(got, "."), strings.HasPrefix(got, "-"), strings.HasPrefix(got, " "),
			strings.HasSuffix(got, "."), strings.HasSuffix(got, " "), device.MatchString(got):
			t.Errorf("Folder(%q) = %q", in, got)
		}
		if again := Folder(got); again != got && titleOf(got) == got {
			t.Errorf("Folder(%q) = %q, and of that %q", in, got, again)
		}
	})
}

// titleOf is the title of a name.
func titleOf(name string) string { title, _ := Split(name); return title }
