package main

import (
	"slices"
	"strings"

	"github.com/gabriel-vasile/mimetype"
)

// soundless are media types that begin with audio/ and hold no sound: notes, and lists of
// other files.
func soundless() []string {
	return []string{"audio/midi", "audio/mpegurl", "audio/x-mpegurl", "audio/x-scpls"}
}

// containers are media types of files that may hold sound beside or instead of pictures.
// Whether one does is seen when it is decoded.
func containers() []string {
	return []string{
		"application/ogg", "video/ogg",
		"video/mp4", "video/x-m4v", "video/quicktime", "video/3gpp", "video/3gpp2",
		"video/webm", "video/matroska",
		"video/x-ms-asf", "video/x-msvideo", "video/mpeg", "video/x-flv",
	}
}

// mayHoldSound reports whether a file of this kind is worth decoding.
func mayHoldSound(kind *mimetype.MIME) bool {
	name, _, _ := strings.Cut(kind.String(), ";")
	if slices.Contains(soundless(), name) {
		return false
	}
	return strings.HasPrefix(name, "audio/") || slices.Contains(containers(), name)
}
