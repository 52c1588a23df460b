// Package render turns what the separation engine made into the files that people get.
//
// The engine leaves one raw file for each stem of its model: 32-bit float samples, little-endian,
// stereo, at the rate of the mix. Render reads all of them beside the mix once, in blocks. In that
// pass it makes sure that the engine worked (each wrong result is a FaultError), measures how well the
// stems add up to the mix, and finds the peaks. Then it writes one file after the other: the sums
// that the options ask for, scaled, at the rate of the source, rounded and encoded. A raw file is
// removed as soon as no other file needs it.
//
// Samples of 16 and 24 bits are rounded to the nearest step, without dither: a stem is mixed and
// processed again, and the sum of the files stays as close to the mix as it can be. What is above
// full scale becomes full scale in them, also with options.ClipNone; a float file keeps it.
//
// ffmpeg changes the rate and encodes FLAC and MP3. It gets samples on its standard input and
// writes into a file that is already open: no name of a file is among its arguments.
package render

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"time"

	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/peaks"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/tags"
)

const (
	// MixRate is the rate of the mix and of the raw stems in Hz.
	MixRate = 44100
	// RawFrame is how many bytes one frame takes in them.
	RawFrame = channels * rawSample
	// RawExt ends the names of the raw files.
	RawExt = ".f32"

	channels  = 2
	rawSample = 4
	// blockFrames is how much is in memory of each file at a time.
	blockFrames = 8192
	// usualSum is what the stems of music reach at least, in dB; less of it is a warning.
	usualSum = 20
	// audibleGain is the least change, in dB, that people are told of.
	audibleGain = 0.01
)

// A Process is one run of ffmpeg.
type Process struct {
	// What names it in errors.
	What string
	Args []string
	// Stdin and Stdout are its standard input and output; nil for none.
	Stdin  io.Reader
	Stdout io.Writer
	// File is the process's file descriptor 3; nil for none.
	File *os.File
}

// A Job is a song whose stems are to be finished.
type Job struct {
	// Work is the folder that everything is in.
	Work *os.Root
	// Mix is the name of the raw mix; Raw and Out are the folders of the raw stems and of the
	// files to make. Out must exist.
	Mix, Raw, Out string
	// Frames is how long the mix and each stem are.
	Frames int64
	// Sources are the stems of the model, each of which has a raw file.
	Sources []string
	// Options must have all fields set that the finishing needs.
	Options options.Options
	// SourceRate is the sample rate of the song in Hz, and SourceFrames its length at that rate;
	// 0 where they are not known. They count only for options.RateSource.
	SourceRate   int
	SourceFrames int64
	// Instrumental is the name of the file without vocals, without extension, if Options ask for one.
	Instrumental string
	// Tags are the song's. Each file gets them, with its stem in the title: "Song (Vocals)".
	Tags tags.Tags
	// FFmpeg runs ffmpeg.
	FFmpeg func(ctx context.Context, p Process) error
	// Progress is called now and then, by one goroutine at a time; nil for nobody.
	Progress func(done, total int)
}

// Made is what came of a Job.
type Made struct {
	// Files are the names of the files, in the order in which people are told of them.
	Files []string
	// Gain is what all samples were multiplied with; 1 when they were not changed.
	Gain float64
	// SumDB is how much louder the mix is than what all stems of the model together lack of it,
	// at most 200; nil when the mix is silent.
	SumDB *float64
	// Rate is the sample rate of the files in Hz, Frames their length.
	Rate   int
	Frames int64
	// Peaks are what the waveforms of the files are drawn from, measured at the rate of the mix.
	Peaks peaks.Peaks
	// Warnings are for the person who listens to the files.
	Warnings []string
}

