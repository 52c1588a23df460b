package main

import (
	"bytes"
	"encoding/binary"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/tags"
)

const (
	// mostFrames is how many frames of an ID3v2 tag are looked through.
	mostFrames = 4096
	// mostUnsynchronised is how much of a tag is read whose bytes have to be changed back first.
	mostUnsynchronised = 16 << 20
	// longestUFID is the longest frame that is read, in bytes.
	longestUFID = 256
	// musicBrainzOwner begins the frame with the ID that MusicBrainz gives a recording.
	musicBrainzOwner = "http://musicbrainz.org\x00"
)

// tagsIn are the song's tags in what ffprobe says of the file at path.
func (s *source) tagsIn(p probed, track *probedStream, path string) tags.Tags {
	const recording = "musicbrainz_trackid"
	said := p.Format.Tags
	switch {
	case slices.Contains(s.kind.Demuxers, "ogg"): // Elsewhere the title of a track is "Stereo" and the like.
		said = track.Tags
	case slices.Contains(s.kind.Demuxers, "mp3"):
		if id := recordingOf(path); id != "" {
			said = maps.Clone(said)
			if said == nil {
				said = map[string]string{}
			}
			said[recording] = id
		}
	}
	return tags.Read(said)
}

// recordingOf returns what an MP3 file says is the ID of its recording, "" for nothing. Picard has it in a UFID frame
// (https://id3.org/id3v2.4.0-frames), of which ffprobe says nothing.
func recordingOf(path string) string {
	f, err := place.Open(path)
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }() // It was only read.
	return readUFID(f)
}

func readUFID(r io.ReaderAt) string {
	var head [10]byte
	if _, err := r.ReadAt(head[:], 0); err != nil || string(head[:3]) != "ID3" {
		return ""
	}
	const unsynchronised, extended, dataLength = 0x80, 0x40, 0x01
	version, flags := head[3], head[5]
	if version < 2 || version > 4 {
		return ""
	}
	tag := io.NewSectionReader(r, int64(len(head)), syncsafe(head[6:]))
	if version < 4 && flags&unsynchronised != 0 { // In version 4, each frame is by itself, and its size is right.
		text, _ := io.ReadAll(io.LimitReader(tag, mostUnsynchronised)) // What could be read may do.
		text = bytes.ReplaceAll(text, []byte("\xff\x00"), []byte("\xff"))
		tag = io.NewSectionReader(bytes.NewReader(text), 0, int64(len(text)))
	}
	at := int64(0)
	if flags&extended != 0 {
		if version == 2 { // There it means compressed.
			return ""
		}
		_, _ = tag.ReadAt(head[:4], 0) // If there is nothing, there is no frame either.
		at = syncsafe(head[:])
		if version == 3 {
			at = 4 + int64(binary.BigEndian.Uint32(head[:]))
		}
	}
	for range mostFrames {
		header, name := head[:], "UFID"
		if version == 2 {
			header, name = head[:6], "UFI"
		}
		if _, err := tag.ReadAt(header, at); err != nil || header[0] == 0 {
			return ""
		}
		at += int64(len(header))
		var size int64
		switch version {
		case 2:
			size = int64(header[3])<<16 | int64(header[4])<<8 | int64(header[5])
		case 3:
			size = int64(binary.BigEndian.Uint32(header[4:]))
		default:
			size = syncsafe(header[4:])
		}
		if strings.HasPrefix(string(header), name) && size <= longestUFID {
			frame := make([]byte, size)
			_, err := tag.ReadAt(frame, at)
			if version == 4 && header[9]&dataLength != 0 {
				frame = frame[min(4, size):]
			}
			if id, found := strings.CutPrefix(string(frame), musicBrainzOwner); err == nil && found {
				return id
			}
		}
		at += size
	}
	return ""
}

// syncsafe reads 28 bits, of which each byte has 7.
func syncsafe(b []byte) int64 {
	return int64(b[0]&0x7f)<<21 | int64(b[1]&0x7f)<<14 | int64(b[2]&0x7f)<<7 | int64(b[3]&0x7f)
}
