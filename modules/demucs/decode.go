package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/im2-audio/im2/pipeline/audio"
	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/spool"
	"github.com/im2-audio/im2/pipeline/tags"
)

const (
	// longestTrack bounds every track: a mix of a day takes 30 GB, and days of separating.
	longestTrack = 24 * time.Hour
	// fastestRate bounds the memory that the filter between two sample rates takes. DSD of eight
	// times the usual speed becomes this many samples.
	fastestRate = 2_822_400
	// missingSeconds and missingShare are what a track may be shorter than the file says before people
	// are told: encoders and their frames differ by less.
	missingSeconds = 0.25
	missingShare   = 0.001
)

// A rejection is returned when a file cannot be separated, whoever tries. Its text is for the
// person who put the file in.
type rejection struct{ reason string }

func (r *rejection) Error() string { return r.reason }

// A decoded track is what a mix was made of.
type decoded struct {
	// frames is how many frames the mix has.
	frames int64
	// rate is the source's own, in Hz, and sourceFrames how many frames the mix would have at that.
	rate         int
	sourceFrames int64
	// tags and cover are the source's.
	tags  tags.Tags
	cover int
	// warnings are what people should know.
	warnings []string
}

// decodeArgs make ffmpeg write the first audio track of the source as it is, in float samples with
// a WAV header that says which channel is which. Nothing is mixed or resampled there, so that a
// sample which is no number can be found where it is.
func (w *worker) decodeArgs(s source) []string {
	args := append([]string{"-nostdin", "-v", "error"}, readArgs()...)
	// ffprobe has no list of decoders: it opens those of all tracks, pictures and texts too, and fails
	// where it may not. Here the only decoder that runs is one of sound.
	args = append(args, "-codec_whitelist", audio.Decoders(), "-guess_layout_max", "0")
	if s.codec == "ac3" || s.codec == "eac3" {
		args = append(args, "-drc_scale", "0") // The loudness as it was mixed, and not for a quiet room at night.
	}
	if s.manual() {
		args = append(args, "-flags2", "skip_manual")
	}
	enough := longestTrack + time.Second // One more than can be, to notice that there is more.
	return append(args,
		"-i", "file:"+job.SourceFile,
		"-map", "0:a:0", "-vn", "-sn", "-dn", "-map_metadata", "-1", "-fflags", "+bitexact",
		"-t", strconv.FormatFloat(enough.Seconds(), 'f', 3, 64),
		"-c:a", "pcm_f32le", "-f", "wav", "pipe:1")
}

// decode writes the job's source as the mix at path. A source that holds no sound, that ffmpeg
// cannot read, or that has a sample which is no number is a *rejection. With an error it returns at
// least how many frames the mix would have had.
func (w *worker) decode(ctx context.Context, j *spool.Job, path string) (decoded, error) {
	s, err := w.probe(ctx, j)
	if err != nil {
		return decoded{}, err
	}
	s.seconds = max(s.seconds, claimedByWAV(j.Path(job.SourceFile)))
	if err := w.checkBefore(j, s); err != nil {
		return decoded{frames: s.mixSize(j.Size) / mixFrameSize}, err
	}
	mix, err := createMix(w.createFile, path, framesOf(w.settings.limit()))
	if err != nil {
		return decoded{}, err
	}
	d, err := w.decodeInto(ctx, j, s, mix)
	if closed := mix.close(); closed != nil {
		err = closed // A full disk, most likely; ffmpeg then fails as well, for nothing.
	}
	if err != nil {
		return decoded{frames: mix.kept / mixFrameSize}, err
	}
	d.frames, d.tags, d.cover = mix.frames(), s.tags, s.cover
	d.warnings = append(s.warnings, d.warnings...)
	return d, w.settings.checkLength(j.Name, d.frames)
}

func (w *worker) decodeInto(ctx context.Context, j *spool.Job, s source, mix *mixFile) (decoded, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var damaged damage
	from, to := io.Pipe()
	c := command{
		what: "ffmpeg", path: w.settings.ffmpeg, args: w.decodeArgs(s), dir: j.Dir(),
		stdout: to, stderr: &lineWriter{line: damaged.count}, stall: w.settings.stall,
	}
	ended := make(chan error, 1)
	go func() {
		err := c.run(ctx)
		_ = to.CloseWithError(err)
		ended <- err
	}()
	d, err := w.mixDown(ctx, j, s, from, mix)
	_ = from.CloseWithError(io.ErrClosedPipe)
	if err != nil {
		stop()
	}
	if runErr := <-ended; err == nil || errors.Is(err, runErr) {
		err = undecodable(j.Name, runErr)
	}
	d.warnings = append(d.warnings, damaged.warnings()...)
	return d, err
}

