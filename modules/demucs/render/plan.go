package render

import (
	"errors"
	"fmt"
	"slices"

	"github.com/im2-audio/im2/pipeline/options"
)

// mixInput is the index of the mix among the inputs; the stems follow in the order of the sources.
const mixInput = 0

// An output is a file to be made: the sum of the inputs, each times its factor.
type output struct {
	name    string
	factors []float64
}

func (o output) inputs() (n int) {
	for _, factor := range o.factors {
		if factor != 0 {
			n++
		}
	}
	return n
}

// same is the input that the output is a copy of, and false when it is something else.
func (o output) same() (input int, ok bool) {
	return slices.Index(o.factors, 1), o.inputs() == 1
}

// A plan says which files are made of what.
type plan struct {
	// inputs are the names of the raw files, "" for the mix.
	inputs  []string
	outputs []output
	// uses counts the outputs that still need an input.
	uses []int
}

// newPlan decides what is made of the stems of a model. instrumental is the name of the song without its vocals.
func newPlan(sources []string, o options.Options, instrumental string) (plan, error) {
	p := plan{inputs: append([]string{""}, sources...), uses: make([]int, 1+len(sources))}
	rest := -1
	if o.Sum == options.SumExact {
		if rest = slices.Index(sources, "other"); rest < 0 {
			return plan{}, errors.New(`the model has no stem "other" that could take what the stems lack of the mix; leave -sum=exact out`)
		}
	}
	stem := func(i int) []float64 {
		factors := make([]float64, len(p.inputs))
		factors[1+i] = 1
		if i == rest { // The mix without all the others.
			for j := range sources {
				factors[1+j] = -1
			}
			factors[mixInput], factors[1+i] = 1, 0
		}
		return factors
	}
	for _, name := range o.Names(sources) {
		if o.TwoStems != "" && name != o.TwoStems {
			p.outputs = append(p.outputs, output{name, theRest(stem, slices.Index(sources, o.TwoStems), len(sources))})
			continue
		}
		i := slices.Index(sources, name)
		if i < 0 {
			return plan{}, fmt.Errorf("the model has no stem %q: it has %q", name, sources)
		}
		p.outputs = append(p.outputs, output{name, stem(i)})
	}
	if o.Instrumental() {
		i := slices.Index(sources, "vocals")
		if i < 0 {
			return plan{}, fmt.Errorf("the model has no vocals that could be left out: it has %q", sources)
		}
		p.outputs = append(p.outputs, output{instrumental, theRest(stem, i, len(sources))})
	}
	for _, out := range p.outputs {
		for i, factor := range out.factors {
			if factor != 0 {
				p.uses[i]++
			}
		}
	}
	return p, nil
}

func theRest(stem func(int) []float64, but, stems int) []float64 {
	sum := make([]float64, 1+stems)
	for i := range stems {
		if i == but {
			continue
		}
		for j, factor := range stem(i) {
			sum[j] += factor
		}
	}
	return sum
}

// writeOrder is the order in which the least raw files are kept: what is made of many comes first.
func (p plan) writeOrder() []output {
	order := slices.Clone(p.outputs)
	slices.SortStableFunc(order, func(a, b output) int { return b.inputs() - a.inputs() })
	return order
}

// Room is how many bytes the raw stems and the files made of them take at most at any time, on top
// of the mix. Work, FFmpeg and Progress may be nil for that.
func (j *Job) Room() (int64, error) {
	r, err := newRenderer(*j)
	if err != nil {
		return 0, err
	}
	p, raw := r.plan, j.Frames*RawFrame
	now := raw * int64(len(j.Sources))
	most := now
	for _, uses := range p.uses {
		if uses == 0 {
			now -= raw
		}
	}
	for _, out := range p.writeOrder() {
		now += r.format.size(r.frames, r.rate)
		most = max(most, now)
		for i, factor := range out.factors {
			if factor == 0 {
				continue
			}
			if p.uses[i]--; p.uses[i] == 0 {
				now -= raw
			}
		}
	}
	return most, nil
}

// A format is a kind of file, and how its samples are written.
type format struct {
	// ext ends the names of the files.
	ext string
	// bits is 16 or 24 for whole numbers, 32 for float.
	bits int
	// full is the largest sample that is not clipped; 0 where there is no such thing.
	full float64
	// clamp cuts float samples off at full scale.
	clamp bool
}

func newFormat(o options.Options) (format, error) {
	f := format{ext: o.Format, clamp: o.Clip == options.Clamp}
	switch {
	case o.Format == options.MP3 && o.Bits == "":
		f.bits, f.full = 32, 1 // LAME takes float; what is above full scale clips when it is played.
	case o.Format == options.WAV && o.Bits == options.BitsFloat:
		f.bits = 32
	case (o.Format == options.WAV || o.Format == options.FLAC) && o.Bits == options.Bits16:
		f.bits, f.full = 16, (1<<15-1.0)/(1<<15)
	case (o.Format == options.WAV || o.Format == options.FLAC) && o.Bits == options.Bits24:
		f.bits, f.full = 24, (1<<23-1.0)/(1<<23)
	default:
		return format{}, fmt.Errorf("stems cannot be written as %q with %q bits", o.Format, o.Bits)
	}
	return f, nil
}

func (f format) takes(rate int) bool {
	switch f.ext {
	case options.MP3:
		return slices.Contains([]int{8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000}, rate)
	case options.FLAC: // RFC 9639, section 9.1.2: above 65535 Hz a frame has it in tens.
		return rate <= 65535 || (rate <= 655350 && rate%10 == 0)
	default:
		return true
	}
}

// size is how many bytes a file takes at most, headers apart.
func (f format) size(frames int64, rate int) int64 {
	if f.ext == options.MP3 {
		return int64(float64(frames)/float64(rate)*mp3Bits/8) + 1<<16
	}
	return frames * channels * int64(f.bits/8)
}