// Render checks the raw stems and writes the files. A *FaultError is returned when the engine made
// something wrong. A full disk is ENOSPC.
func Render(ctx context.Context, job Job) (Made, error) {
	r, err := newRenderer(job)
	if err != nil {
		return Made{}, err
	}
	found, err := r.examine(ctx)
	if err != nil {
		return Made{}, err
	}
	if err := r.dropUnneeded(); err != nil {
		return Made{}, err
	}
	gain, err := r.gainFor(ctx, found.waves)
	if err != nil {
		return Made{}, err
	}
	for _, out := range r.plan.writeOrder() {
		if err := r.write(ctx, out, gain); err != nil {
			return Made{}, fmt.Errorf("writing the stem %q: %w", out.name, err)
		}
	}
	return r.made(found, gain), nil
}

// Check reads the mix and the raw stems, and makes nothing of them. A *FaultError is returned when the
// engine made something wrong.
func Check(ctx context.Context, job Job) error {
	r, err := newRenderer(job)
	if err != nil {
		return err
	}
	_, err = r.examine(ctx)
	return err
}

type renderer struct {
	Job
	plan   plan
	format format
	// rate and frames are the sample rate and the length of the files.
	rate     int
	frames   int64
	progress progress
}

func newRenderer(job Job) (*renderer, error) {
	p, err := newPlan(job.Sources, job.Options, job.Instrumental)
	if err != nil {
		return nil, err
	}
	f, err := newFormat(job.Options)
	if err != nil {
		return nil, err
	}
	if job.Frames <= 0 {
		return nil, errors.New("finishing the stems: the mix is empty")
	}
	r := &renderer{Job: job, plan: p, format: f}
	r.rate, r.frames = outputLength(job.Options, f, job.Frames, job.SourceRate, job.SourceFrames)
	passes := 1 + len(p.outputs)
	if r.mustMeasure() {
		passes += len(p.outputs)
	}
	r.progress = progress{total: int64(passes) * job.Frames, tell: job.Progress}
	return r, nil
}

// outputLength is the rate of the files and how many frames they have.
func outputLength(o options.Options, f format, frames int64, rate int, sourceFrames int64) (int, int64) {
	if o.Rate != options.RateSource || rate <= 0 || rate == MixRate || !f.takes(rate) {
		return MixRate, frames
	}
	if sourceFrames > 0 {
		return rate, sourceFrames
	}
	return rate, int64(math.Round(float64(frames) * float64(rate) / MixRate))
}

