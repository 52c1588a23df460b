package htdemucs

import (
	"context"
	"fmt"
	"math/rand/v2"
)

// maxShift is the most silence that a shift puts before the song: half a second.
const maxShift = SampleRate / 2

// shiftSeed makes the shifts the same in each run. Any number would do.
const shiftSeed = 20221115

// pass is one separation of the whole song, from start on: 0, or the frame before the song with
// which it begins. done is the frame up to which no segment of this pass is missing.
type pass struct {
	start, done int64
	segments    int64 // how many are done
}

// passes are one for each shift, or one that is not shifted. A pass begins up to maxShift frames
// before the song.
func passes(shifts int) []pass {
	if shifts == 0 {
		return make([]pass, 1)
	}
	random := rand.New(rand.NewPCG(shiftSeed, shiftSeed)) //nolint:gosec // the same shifts in each run are wanted
	all := make([]pass, shifts)
	for i := range all {
		all[i].start = -random.Int64N(maxShift + 1)
		all[i].done = all[i].start
	}
	return all
}

// separation is a song in progress.
type separation struct {
	net       Network
	mix       Mix
	out       Sink
	frames    int64 // of the song
	stride    int64
	sources   int
	scale     scale
	transform *transform
	tails     [][spread]float64 // of each channel: what a tile leaves for the next one
	weights   []float64         // of the frames of a tile
	passes    []pass
	turn      int // the pass whose segment is next
	ring      ring
}

func newSeparation(net Network, mix Mix, out Sink, opt Options) *separation {
	stride, _ := opt.stride() // Segments found it right
	s := &separation{
		net: net, mix: mix, out: out,
		frames: mix.Frames(), stride: int64(stride), sources: len(net.Sources()),
		transform: newTransform(opt.Threads),
		weights:   make([]float64, tileHop+left),
		passes:    passes(opt.Shifts),
	}
	s.tails = make([][spread]float64, 2*s.sources)
	// One pass sends frames out while a segment is added: what two segments share remains, and a
	// tile. Several passes wait for each other: a whole segment remains, and their distance.
	size := int64(Segment-stride) + int64(len(s.weights))
	if len(s.passes) > 1 {
		size = Segment + maxShift + 1
	}
	s.ring = newRing(2*s.sources, int(min(size, s.frames)))
	return s
}

// next separates one segment, and sends out what is complete.
func (s *separation) next(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p := &s.passes[s.turn]
	c := s.chunk(p)
	spec, wave, err := s.run(ctx, c)
	if err != nil {
		return err
	}
	for tile := range tiles {
		if err := ctx.Err(); err != nil {
			return err
		}
		_, to := tileRange(tile)
		s.addTile(c, tile, spec, wave)
		p.done = max(p.done, min(c.begin+int64(to), c.at+s.stride, s.frames))
		if err := s.send(); err != nil {
			return err
		}
	}
	p.segments++
	s.advance()
	return nil
}

// advance gives the turn to the next pass that is not complete.
func (s *separation) advance() {
	for range s.passes {
		s.turn = (s.turn + 1) % len(s.passes)
		if s.passes[s.turn].done < s.frames {
			return
		}
	}
}

// chunk is the place of a segment in the song. The network sees the frames from begin on; the
// result is used from at to end.
type chunk struct {
	begin, at, end int64
	inPass         int64 // at, counted from the start of the pass
}

func (s *separation) chunk(p *pass) chunk {
	c := chunk{inPass: p.segments * s.stride}
	c.at = p.start + c.inPass
	c.end = min(c.at+Segment, s.frames)
	c.begin = c.at - (Segment-(c.end-c.at))/2
	return c
}

// run fills the network's inputs with a segment, normalized, and runs it.
func (s *separation) run(ctx context.Context, c chunk) (spec, wave []float32, err error) {
	mix, spec := s.net.Inputs()
	if len(mix) != 2*Segment || len(spec) != 4*Bins*Frames {
		return nil, nil, fmt.Errorf("separating: the network takes %d samples and %d of the transform, not 2*%d and 4*%d*%d",
			len(mix), len(spec), Segment, Bins, Frames)
	}
	from, to := max(0, c.begin), min(c.begin+Segment, s.frames)
	clear(mix)
	if from < to {
		l, r := mix[from-c.begin:to-c.begin], mix[Segment+from-c.begin:Segment+to-c.begin]
		if err := s.mix.ReadFrames(l, r, from); err != nil {
			return nil, nil, fmt.Errorf("reading %d frames of the mix from frame %d: %w", to-from, from, err)
		}
		s.scale.apply(l)
		s.scale.apply(r)
	}
	s.transform.forward(mix, spec)
	spec, wave, err = s.net.Run(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("separating the segment from frame %d: %w", c.begin, err)
	}
	if len(spec) != s.sources*4*Bins*Frames || len(wave) != s.sources*2*Segment {
		return nil, nil, fmt.Errorf("separating: the network gave %d values of the transform and %d samples for %d sources, not %d and %d",
			len(spec), len(wave), s.sources, s.sources*4*Bins*Frames, s.sources*2*Segment)
	}
	return spec, wave, nil
}

// addTile adds the frames of a tile to the ring, weighted, in all channels.
func (s *separation) addTile(c chunk, tile int, spec, wave []float32) {
	tileFrom, tileTo := tileRange(tile)
	from := max(c.begin+int64(tileFrom), c.at, 0)
	to := max(from, min(c.begin+int64(tileTo), c.end))
	weights := s.weights[:to-from]
	for i := range weights {
		inChunk := from + int64(i) - c.at
		weights[i] = weight(c.inPass+inChunk, inChunk, s.stride) / float64(len(s.passes))
	}
	skip := int(from - c.begin) // frames of the segment before the first used one
	s.transform.each(2*s.sources, func(w *worker, channel int) {
		samples := s.transform.inverseTile(w, spec[2*channel*Frames:], 4*s.sources*Frames, tile, s.tails[channel][:])
		if len(weights) > 0 {
			s.ring.add(channel, from, weights, samples[skip-tileFrom:], wave[channel*Segment+skip:])
		}
	})
}

// send writes what all passes have completed.
func (s *separation) send() error {
	until := s.frames
	for _, p := range s.passes {
		until = min(until, p.done)
	}
	for s.ring.at < until {
		n := s.ring.next(until)
		for stem := range s.sources {
			l, r := s.ring.take(2*stem, n), s.ring.take(2*stem+1, n)
			s.scale.undo(l)
			s.scale.undo(r)
			if err := s.out.WriteFrames(stem, l, r); err != nil {
				return fmt.Errorf("writing %d frames of %s from frame %d: %w", n, s.net.Sources()[stem], s.ring.at, err)
			}
		}
		s.ring.drop(n)
	}
	return nil
}
