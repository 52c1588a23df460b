package main

import (
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
	const version4, unsynchronised, extended = 4, 0x80, 0x40
	version, flags := head[3], head[5]
	if version < 3 || version > version4 || flags&(unsynchronised|extended) != 0 { // Sizes would not be what they say.
		return ""
	}
	end := int64(len(head)) + syncsafe(head[6:])
	for at, n := int64(len(head)), 0; at < end && n < mostFrames; n++ {
		if _, err := r.ReadAt(head[:], at); err != nil || head[0] == 0 {
			return ""
		}
		size := int64(binary.BigEndian.Uint32(head[4:]))
		if version == version4 {
			size = syncsafe(head[4:])
		}
		at += int64(len(head))
		if string(head[:4]) == "UFID" && size <= longestUFID && at+size <= end {
			frame := make([]byte, size)
			_, err := r.ReadAt(frame, at)
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
