package place

import (
	"strings"
	"testing"
)

func TestNames(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 300)
	tests := []struct {
		name   string
		naming Naming
		n      int
		want   string
	}{
		{"first", FileNames("song.mp3"), 1, "song.mp3"},
		{"second", FileNames("song.mp3"), 2, "song (2).mp3"},
		{"no extension", FileNames("song"), 3, "song (3)"},
		{"hidden", FileNames(".song"), 2, ".song (2)"},
		{"title with a version", FileNames("Song v1.2"), 2, "Song v1.2 (2)"},
		{"title with a dot", FileNames("no. 1 of a very long title"), 2, "no. 1 of a very long title (2)"},
		{"not UTF-8", FileNames("\xff\xfe.mp3"), 2, "\xff\xfe (2).mp3"},
		{"newline", FileNames("a\nb.mp3"), 2, "a\nb (2).mp3"},
		{"too long", FileNames(long + ".mp3"), 1, long[:251] + ".mp3"},
		{"too long, second", FileNames(long + ".mp3"), 2, long[:247] + " (2).mp3"},
		{"longest not UTF-8", FileNames(strings.Repeat("\xff", 256)), 1, strings.Repeat("\xff", 255)},
		{"folder", FolderNames("v1.2", 200), 2, "v1.2 (2)"},
		{"folder too long", FolderNames(long, 200), 2, long[:196] + " (2)"},
		{"cut between runes", FolderNames("äää", 5), 1, "ää"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := tt.naming(tt.n)
			if got != tt.want {
				t.Errorf("name %d = %q; want %q", tt.n, got, tt.want)
			}
			if len(got) > NameLimit {
				t.Errorf("name has %d bytes", len(got))
			}
		})
	}
}
