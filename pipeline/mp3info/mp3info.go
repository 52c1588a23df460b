// Package mp3info reads what an MP3 file says of its length, in the first frame, which has no sound: the Info tag
// (http://gabriel.mp3-tech.org/mp3infotag.html).
package mp3info

import (
	"bytes"
	"encoding/binary"
)

const (
	// Head is how many bytes, from the first frame on, Read needs at most.
	Head = 1024
	// ID3Header is how many bytes ID3Size needs.
	ID3Header = 10

	countAt, bytesAt, delayAt, tagSize = 8, 12, 141, 156
)

// A Tag is an Info tag.
type Tag struct {
	// At is where it begins, from the start of its frame.
	At int
	// Count is how many frames follow, PerFrame how many samples of each channel those have, and Bytes the length of all with this one.
	Count, PerFrame, Bytes int64
	// Delay and Padding are how many samples at the start and at the end are none of the sound's.
	Delay, Padding int64
}

// Read finds the tag in what a file has behind its ID3v2 tag.
func Read(head []byte) (t Tag, found bool) {
	head = head[:min(len(head), Head)]
	t.At = bytes.Index(head, []byte("Info"))
	if t.At < 0 {
		t.At = bytes.Index(head, []byte("Xing"))
	}
	if t.At < 4 || len(head) < t.At+tagSize || head[0] != 0xff {
		return Tag{}, false
	}
	t.PerFrame = 576
	if head[1]&0x18 == 0x18 { // MPEG 1
		t.PerFrame = 1152
	}
	t.Count = int64(binary.BigEndian.Uint32(head[t.At+countAt:]))
	t.Bytes = int64(binary.BigEndian.Uint32(head[t.At+bytesAt:]))
	ends := head[t.At+delayAt:][:3]
	t.Delay, t.Padding = int64(ends[0])<<4|int64(ends[1])>>4, int64(ends[1]&0x0f)<<8|int64(ends[2])
	return t, true
}

// Samples is the length of the sound, in samples of each channel. It is not above 0 if the tag is wrong.
func (t Tag) Samples() int64 { return t.Count*t.PerFrame - t.Delay - t.Padding }

// ID3Size is how long the ID3v2 tag is that a file of this beginning has before its first frame
// (https://id3.org/id3v2.4.0-structure), in bytes; 0 for none.
func ID3Size(head []byte) int64 {
	if len(head) < ID3Header || string(head[:3]) != "ID3" {
		return 0
	}
	size := binary.BigEndian.Uint32(head[6:])
	return ID3Header + int64(size&0x7f|size>>1&0x3f80|size>>2&0x1fc000|size>>3&0xfe00000)
}