// mixDown reads what ffmpeg writes, mixes it to stereo, brings it to where a player plays it, and
// to the mix's rate.
func (w *worker) mixDown(ctx context.Context, j *spool.Job, s source, from io.Reader, mix *mixFile) (d decoded, err error) {
	in, err := openStream(from)
	if errors.Is(err, io.EOF) {
		return d, nil // It holds no sound, or ffmpeg says why not.
	}
	if err != nil {
		return d, err
	}
	if in.rate > fastestRate {
		return d, &rejection{fmt.Sprintf("%q has %d samples a second, and at most %d can be brought to the %d that are separated. "+
			"Export the song again with fewer; then put it into input/ again.", j.Name, in.rate, fastestRate, mixRate)}
	}
	rate := float64(in.rate)
	a := &aligner{
		to: mix, pad: int64(math.Round(max(0, s.start) * rate)), skip: int64(math.Round(max(0, -s.start) * rate)),
	}
	if s.ends {
		a.end, a.slack = int64(math.Round(s.seconds*rate)), int64(missingSeconds*rate)
	}
	pad := a.pad
	var r *resampler
	if in.rate != mixRate {
		r = w.startResampler(ctx, in.rate, mixRate, mix)
		defer r.close()
		a.to = r
	}
	frames, err := in.mixDown(a)
	if bad := (*sampleError)(nil); errors.As(err, &bad) {
		return d, bad.rejection(j.Name, in.rate)
	}
	if err != nil {
		return d, err
	}
	d.rate, d.sourceFrames = in.rate, pad+a.written
	d.warnings = s.missing(float64(frames) / rate)
	if r == nil || a.written == 0 {
		return d, nil
	}
	if err := r.end(); err != nil {
		return d, err
	}
	want := resampledFrames(d.sourceFrames, in.rate, mixRate)
	if mix.frames() < want {
		return d, fmt.Errorf("ffmpeg made %d of %d frames at another sample rate", mix.frames(), want)
	}
	mix.cut(want)
	return d, nil
}

// undecodable turns an exit of ffmpeg into a rejection. Other errors are not the file's fault.
func undecodable(name string, err error) error {
	var failed *commandError
	var exit *exec.ExitError
	if errors.Is(err, errReadsOn) {
		return &rejection{fmt.Sprintf("%q could not be decoded: it is damaged, or it is no song: %v. "+
			"Check that it plays, or export it again as WAV, FLAC or MP3; then put it into input/ again.", name, err)}
	}
	if !errors.As(err, &failed) || !errors.As(failed.reason, &exit) || crashed(exit) {
		return err
	}
	return &rejection{fmt.Sprintf("%q could not be decoded: it is damaged, or it is of a kind that cannot be read here. "+
		"ffmpeg says: %s. Check that it plays, or export it again as WAV, FLAC or MP3; then put it into input/ again.",
		name, strings.TrimSuffix(plainLine(failed.said), "."))}
}

func noSound(name string) error {
	return &rejection{fmt.Sprintf("%q holds no sound: there is no audio track in it, or an empty one. "+
		"Export the song again as WAV, FLAC or MP3; then put it into input/ again.", name)}
}

func framesOf(d time.Duration) int64 { return int64(d.Seconds() * mixRate) }

// mixSize is how many bytes the mix will take, as far as the file's size and its bit rate bear out the
// length that it says. Without a bit rate only a little of that length is believed.
func (s *source) mixSize(size int64) int64 {
	most := float64(checkRoomEvery) / mixFrameSize / mixRate
	if s.bitRate > 0 {
		most = float64(size) * 8 / float64(s.bitRate)
	}
	return int64((min(s.seconds, most)+max(0, s.start))*mixRate) * mixFrameSize
}

// checkBefore rejects a track that is too long by what its file says, if the file is as large as
// that, and makes sure that the disk has room, so that neither is found out only after gigabytes.
func (w *worker) checkBefore(j *spool.Job, s source) error {
	size := s.mixSize(j.Size)
	longest := w.settings.limit() + time.Second
	if frames := size / mixFrameSize; frames > framesOf(longest) && (s.bitRate > 0 || s.start > longest.Seconds()) {
		return w.settings.checkLength(j.Name, frames)
	}
	if err := place.CheckRoom(j.Dir(), size+spareRoom); err != nil {
		return fmt.Errorf("not enough disk space to decode %q: %w", j.Name, err)
	}
	return nil
}

func (s *settings) limit() time.Duration {
	if s.longest > 0 {
		return s.longest
	}
	return longestTrack
}

// checkLength rejects a track that plays for longer than can be separated here, with how long
// it plays, how long it may, and what to change.
func (s *settings) checkLength(name string, frames int64) error {
	if frames == 0 {
		return noSound(name)
	}
	if frames <= framesOf(s.limit()) {
		return nil
	}
	plays := time.Duration(float64(frames) / mixRate * float64(time.Second)).Round(time.Millisecond)
	if plays > time.Minute {
		plays = plays.Round(time.Second)
	}
	length := plays.String()
	if plays > longestTrack {
		length = "more than " + longestTrack.String() // Nobody decoded the rest.
	}
	what := fmt.Sprintf("%q plays for %s, and at most %s can be separated in one piece", name, length, s.limit())
	if s.longest > 0 {
		return &rejection{what + " (-max-duration). Cut it into parts and put those into input/, or raise -max-duration."}
	}
	return &rejection{what + ". Cut it into parts and put those into input/."}
}