// dropUnneeded removes the raw files that no file is made of.
func (r *renderer) dropUnneeded() error {
	for i := range r.plan.inputs {
		if r.plan.uses[i] == 0 {
			if err := r.drop(i); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *renderer) drop(input int) error {
	if err := r.Work.Remove(r.path(input)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing a raw stem: %w", err)
	}
	return nil
}

func (r *renderer) path(input int) string {
	if input == mixInput {
		return r.Mix
	}
	return r.Raw + "/" + r.plan.inputs[input] + RawExt
}

// gainFor decides by how much all samples are multiplied: by one, unless a peak would not fit and
// the options want all stems to be scaled alike.
func (r *renderer) gainFor(ctx context.Context, waves []*peaks.Meter) (float64, error) {
	if r.Options.Clip != options.Rescale || r.format.full == 0 {
		return 1, nil
	}
	most := 0.0
	for _, wave := range waves {
		most = max(most, wave.Loudest())
	}
	if r.mustMeasure() { // Between the samples a signal may go higher.
		most = 0
		for _, out := range r.plan.outputs {
			meter := &meter{}
			if err := r.feed(ctx, out, meter); err != nil {
				return 0, fmt.Errorf("measuring the stem %q: %w", out.name, err)
			}
			most = max(most, meter.peak)
		}
	}
	if most <= r.format.full {
		return 1, nil
	}
	return r.format.full / most, nil
}

// mustMeasure reports whether the peaks of the raw stems say too little about those of the files.
func (r *renderer) mustMeasure() bool {
	return r.rate != MixRate && r.Options.Clip == options.Rescale && r.format.full > 0
}

// write makes one file, and removes the inputs that were needed for it last.
func (r *renderer) write(ctx context.Context, out output, gain float64) (err error) {
	name := r.Out + "/" + out.name + "." + r.format.ext
	file, err := r.Work.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, place.FileMode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if r.format.ext == options.WAV {
		err = r.writeWAV(ctx, out, gain, file)
	} else {
		err = r.encode(ctx, out, gain, file)
	}
	if err != nil {
		return err
	}
	for i, factor := range out.factors {
		if factor == 0 {
			continue
		}
		if r.plan.uses[i]--; r.plan.uses[i] == 0 {
			err = errors.Join(err, r.drop(i))
		}
	}
	return err
}

func (r *renderer) made(found findings, gain float64) Made {
	sum := found.sum
	m := Made{Gain: gain, SumDB: sum, Rate: r.rate, Frames: r.frames}
	stems := make([]peaks.Stem, len(r.plan.outputs))
	for i, out := range r.plan.outputs {
		file := out.name + "." + r.format.ext
		m.Files = append(m.Files, file)
		stems[i] = found.waves[i].Stem(file, gain)
	}
	m.Peaks = peaks.New(r.Frames, MixRate, stems)
	if quieter := -20 * math.Log10(gain); quieter >= audibleGain {
		m.Warnings = append(m.Warnings, fmt.Sprintf("all stems were made quieter by %.2f dB, so that none of them clips; "+
			"choose 24 bits or float, or another clip mode, to change that", quieter))
	}
	if sum != nil && *sum < usualSum {
		m.Warnings = append(m.Warnings, fmt.Sprintf("the stems of the model add up to the song only within %.1f dB; for music it is %d dB or more",
			*sum, usualSum))
	}
	if r.Options.Rate == options.RateSource && r.SourceRate > 0 && r.rate != r.SourceRate {
		m.Warnings = append(m.Warnings, fmt.Sprintf("%s files cannot have the song's sample rate of %d Hz; these have %d Hz",
			r.format.ext, r.SourceRate, r.rate))
	}
	return m
}

// progress turns frames into percent, and tells each percent once.
type progress struct {
	done, total int64
	told        int
	tell        func(done, total int)
}

func (p *progress) add(frames int64) {
	p.done += frames
	percent := int(min(p.done*100/p.total, 100))
	if percent > p.told && p.tell != nil {
		p.told = percent
		p.tell(percent, 100)
	}
}

// A FaultError is something wrong in the raw stems. It most likely comes of the engine, its weights or
// the machine; who charges a song with it must find out first that another sound comes out right.
type FaultError struct {
	// Stem is where it is; empty when it is in all of them.
	Stem string
	// Channel is 0 for left and 1 for right; -1 when it is in both.
	Channel int
	// Frame is where it begins; -1 when it is everywhere.
	Frame int64
	// What is wrong.
	What string
}

// Error names stem, channel and time.
func (f *FaultError) Error() string {
	where := "in the stems"
	if f.Stem != "" {
		where = fmt.Sprintf("in the stem %q", f.Stem)
	}
	switch f.Channel {
	case 0:
		where += ", left channel"
	case 1:
		where += ", right channel"
	}
	if f.Frame >= 0 {
		where += ", at " + clock(f.Frame)
	}
	return fmt.Sprintf("the separation engine made a wrong result: %s: %s; this is most likely a fault of the engine, its weights or the machine",
		where, f.What)
}

func clock(frame int64) string {
	at := time.Duration(float64(frame) / MixRate * float64(time.Second)).Round(time.Millisecond)
	text := fmt.Sprintf("%d:%02d.%03d", int(at.Minutes())%60, int(at.Seconds())%60, at.Milliseconds()%1000)
	if hours := int(at.Hours()); hours > 0 {
		text = fmt.Sprintf("%d:%02d:%02d.%03d", hours, int(at.Minutes())%60, int(at.Seconds())%60, at.Milliseconds()%1000)
	}
	return text
}
