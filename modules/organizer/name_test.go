package main

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestTrackName(t *testing.T) {
	t.Parallel()
	tests := []struct{ in, want string }{
		{"My Song.mp3", "My Song"},
		{"song", "song"},
		{"song.tar.gz", "song.tar"},
		{"Mr. Blue Sky", "Mr. Blue Sky"},
		{"Symphony No.5 in C minor", "Symphony No.5 in C minor"},
		{"Ärger 愛.flac", "Ärger 愛"},
		{"-rf.mp3", "rf"},
		{"--.-- x.mp3", "x"},
		{".hidden.mp3", "hidden"},
		{"  a  .mp3", "a"},
		{"a...mp3", "a"},
		{"...", "track"},
		{"..", "track"},
		{".", "track"},
		{"", "track"},
		{".mp3", "mp3"},
		{" .mp3", "track"},
		{"a/b\\c:d.mp3", "a_b_c_d"},
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
	}
	for _, tt := range tests {
		if got := trackName(tt.in); got != tt.want {
			t.Errorf("trackName(%q) = %q; want %q", tt.in, got, tt.want)
		}
	}
}

func FuzzTrackName(f *testing.F) {
	for _, seed := range []string{"song.mp3", "../x", "\xff", "-", ". .", strings.Repeat("ä", 150)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		got := trackName(in)
		switch {
		case got == "", got == ".", got == "..", len(got) > longestTrackName, !utf8.ValidString(got),
			strings.ContainsAny(got, "/\\"), strings.ContainsFunc(got, unicode.IsControl),
			strings.HasPrefix(got, "."), strings.HasPrefix(got, "-"), strings.HasPrefix(got, " "):
			t.Errorf("trackName(%q) = %q", in, got)
		}
	})
}
