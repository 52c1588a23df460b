package htdemucs

import (
	"context"
	"errors"
	"fmt"
	"runtime"
)

// What the network was made for.
const (
	SampleRate = 44100  // frames a second
	Segment    = 343980 // frames that the network takes at once
	FFTSize    = 4096   // samples of a frame of the transform
	Hop        = 1024   // samples from one frame of the transform to the next
	Frames     = 336    // frames of the transform in a segment
	Bins       = 2048   // bins of a frame, the highest left out
)

// Network separates one segment.
type Network interface {
	// Sources names what comes out, in the order of the outputs: drums, bass, other, vocals.
	Sources() []string
	// Inputs returns the arrays to be filled before Run: mix is [2][Segment], spec is
	// [Bins][4][Frames] (left re, left im, right re, right im). They are valid until Run or the
	// next Inputs, and hold anything.
	Inputs() (mix, spec []float32)
	// Run returns spec as [Bins][sources][4][Frames] and wave as [sources][2][Segment]. They are
	// valid until Inputs is called again, and are only read. The stem is the inverse transform of
	// spec plus wave. Values that are not finite are passed on.
	Run(ctx context.Context) (spec, wave []float32, err error)
}

// Mix is the song: stereo at SampleRate.
type Mix interface {
	// Frames is the length of the song.
	Frames() int64
	// ReadFrames fills left and right, which are equally long, with the frames from at on.
	// Nothing outside of the song is asked for.
	ReadFrames(left, right []float32, at int64) error
}

// Sink takes the stems, as many frames of each as the mix has.
type Sink interface {
	// WriteFrames takes the next frames of one stem, by its number in Sources. All stems get the
	// same frames before any gets more. The slices are valid during the call.
	WriteFrames(stem int, left, right []float32) error
}

// Options are the choices of Separate.
type Options struct {
	// Overlap is the part of a segment that the next one covers as well, 0 <= Overlap < 1. Usual
	// is 0.25.
	Overlap float64
	// Shifts is how often the song is separated, each time shifted by a different amount. 0 is
	// once and not shifted.
	Shifts int
	// Threads is how many threads the signal processing uses, 0 for one for each processor. The
	// network has its own.
	Threads int
}

// maxShifts bounds what a wrong setting costs: each shift is one more separation.
const maxShifts = 1000

// stride is the distance of segments.
func (o Options) stride() (int, error) {
	if !(o.Overlap >= 0 && o.Overlap < 1) { // false for NaN
		return 0, fmt.Errorf("overlap %v is not between 0 and 1 (1 excluded)", o.Overlap)
	}
	stride := int((1 - o.Overlap) * Segment)
	if stride < 1 {
		return 0, fmt.Errorf("overlap %v leaves no distance between segments of %d frames", o.Overlap, Segment)
	}
	return stride, nil
}

// Segments tells how often the network runs for a song of so many frames.
func (o Options) Segments(frames int64) (int, error) {
	stride, err := o.stride()
	if err != nil {
		return 0, err
	}
	if o.Shifts < 0 || o.Shifts > maxShifts {
		return 0, fmt.Errorf("shifts %d are not between 0 and %d", o.Shifts, maxShifts)
	}
	if frames < 1 {
		return 0, errors.New("the mix has no frames")
	}
	total := 0
	for _, p := range passes(o.Shifts) {
		total += int((frames - p.start + int64(stride) - 1) / int64(stride))
	}
	return total, nil
}

// Separate writes the stems of mix to out. It returns the first error of the network, the mix or
// the sink, or that of the context. Where progress is not nil, it is called now and then before the first
// segment, and after each, with how many there are.
func Separate(ctx context.Context, net Network, mix Mix, out Sink, opt Options, progress func(done, total int)) error {
	frames := mix.Frames()
	total, err := opt.Segments(frames)
	if err != nil {
		return fmt.Errorf("separating: %w", err)
	}
	if len(net.Sources()) == 0 {
		return errors.New("separating: the network has no sources")
	}
	if opt.Threads < 1 {
		opt.Threads = runtime.GOMAXPROCS(0)
	}
	if progress == nil {
		progress = func(int, int) {}
	}
	scale, err := measure(ctx, net, mix, func() { progress(0, total) })
	if err != nil {
		return err
	}
	s := newSeparation(net, mix, out, opt)
	s.scale = scale
	progress(0, total)
	for done := 1; done <= total; done++ {
		if err := s.next(ctx); err != nil {
			return err
		}
		progress(done, total)
	}
	return nil
}
