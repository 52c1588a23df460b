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

// longestMix is what fits into 2 GiB of samples: Node reads no longer file at once.
const longestMix = 100 * time.Minute

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
func decodeArgs() []string {
	enough := longestMix + time.Second // One more than can be, to notice that there is more.
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
	mix, err := createMix(path, framesOf(w.settings.longest))
	if err != nil {
		return 0, err
	}
	c := command{
		what:   "ffmpeg",
		path:   w.settings.ffmpeg,
		args:   decodeArgs(),
		dir:    job.Dir(),
		stdout: mix,
		stall:  w.settings.stall,
	}
	runErr := c.run(ctx)
	if err := mix.close(); err != nil {
		return 0, err // A full disk, most likely; ffmpeg then fails as well, for nothing.
	}
	if runErr != nil {
		return 0, undecodable(job.Name, runErr)
	}
	return mix.frames(), w.settings.checkLength(job.Name, mix.frames())
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

// framesOf is how many frames play for so long.
func framesOf(d time.Duration) int64 { return int64(d.Seconds() * mixRate) }

// checkLength rejects a track that plays for longer than can be separated here, with how long
// it plays, how long it may, and what to change.
func (s *settings) checkLength(name string, frames int64) error {
	if frames == 0 {
		return noSound(name)
	}
	if frames <= framesOf(s.longest) {
		return nil
	}
	plays := time.Duration(float64(frames) / mixRate * float64(time.Second)).Round(time.Millisecond)
	if plays > time.Minute {
		plays = plays.Round(time.Second)
	}
	length := plays.String()
	if plays > longestMix {
		length = "more than " + longestMix.String()
	}
	what := fmt.Sprintf("%q plays for %s, and at most %s can be separated in one piece", name, length, s.longest)
	switch {
	case s.longest >= longestMix:
		return &rejection{what + ", since the engine reads no longer file. Cut it into parts and put those into input/."}
	case s.given:
		return &rejection{what + " (-max-duration). Cut it into parts and put those into input/, or raise -max-duration."}
	case plays > longestMix:
		return &rejection{fmt.Sprintf("%s with the %s of memory that the service has. Cut it into parts of at most that length "+
			"and put those into input/.", what, gigabytes(s.memory))}
	default:
		return &rejection{fmt.Sprintf("%s with the %s of memory that the service has; this one takes %s. Raise mem_limit of demucs in "+
			"docker-compose.yml to that and run `mage up`, then put the song into input/ again; or cut it into parts.",
			what, gigabytes(s.memory), gigabytes(memoryFor(plays)))}
	}
}
