package audio

import (
	"slices"
	"strings"
)

// HeadSize is how much of a file's beginning the signatures look at, in bytes.
const HeadSize = 512

// unknown is what mimetype calls content that it knows nothing of.
const unknown = "application/octet-stream"

// soundless are media types that begin with audio/ and hold no sound: notes, and lists of
// other files.
//
//nolint:gochecknoglobals // a table that nobody changes
var soundless = []string{"audio/midi", "audio/mpegurl", "audio/x-mpegurl", "audio/x-scpls"}

// Recognize decides about a file by its first bytes and by what mimetype says about it. It
// returns the media type to record, and whether the file may be a song. What is neither in the
// table nor known to be something else may be one.
func Recognize(head []byte, detected string) (mediaType string, mayBe bool) {
	for _, k := range kinds {
		if slices.ContainsFunc(k.Signatures, func(s Signature) bool { return s.matches(head) }) {
			return k.Own, true
		}
	}
	name, _, _ := strings.Cut(detected, ";")
	switch {
	case slices.Contains(soundless, name):
		return detected, false
	case name == unknown, strings.HasPrefix(name, "audio/"):
		return detected, true
	}
	return detected, slices.ContainsFunc(kinds, func(k Kind) bool { return slices.Contains(k.MediaTypes, name) })
}

func (s Signature) matches(head []byte) bool {
	for _, p := range s {
		if len(head) < p.At || !strings.HasPrefix(string(head[p.At:]), p.Bytes) {
			return false
		}
	}
	return true
}
