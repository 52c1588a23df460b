// Package peaks measures what a waveform is drawn from. The file peaks.json beside the stems of a song has it, so that
// a page can draw them without reading them.
//
// A song is divided into bins of the same length, to a frame: of F frames, bin i of B has those from i*F/B to (i+1)*F/B.
// Of each stem and bin, peaks.json has the lowest and the highest sample of all channels, as whole numbers from -Full to Full:
//
//	{"version":1,"duration_seconds":215.4,"bins":1200,"full":127,
//	 "stems":[{"file":"vocals.wav","min":[0,-3,...],"max":[0,4,...]},...]}
//
// It has at most 70 kB for six stems.
package peaks

import (
	"encoding/json"
	"math"
)

const (
	// Version is that of the format. Who reads another one draws no waveform.
	Version = 1
	// Full stands for full scale.
	Full = 127
	// MostBins is how many bins a song has, unless it has fewer frames.
	MostBins = 1200
)

// Peaks is what peaks.json holds.
type Peaks struct {
	Version         int     `json:"version"`
	DurationSeconds float64 `json:"duration_seconds"`
	// Bins is the length of each list.
	Bins int `json:"bins"`
	Full int `json:"full"`
	// Stems are in the order in which people are told of them.
	Stems []Stem `json:"stems"`
}

// A Stem is one audio file.
type Stem struct {
	// File is its name.
	File string `json:"file"`
	// Min and Max are the lowest and the highest sample of each bin.
	Min []int `json:"min"`
	Max []int `json:"max"`
}

// New returns the Peaks of stems that have so many frames at a rate in Hz.
func New(frames int64, rate int, stems []Stem) Peaks {
	return Peaks{Version: Version, DurationSeconds: float64(frames) / float64(rate), Bins: bins(frames), Full: Full, Stems: stems}
}

// Bytes returns the content of peaks.json, the same for the same Peaks.
func (p Peaks) Bytes() ([]byte, error) {
	data, err := json.Marshal(p)
	return append(data, '\n'), err
}

func bins(frames int64) int { return int(max(0, min(frames, MostBins))) }

// A Meter measures one stem.
type Meter struct {
	frames   int64
	channels int
	low      []float32
	high     []float32
	// at is the next frame, bin the one that it is in, and end the first frame after that.
	at, end int64
	bin     int
}

// NewMeter returns a Meter for a stem of so many frames.
func NewMeter(frames int64, channels int) *Meter {
	m := &Meter{frames: frames, channels: channels, low: make([]float32, bins(frames)), high: make([]float32, bins(frames))}
	for i := range m.low {
		m.low[i], m.high[i] = float32(math.Inf(1)), float32(math.Inf(-1))
	}
	m.end = m.endOf(0)
	return m
}

func (m *Meter) endOf(bin int) int64 {
	if len(m.low) == 0 {
		return 0
	}
	return int64(bin+1) * m.frames / int64(len(m.low))
}

// Add measures the next frames. Samples of the channels are in turn; full scale is 1. What is no number is skipped, and so
// is what comes after the last frame.
func (m *Meter) Add(samples []float32) {
	for len(samples) >= m.channels && m.bin < len(m.low) {
		frames := min(m.end-m.at, int64(len(samples)/m.channels))
		n := int(frames) * m.channels
		low, high := m.low[m.bin], m.high[m.bin]
		for _, x := range samples[:n] {
			if x < low {
				low = x
			}
			if x > high {
				high = x
			}
		}
		m.low[m.bin], m.high[m.bin] = low, high
		samples = samples[n:]
		if m.at += frames; m.at == m.end {
			m.bin++
			m.end = m.endOf(m.bin)
		}
	}
}

// Loudest returns the largest sample so far, whatever its sign.
func (m *Meter) Loudest() float64 {
	most := 0.0
	for i := range m.low {
		if m.low[i] <= m.high[i] {
			most = max(most, float64(m.high[i]), -float64(m.low[i]))
		}
	}
	return most
}

// Stem returns what was measured, times a gain. A bin of which nothing came is silent.
func (m *Meter) Stem(file string, gain float64) Stem {
	s := Stem{File: file, Min: make([]int, len(m.low)), Max: make([]int, len(m.low))}
	for i := range m.low {
		if m.low[i] <= m.high[i] {
			s.Min[i], s.Max[i] = nearest(m.low[i], gain), nearest(m.high[i], gain)
		}
	}
	return s
}

func nearest(x float32, gain float64) int {
	return int(math.Round(max(-1, min(1, float64(x)*gain)) * Full))
}
