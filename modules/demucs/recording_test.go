//go:build unix

package main

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

func id3Of(version byte, flags byte, frames ...string) string {
	all := strings.Join(frames, "")
	n := len(all)
	return "ID3" + string([]byte{version, 0, flags, byte(n >> 21 & 0x7f), byte(n >> 14 & 0x7f), byte(n >> 7 & 0x7f), byte(n & 0x7f)}) + all + "\xff\xfb\x90\x64"
}

func id3Frame(name, content string) string {
	return name + string(binary.BigEndian.AppendUint32(nil, uint32(len(content)))) + "\x00\x00" + content
}

// unsynchronised is what has no bytes that MP3 frames begin with, by the rules of ID3v2.
func unsynchronised(text string) string {
	var b strings.Builder
	for i := range len(text) {
		b.WriteByte(text[i])
		if text[i] == 0xff && (i+1 == len(text) || text[i+1] == 0 || text[i+1] >= 0xe0) {
			b.WriteByte(0)
		}
	}
	return b.String()
}

// The frames have fewer than 128 bytes, so that sizes of both versions are the same.
func TestTheIDOfARecording(t *testing.T) {
	t.Parallel()
	const id = "f1b0a5a2-57a4-4d4c-8f1b-8a1f1e6f4a11"
	ufid := id3Frame("UFID", musicBrainzOwner+id)
	other := id3Frame("UFID", "http://www.cddb.com/id3/taginfo1.html\x00"+id)
	for name, tt := range map[string]struct{ file, want string }{
		"version 4":             {id3Of(4, 0, id3Frame("TIT2", "\x03Song"), other, ufid), id},
		"version 3":             {id3Of(3, 0, ufid), id},
		"version 2":             {id3Of(2, 0, "TT2\x00\x00\x05\x00Song", "UFI\x00\x00\x3b"+musicBrainzOwner+id), id},
		"version 2, compressed": {id3Of(2, 0x40, "UFI\x00\x00\x3b"+musicBrainzOwner+id), ""},
		"version 5":             {id3Of(5, 0, ufid), ""},
		// A text in UTF-16 begins with 0xff 0xfe, and a frame of 255 bytes has 0xff in its size.
		"unsynchronised 2":        {id3Of(2, 0x80, unsynchronised("TT2\x00\x00\xff\x01\xff\xfe"+strings.Repeat("\xff\x00", 126)+"UFI\x00\x00\x3b"+musicBrainzOwner+id)), id},
		"unsynchronised 3":        {id3Of(3, 0x80, unsynchronised(id3Frame("TIT2", "\x01\xff\xfe"+strings.Repeat("\xff\x00", 126))+ufid)), id},
		"unsynchronised 4":        {id3Of(4, 0x80, "TIT2\x00\x00\x00\x09\x00\x02\x01\xff\x00\xfea\x00b\x00\x00", ufid), id},
		"length of the data":      {id3Of(4, 0x80, "UFID\x00\x00\x00\x3f\x00\x03\x00\x00\x00\x3b"+musicBrainzOwner+id), id},
		"half a length":           {id3Of(4, 0, "UFID\x00\x00\x00\x02\x00\x01\x00\x00"), ""},
		"extended 3":              {id3Of(3, 0x40, "\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00", ufid), id},
		"extended 4":              {id3Of(4, 0x40, "\x00\x00\x00\x06\x01\x00", ufid), id},
		"extended without an end": {id3Of(4, 0x40, "\x00\x00\x00\x00", ufid), ""},
		"extended far away":       {id3Of(3, 0x40, "\xff\xff\xff\xff", ufid), ""},
		"behind the padding":      {id3Of(4, 0, strings.Repeat("\x00", 20), ufid), ""},
		"behind the tag":          {id3Of(4, 0, other) + ufid, ""},
		"cut off":                 {id3Of(4, 0, ufid)[:50], ""},
		"of another":              {id3Of(4, 0, other), ""},
		"after 5,000 frames":      {id3Of(4, 0, strings.Repeat(id3Frame("TXXX", "\x03a\x00b"), 5000), ufid), ""},
		"too long":                {id3Of(3, 0, id3Frame("UFID", musicBrainzOwner+strings.Repeat("x", longestUFID))), ""},
		"longer than its file":    {id3Of(4, 0, "UFID\x7f\x7f\x7f\x7f\x00\x00"+musicBrainzOwner), ""},
		"frames without an end":   {id3Of(4, 0, strings.Repeat("TXXX\x00\x00\x00\x00\x00\x00", 10)), ""},
		"nothing":                 {"", ""},
		"a song":                  {"\xff\xfb\x90\x64" + ufid, ""},
	} {
		if got := readUFID(bytes.NewReader([]byte(tt.file))); got != tt.want {
			t.Errorf("%s: %q; want %q", name, got, tt.want)
		}
	}
}

func TestTheIDOfARecordingIsATag(t *testing.T) {
	t.Parallel()
	const id = "f1b0a5a2-57a4-4d4c-8f1b-8a1f1e6f4a11"
	for given, want := range map[string]string{id: id, "<script>": ""} {
		b := newBench(t, "ffmpeg", "engine")
		b.settings.ffprobe = program(t, "ffprobe-tags")
		added := b.add("song.mp3", id3Of(4, 0, id3Frame("UFID", musicBrainzOwner+given))).ID
		_, err := b.turn(t.Context())
		spooltest.Must(t, err)
		if j := b.in(job.Separated, added); j.Tags["musicbrainz_trackid"] != want || j.Tags["title"] != "A Song" {
			t.Errorf("%q: tags %q", given, j.Tags)
		}
	}
}
