package mp3info_test

import (
	"strings"
	"testing"

	"github.com/im2-audio/im2/pipeline/mp3info"
)

func TestID3Size(t *testing.T) {
	t.Parallel()
	for head, want := range map[string]int64{
		"": 0, "ID3": 0, "\xff\xfb\x90\x64......": 0,
		"ID3\x04\x00\x00\x00\x00\x00\x00": 10, "ID3\x04\x00\x00\x00\x00\x02\x2c": 310, "ID3\x04\x00\x00\x7f\x7f\x7f\x7f": 10 + 1<<28 - 1,
	} {
		if got := mp3info.ID3Size([]byte(head)); got != want {
			t.Errorf("%q: %d; want %d", head, got, want)
		}
	}
}

// A frame that ffmpeg wrote with LAME: two seconds at 44.1 kHz.
func TestRead(t *testing.T) {
	t.Parallel()
	tag := "Info\x00\x00\x00\x0f\x00\x00\x00\x4e\x00\x01\x42\x69" + strings.Repeat("\x00", 125) + "\x24\x04\x38" + strings.Repeat("\x00", 12)
	head := "\xff\xfb\x50\xc4" + strings.Repeat("\x00", 32) + tag
	want := mp3info.Tag{At: 36, Count: 78, PerFrame: 1152, Bytes: 82537, Delay: 576, Padding: 1080}
	for name, text := range map[string]string{"Info": head, "Xing": strings.Replace(head, "Info", "Xing", 1), "more": head + strings.Repeat("x", 5000)} {
		if got, found := mp3info.Read([]byte(text)); !found || got != want || got.Samples() != 88200 {
			t.Errorf("%s: %+v, %v; want %+v", name, got, found, want)
		}
	}
	if got, _ := mp3info.Read([]byte("\xff\xf3" + head[2:])); got.PerFrame != 576 || got.Samples() != 78*576-576-1080 {
		t.Errorf("below 32 kHz: %+v", got)
	}
	for name, text := range map[string]string{"nothing": "", "cut off": head[:len(head)-1], "no frame": "x" + head[1:], "no tag": strings.Replace(head, "Info", "info", 1), "at once": tag} {
		if got, found := mp3info.Read([]byte(text)); found {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
