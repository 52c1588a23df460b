package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/im2-audio/im2/modules/internal/spool"
)

const (
	// defaultLongest is how long a track may play unless a flag says otherwise.
	defaultLongest = 90 * time.Minute
	// longestMix is what fits into 2 GiB of samples: Node reads no longer file at once.
	longestMix = 100 * time.Minute
)

// A rejection is returned when a file cannot be separated, whoever tries. Its text is for the
// person who put the file in.
type rejection struct{ reason string }

func (r *rejection) Error() string { return r.reason }

// formats are the kinds of files that ffmpeg may take the source for. None of them can name
// other files to read, as playlists and scripts can.
func formats() string {
	return strings.Join([]string{
		"wav", "w64", "aiff", "au", "voc", "mp3", "aac", "flac", "ogg", "amr", "ape", "mpc", "mpc8", "qcp",
		"mov", "mp4", "m4a", "3gp", "3g2", "mj2", "matroska", "webm", "asf", "avi", "mpeg", "mpegts", "mpegvideo", "flv",
	}, ",")
}

// decodeArgs make ffmpeg write the first audio track of the source as raw stereo float
// samples to its standard output. They contain no name of a person's file.
func decodeArgs(longest time.Duration) []string {
	enough := longest + time.Second // One more than allowed, to notice that there is more.
	return []string{
		"-nostdin", "-hide_banner", "-v", "error",
		"-protocol_whitelist", "file", "-format_whitelist", formats(),
		"-i", "file:" + spool.SourceFile,
		"-map", "0:a:0", "-vn", "-sn", "-dn",
		"-t", strconv.FormatFloat(enough.Seconds(), 'f', 3, 64),
		"-ac", strconv.Itoa(mixChannels), "-ar", strconv.Itoa(mixRate),
		"-c:a", "pcm_f32le", "-f", "f32le", "pipe:1",
	}
}

// decode writes the job's source as the WAV file at path and returns how many frames it has.
// A source that holds no sound, or that ffmpeg cannot read, is a *rejection.
func (w *worker) decode(ctx context.Context, job *spool.Job, path string) (int64, error) {
	mix, err := createMix(path)
	if err != nil {
		return 0, err
	}
	c := command{
		what:   "ffmpeg",
		path:   w.settings.ffmpeg,
		args:   decodeArgs(w.settings.longest),
		dir:    job.Dir(),
		stdout: mix,
	}
	runErr := c.run(ctx)
	if err := mix.close(); err != nil {
		return 0, err // A full disk, most likely; ffmpeg then fails as well, for nothing.
	}
	if runErr != nil {
		return 0, undecodable(job.Name, runErr)
	}
	return mix.frames(), checkLength(job.Name, mix.frames(), w.settings.longest)
}

// undecodable turns an exit of ffmpeg into a rejection. Other errors are not the file's fault.
func undecodable(name string, err error) error {
	var failed *commandError
	var exit *exec.ExitError
	if !errors.As(err, &failed) || !errors.As(failed.reason, &exit) || crashed(exit) || isFull(err) {
		return err
	}
	if strings.Contains(failed.all, "matches no streams") {
		return noSound(name)
	}
	return &rejection{fmt.Sprintf("%q could not be decoded: it is damaged, or it is of a kind that cannot be read here. "+
		"ffmpeg says: %s. Check that it plays, or export it again as WAV, FLAC or MP3; then put it into input/ again.",
		name, strings.TrimSuffix(plainLine(failed.said), "."))}
}

func noSound(name string) error {
	return &rejection{fmt.Sprintf("%q holds no sound: there is no audio track in it, or an empty one. "+
		"Export the song again as WAV, FLAC or MP3; then put it into input/ again.", name)}
}

func checkLength(name string, frames int64, longest time.Duration) error {
	if frames == 0 {
		return noSound(name)
	}
	if float64(frames) > longest.Seconds()*mixRate {
		return &rejection{fmt.Sprintf("%q plays for longer than %s, which is the most that can be separated in one piece. "+
			"Cut it into parts and put those into input/.", name, longest)}
	}
	return nil
}
