package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strconv"
)

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