// filterTaps is how long the filter is, in samples of the lower rate. Together with the window, the
// response is flat to 0.001 dB up to 20 kHz of 44.1 kHz, and what would alias is 130 dB down:
// TestFfmpegResamplesWithoutLoss measures both. ffmpeg's own settings are 1.2 dB and 41 dB.
const filterTaps = 256

// resampleFilter is the filter of ffmpeg that changes the sample rate. It is of swresample, which
// every build has.
func resampleFilter(rate int) string {
	return fmt.Sprintf("aresample=%d:resampler=swr:filter_size=%d:cutoff=0.97:filter_type=kaiser:kaiser_beta=12", rate, filterTaps)
}

// resampledFrames is how many frames so many become at another rate. It is at least one.
func resampledFrames(frames int64, from, to int) int64 {
	whole, rest := frames/int64(from), frames%int64(from) // A product of rates is far below 2^63.
	return max(1, whole*int64(to)+(rest*int64(to)+int64(from)/2)/int64(from))
}

// A resampler is a running ffmpeg that changes the sample rate of raw stereo float samples. It has
// silence before and behind the samples, so that the first one stays the first: sample n plays at
// the same time before and after, to a fraction of a sample.
type resampler struct {
	in *io.PipeWriter
	// lead is how many frames of silence come before and behind.
	lead int64
	// led says that the silence before is written.
	led  bool
	stop context.CancelFunc
	// ended is closed when the process has ended, and err is how.
	ended chan struct{}
	err   error
}

// startResampler starts one that writes to out. Whoever starts it calls close when done with it, and
// cuts what out gets to resampledFrames.
func (w *worker) startResampler(ctx context.Context, from, to int, out io.Writer) *resampler {
	// After this many frames, both rates are at a sample at the same time.
	common := int64(from / divisor(from, to))
	enough := int64(filterTaps * max(1, (from+to-1)/to))
	lead := (enough + common - 1) / common * common
	read, write := io.Pipe()
	ctx, stop := context.WithCancel(ctx)
	r := &resampler{in: write, lead: lead, ended: make(chan struct{}), stop: stop}
	c := command{
		what: "ffmpeg, which changes the sample rate,", path: w.settings.ffmpeg, args: resampleArgs(from, to),
		stdin: read, stdout: &dropWriter{to: out, drop: lead * int64(to) / int64(from) * mixFrameSize}, stall: w.settings.stall,
	}
	go func() {
		r.err = c.run(ctx)
		_ = read.CloseWithError(cmp.Or(r.err, io.ErrClosedPipe))
		close(r.ended)
	}()
	return r
}

func resampleArgs(from, to int) []string {
	return []string{
		"-nostdin", "-hide_banner", "-v", "error", "-protocol_whitelist", "pipe",
		"-f", "f32le", "-ar", strconv.Itoa(from), "-ac", strconv.Itoa(mixChannels), "-i", "pipe:0",
		"-af", resampleFilter(to), "-f", "f32le", "pipe:1",
	}
}

// Write takes whole frames.
func (r *resampler) Write(p []byte) (int, error) {
	if !r.led {
		r.led = true
		if err := r.silence(); err != nil {
			return 0, err
		}
	}
	return r.in.Write(p)
}

func (r *resampler) silence() error {
	zeros := make([]byte, blockFrames*mixFrameSize)
	for left := r.lead; left > 0; left -= blockFrames {
		if _, err := r.in.Write(zeros[:min(left, blockFrames)*mixFrameSize]); err != nil {
			return err
		}
	}
	return nil
}

func (r *resampler) end() error {
	err := r.silence()
	_ = r.in.Close()
	<-r.ended
	return cmp.Or(r.err, err)
}

func (r *resampler) close() {
	r.stop()
	_ = r.in.CloseWithError(io.ErrClosedPipe)
	<-r.ended
}

func divisor(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// A dropWriter drops the first bytes.
type dropWriter struct {
	to   io.Writer
	drop int64
}

func (d *dropWriter) Write(p []byte) (int, error) {
	n := min(d.drop, int64(len(p)))
	d.drop -= n
	if n == int64(len(p)) {
		return len(p), nil
	}
	m, err := d.to.Write(p[n:])
	return int(n) + m, err
}

// checkWork rejects a song that would keep the worker busy for weeks with these options, and says which to lower.
func (s *settings) checkWork(name string, frames int64, o options.Options) error {
	plays := time.Duration(float64(frames) / mixRate * float64(time.Second)).Round(time.Millisecond)
	work := o.Work(plays)
	if work <= s.maxWork {
		return nil
	}
	return &rejection{fmt.Sprintf("%q would take too long: it plays for %s, which is the work of %.1f hours with -overlap=%g and -shifts=%d, and at most %.1f may be (-max-work). "+
		"Put it into input/ again with less overlap or fewer shifts, or cut it into parts; without options of its own it has DEMUCS_OVERLAP and DEMUCS_SHIFTS of .env.",
		name, plays, work.Hours(), *o.Overlap, *o.Shifts, s.maxWork.Hours())}
}
