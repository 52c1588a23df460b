package main

import (
	"fmt"
	"io/fs"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/service"
	"github.com/im2-audio/im2/pipeline/spool"
	"github.com/im2-audio/im2/pipeline/title"
)

// The texts that people read beside a rejected file: what it is, why it was not taken, and
// what to do. %q keeps a name with a newline in it from breaking the text.

func notRegularReason(name string, mode fs.FileMode) string {
	switch {
	case mode&fs.ModeSymlink != 0:
		return fmt.Sprintf("%q is a symbolic link. Links are never followed, since they can lead outside the data folder. "+
			"Copy the song itself into input/.", name)
	case mode.IsDir():
		return fmt.Sprintf("%q is a folder. Songs are taken from input/ itself and not from folders in it. "+
			"Move the songs out of the folder into input/.", name)
	case mode&fs.ModeNamedPipe != 0:
		return fmt.Sprintf("%q is a named pipe and not a file. It was not opened. Put a song into input/ instead.", name)
	case mode&fs.ModeSocket != 0:
		return fmt.Sprintf("%q is a socket and not a file. It was not opened. Put a song into input/ instead.", name)
	default:
		return fmt.Sprintf("%q is a device and not a file. It was not opened. Put a song into input/ instead.", name)
	}
}

func folderNotice(name string) string {
	return fmt.Sprintf("%q in input/ is a folder and was skipped. Songs are taken from input/ itself and not "+
		"from folders in it. Move the songs out of the folder into input/.", name)
}

func emptyReason(name string) string {
	return fmt.Sprintf("%q is empty: it has 0 bytes. The copy was probably interrupted. Copy the song into input/ again.", name)
}

func tooLargeReason(name string, size, largest int64) string {
	return fmt.Sprintf("%q is too large: it has %s, and a song may have %s. Cut it into parts, or export it in a format that takes less room, "+
		"such as FLAC; or raise -max-size of the watcher, as modules/watcher/README.md says. Then put it into input/ again.",
		name, place.Bytes(size), place.Bytes(largest))
}

func noDiskReason(name string, size int64) string {
	return fmt.Sprintf("%q cannot be copied: it belongs to someone else, or has a second name (hard link), so that only a copy of it can be separated. "+
		"That takes %s, which is more than the whole disk of the data folder has. "+
		"Export the song again in a format that takes less room, such as FLAC; then put it into input/ again.", name, place.Bytes(size))
}

func unreadableReason(name string) string {
	return fmt.Sprintf("%q cannot be read by the user of the pipeline (%s). Run `mage reset-permissions`, "+
		"then move the file from rejected/ back into input/.", name, service.User())
}

func notAudioReason(name, kind string) string {
	return fmt.Sprintf("%q is not audio: its content is of the type %s, whatever its name says. "+
		"If it should be a song, check that it plays, or export it again as WAV, FLAC or MP3; "+
		"then put it into input/ again.", name, kind)
}

func sidecarReason(entry, problem string) string {
	return fmt.Sprintf("%q was not separated: the file %q, which says how to separate it, cannot be used: %s. "+
		"Write that file again as docs/song.md describes and put both into input/, that file first; without it the song is separated as usual.",
		entry, job.Sidecar(entry), problem)
}

func lostOptions(wanted string) string {
	return fmt.Sprintf(" Its options were %s; give them again.", wanted)
}

func sameReason(j, other *spool.Job) string {
	where := "that is under way as job " + other.ID
	if other.Stage() == job.Done {
		where = "whose stems are in output/" + other.Track
	}
	song := "one"
	if other.Name != "" {
		song = fmt.Sprintf("%q", other.Name)
	}
	with := ""
	if j.Options.String() != "" {
		with = " and asked for with the same options"
	}
	return fmt.Sprintf("%q is, byte for byte, the same song as %s%s, %s. It was not separated a second time. "+
		"If it should be, move it back into input/ as %q, or run `mage separate FILE -again`.",
		j.Name, song, with, where, title.AskAgain(j.Name, title.Limit))
}
