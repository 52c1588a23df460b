package enginetest

import (
	_ "embed" // the voice
	"encoding/binary"
	"math"
	"math/rand/v2"
)

// rate is how many frames a second has.
const rate = 44100

// voice is a recording of speech, 16-bit mono at voiceRate; testdata/README.md says how it was made.
//
//go:embed testdata/voice.wav
var voice []byte

const (
	voiceRate   = 16000
	voiceHeader = 44
)

// Stereo is a left and a right channel.
type Stereo [2][]float32

// A Song is a mix with what was mixed: drums, bass, other and vocals. All but other are the same on
// the left and on the right.
type Song struct {
	Mix   Stereo
	Stems map[string]Stereo
}

// Music makes a song. The same length always gives the same song.
func Music(seconds float64) Song {
	m := &musician{frames: int(seconds * rate), held: map[float64][]float64{}, random: rand.New(rand.NewPCG(4, 44))} //nolint:gosec // the same song each time is wanted
	m.drums, m.bass, m.voice = m.silence(), m.silence(), m.silence()
	m.chords = [2][]float64{m.silence(), m.silence()}
	for beat := 0; m.at(float64(beat)) < m.frames; beat++ {
		m.drum(beat)
	}
	for bar := 0; m.at(float64(4*bar)) < m.frames; bar++ {
		m.harmony(bar)
	}
	m.sing()
	return m.mix()
}

// A musician plays into mono tracks, and the chords into two.
type musician struct {
	frames             int
	random             *rand.Rand
	drums, bass, voice []float64
	chords             [2][]float64
	held               map[float64][]float64 // notes of chords, which come again
}

func (m *musician) silence() []float64 { return make([]float64, m.frames) }

// at is the frame of a beat; there are 112 in a minute.
func (m *musician) at(beat float64) int { return int(beat * rate * 60 / 112) }

// play adds a sound of some seconds from a frame on.
func play(track []float64, from int, seconds float64, sound func(t float64) float64) {
	for i := range int(seconds * rate) {
		if from+i >= len(track) {
			return
		}
		track[from+i] += sound(float64(i) / rate)
	}
}

func sine(hertz, t float64) float64 { return math.Sin(2 * math.Pi * hertz * t) }

// noise is noise with its low frequencies taken away, twice for bright.
func (m *musician) noise(bright bool) func() float64 {
	var last, lastStep float64
	return func() float64 {
		x := m.random.NormFloat64()
		step := x - last
		curve := step - lastStep
		last, lastStep = x, step
		if bright {
			return curve / 4
		}
		return (x + step) / 3
	}
}

// drum plays a beat: a kick on 1 and 3, a snare on 2 and 4, and a hat on each half.
func (m *musician) drum(beat int) {
	kick := func(t float64) float64 {
		return math.Sin(2*math.Pi*(47*t+0.7*(1-math.Exp(-26*t)))) * math.Exp(-8*t)
	}
	from := m.at(float64(beat))
	if beat%2 == 0 {
		play(m.drums, from, 0.4, kick)
	} else {
		rattle := m.noise(false)
		play(m.drums, from, 0.3, func(t float64) float64 {
			return 0.5*sine(185, t)*math.Exp(-24*t) + 0.5*rattle()*math.Exp(-16*t)
		})
	}
	if beat%8 == 5 {
		play(m.drums, m.at(float64(beat)+0.5), 0.4, kick)
	}
	for half := range 2 {
		hiss := m.noise(true)
		loud := 0.4 - 0.15*float64(half)
		play(m.drums, m.at(float64(beat)+0.5*float64(half)), 0.1, func(t float64) float64 { return loud * hiss() * math.Exp(-45*t) })
	}
}

// pitch is the frequency of a key, 69 being the A of 440 Hz.
func pitch(key int) float64 { return 440 * math.Exp2(float64(key-69)/12) }

