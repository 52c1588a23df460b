package options

import (
	"strings"

	"github.com/im2-audio/im2/pipeline/title"
)

const (
	sidecarStart = "."
	sidecarEnd   = ".im2.json"
	// MostEntry is how many bytes the name of a song's file may have for a sidecar beside it.
	MostEntry = title.Limit - len(sidecarStart) - len(sidecarEnd)
)

// Sidecar returns the name of the file beside a song in the input folder that says what is asked for
// with it, in the form that Parse takes. entry is the name of the song's file there. The file must be
// complete before the song gets its name. It is hidden, so that the watcher takes it for no song.
func Sidecar(entry string) string { return sidecarStart + entry + sidecarEnd }

// SidecarOf returns the name of the song's file whose sidecar has that name, and false for what is
// none.
func SidecarOf(name string) (entry string, ok bool) {
	entry, ok = strings.CutPrefix(name, sidecarStart)
	if ok {
		entry, ok = strings.CutSuffix(entry, sidecarEnd)
	}
	return entry, ok && entry != ""
}
