package render

import (
	"bufio"
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // FLAC has the MD5 of its samples, and nothing depends on its strength
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"sync/atomic"

	"github.com/im2-audio/im2/pipeline/options"
)

const (
	// mp3Bits is how many bits a second of MP3 takes; LAME takes less where that is too many for
	// the sample rate.
	mp3Bits = 320_000
	// resampling is how ffmpeg's own resampler is set, which every build has: flat up to 20 kHz of
	// 44.1, with errors 120 dB below the signal. soxr in its best mode loses 0.1 % at 19 kHz.
	resampling = "filter_type=kaiser:kaiser_beta=12:filter_size=128:phase_shift=10:cutoff=0.95:exact_rational=1:internal_sample_fmt=dblp"
)

// errEncoderEnded ends the feeding of an encoder that has ended.
var errEncoderEnded = errors.New("the encoder ended")

// quiet are the first arguments of each run, bitExact those that keep versions and times out of files.
func quiet() []string { return []string{"-nostdin", "-hide_banner", "-v", "error"} }

func bitExact() []string {
	return []string{"-map_metadata", "-1", "-fflags", "+bitexact", "-flags:a", "+bitexact"}
}

func from(kind string, rate int) []string {
	return []string{"-f", kind, "-ar", strconv.Itoa(rate), "-ac", strconv.Itoa(channels), "-i", "pipe:0"}
}

func (r *renderer) feed(ctx context.Context, out output, w io.Writer) error {
	in, err := r.open(ctx, out)
	if err != nil {
		return err
	}
	defer in.close()
	if r.rate == MixRate {
		_, err = io.Copy(w, in)
		return err
	}
	frames := strconv.FormatInt(r.frames, 10)
	args := append(append(quiet(), from("f32le", MixRate)...),
		"-af", "aresample="+strconv.Itoa(r.rate)+":"+resampling+",apad=whole_len="+frames+",atrim=end_sample="+frames,
		"-c:a", "pcm_f32le", "-f", "f32le", "pipe:1")
	to := &sink{to: w}
	err = r.FFmpeg(ctx, Process{What: "ffmpeg (resampling)", Args: args, Stdin: in, Stdout: to})
	if failed := to.err.Load(); failed != nil {
		return *failed
	}
	return err
}

// A sink remembers the first error of a writer: a process whose output goes there knows of a broken
// pipe only.
type sink struct {
	to  io.Writer
	err atomic.Pointer[error]
}

func (s *sink) Write(p []byte) (int, error) {
	n, err := s.to.Write(p)
	if err != nil {
		s.err.CompareAndSwap(nil, &err)
	}
	return n, err
}

// encoderArgs make ffmpeg encode its standard input into its file descriptor 3. That is a file and no
// pipe because the lengths that are at its start are known at its end.
func (r *renderer) encoderArgs() []string {
	kind, codec := map[int]string{16: "s16le", 24: "s24le", 32: "f32le"}[r.format.bits], []string{"-c:a", "flac", "-f", "flac"}
	if r.format.ext == options.MP3 {
		codec = []string{"-c:a", "libmp3lame", "-b:a", strconv.Itoa(mp3Bits), "-id3v2_version", "0", "-f", "mp3"}
	}
	args := append(append(quiet(), from(kind, r.rate)...), bitExact()...)
	return append(append(args, codec...), "-y", "file:/dev/fd/3")
}

// encode writes a FLAC or MP3 file, and makes sure that all samples are in it.
func (r *renderer) encode(ctx context.Context, out output, gain float64, file *os.File) error {
	pipe, feed := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := r.FFmpeg(ctx, Process{What: "ffmpeg (encoding)", Args: r.encoderArgs(), Stdin: pipe, File: file})
		_ = pipe.CloseWithError(errEncoderEnded)
		ended <- err
	}()
	sum := md5.New() //nolint:gosec // as above
	buf := bufio.NewWriterSize(feed, blockFrames*RawFrame)
	samples := newQuantizer(r.format, gain, io.MultiWriter(sum, buf))
	fedErr := r.feed(ctx, out, samples)
	if fedErr == nil {
		fedErr = r.complete(samples)
	}
	if fedErr == nil {
		fedErr = buf.Flush()
	}
	_ = feed.CloseWithError(fedErr) // A nil error is the end of the samples.
	err := <-ended
	switch {
	case errors.Is(fedErr, errEncoderEnded) && err == nil:
		return fedErr
	case fedErr != nil && !errors.Is(fedErr, errEncoderEnded):
		return fedErr
	case err != nil:
		return orFull(err, file)
	}
	if r.format.ext == options.MP3 {
		err = finishMP3(file, r.frames)
	} else {
		err = r.checkFLAC(ctx, file, sum.Sum(nil))
	}
	if err != nil && ctx.Err() == nil {
		return orFull(fmt.Errorf("ffmpeg made an incomplete file: %w", err), file)
	}
	return err
}

// orFull adds to an error of ffmpeg that of writing more to its file, if there is one. It may say that
// all is well when a disk fills up at the end of a file.
func orFull(err error, file *os.File) error {
	end, full := file.Seek(0, io.SeekEnd)
	if full == nil {
		_, full = file.WriteAt(make([]byte, 1<<16), end)
	}
	if full != nil {
		return fmt.Errorf("%w: %w", err, full)
	}
	return err
}

// checkFLAC decodes a FLAC file and compares the MD5 of its samples with that of what was to be encoded.
func (r *renderer) checkFLAC(ctx context.Context, file *os.File, sum []byte) error {
	if err := flacHeader(file, r.frames, sum); err != nil {
		return err
	}
	kind := map[int]string{16: "s16le", 24: "s24le"}[r.format.bits]
	args := append(quiet(), "-f", "flac", "-i", "pipe:0", "-c:a", "pcm_"+kind, "-f", kind, "pipe:1")
	decoded := md5.New() //nolint:gosec // as above
	err := r.FFmpeg(ctx, Process{What: "ffmpeg (checking)", Args: args, Stdin: io.NewSectionReader(file, 0, math.MaxInt64), Stdout: decoded})
	if err != nil {
		return err
	}
	if !bytes.Equal(decoded.Sum(nil), sum) {
		return errors.New("it does not decode to what was encoded")
	}
	return nil
}