// harmony plays a bar of bass, a chord that is held, and a pluck that goes through it.
func (m *musician) harmony(bar int) {
	chord := [][]int{{45, 57, 60, 64}, {43, 55, 59, 62}, {41, 53, 57, 60}, {40, 52, 56, 59}}[bar%4]
	for eighth := range 8 {
		hertz := pitch(chord[0])
		if eighth%4 != 0 {
			hertz /= 2
		}
		play(m.bass, m.at(float64(4*bar)+float64(eighth)/2), 0.26, func(t float64) float64 {
			sum := 0.0
			for k := 1; k <= 12; k++ {
				sum += sine(hertz*float64(k), t) / float64(k)
			}
			return 0.5 * sum * math.Exp(-4*t) * min(1, 180*t)
		})
	}
	for i, key := range append(chord[1:4:4], chord[1]+12) {
		hertz, right := pitch(key)*(1+0.0004*float64(i)), 0.25+0.15*float64(i) // Each a little out of tune.
		held := m.hold(hertz, i)
		from := m.at(float64(4 * bar))
		for j, v := range held[:min(len(held), m.frames-from)] {
			m.chords[0][from+j] += (1 - right) * v
			m.chords[1][from+j] += right * v
		}
	}
	for sixteenth := range 16 {
		hertz := pitch(chord[1+sixteenth%3] + 12*(1+sixteenth/3%2))
		play(m.chords[sixteenth%2], m.at(float64(4*bar)+float64(sixteenth)/4), 0.3, func(t float64) float64 {
			return 0.25 * (sine(hertz, t) + 0.4*sine(2*hertz, t) + 0.2*sine(3*hertz, t)) * math.Exp(-11*t)
		})
	}
}

// hold is a note of a chord for a bar.
func (m *musician) hold(hertz float64, phase int) []float64 {
	if note, ok := m.held[hertz]; ok {
		return note
	}
	note := make([]float64, m.at(4))
	for k := 1; k <= 14; k++ {
		loud := 0.2 / math.Pow(float64(k), 1.3)
		play(note, 0, float64(len(note))/rate, func(t float64) float64 {
			return loud * math.Sin(2*math.Pi*hertz*float64(k)*t+float64(k*phase)) * min(1, 6*t) * math.Exp(-0.4*t)
		})
	}
	m.held[hertz] = note
	return note
}

// sing puts the voice into the song again and again, with a little of a room around it.
func (m *musician) sing() {
	samples := voice[voiceHeader:]
	recorded := make([]float64, len(samples)/2)
	for i := range recorded {
		recorded[i] = float64(int16(binary.LittleEndian.Uint16(samples[2*i:]))) / 32768
	}
	phrase := resample(recorded, voiceRate, rate)
	for from := rate / 2; from < m.frames; from += len(phrase) + rate {
		for _, echo := range []struct{ delay, gain float64 }{{0, 1}, {0.031, 0.16}, {0.047, -0.13}, {0.083, 0.1}, {0.127, -0.07}, {0.19, 0.05}} {
			for i, v := range phrase {
				if at := from + int(echo.delay*rate) + i; at < m.frames {
					m.voice[at] += echo.gain * v
				}
			}
		}
	}
}

// resample brings a recording to a higher rate: a sum of sinc functions, each with a window of 32
// samples to both sides.
func resample(x []float64, from, to int) []float64 {
	const side = 32
	y := make([]float64, len(x)*to/from)
	for i := range y {
		at := float64(i) * float64(from) / float64(to)
		for k := max(0, int(at)-side+1); k <= min(len(x)-1, int(at)+side); k++ {
			d := at - float64(k)
			weight := (1 + math.Cos(math.Pi*d/side)) / 2
			if d != 0 {
				weight *= math.Sin(math.Pi*d) / (math.Pi * d)
			}
			y[i] += weight * x[k]
		}
	}
	return y
}

// mix brings the tracks together, with a highest peak of 0.9.
func (m *musician) mix() Song {
	loudest := func(x []float64) float64 {
		peak := 0.0
		for _, v := range x {
			peak = max(peak, math.Abs(v))
		}
		return peak
	}
	names := []string{"drums", "bass", "other", "vocals"} // In one order, since sums are rounded.
	voiceGain := 0.6 / max(loudest(m.voice), 1e-9)
	tracks := map[string][2][]float64{
		"drums": {m.drums, m.drums}, "bass": {m.bass, m.bass}, "other": m.chords, "vocals": {m.voice, m.voice},
	}
	gains := map[string]float64{"drums": 0.55, "bass": 0.35, "other": 0.6, "vocals": voiceGain}
	peak := 0.0
	for channel := range 2 {
		sum := m.silence()
		for _, name := range names {
			for i, v := range tracks[name][channel] {
				sum[i] += gains[name] * v
			}
		}
		peak = max(peak, loudest(sum))
	}
	song := Song{Mix: Stereo{make([]float32, m.frames), make([]float32, m.frames)}, Stems: map[string]Stereo{}}
	for _, name := range names {
		var stem Stereo
		for channel := range 2 {
			stem[channel] = make([]float32, m.frames)
			for i, v := range tracks[name][channel] {
				stem[channel][i] = float32(v * gains[name] * 0.9 / peak)
				song.Mix[channel][i] += stem[channel][i]
			}
		}
		song.Stems[name] = stem
	}
	return song
}
