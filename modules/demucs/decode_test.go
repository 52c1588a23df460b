package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/im2-audio/im2/pipeline/audio"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

func TestOpenStream(t *testing.T) {
	t.Parallel()
	good := floatWAV(48000, 6, 0x3f, make([]float32, 12))
	list := slices.Concat(good[:12], []byte("LIST\x03\x00\x00\x00abc\x00"), good[12:])
	patched := func(at int, with ...byte) []byte {
		b := bytes.Clone(good)
		copy(b[at:], with)
		return b
	}
	tests := []struct {
		name string
		data []byte
		want error
	}{
		{"plain", good, nil},
		{"with another chunk", list, nil},
		{"nothing", nil, io.EOF},
		{"cut off", good[:30], io.ErrUnexpectedEOF},
		{"text", []byte("this is no WAV file"), errNoStream},
		{"whole numbers", patched(44, 1), errNoStream},
		{"64 bits", patched(34, 64), errNoStream},
		{"no channels", patched(22, 0, 0), errNoStream},
		{"thousands of channels", patched(22, 0, 16), errNoStream},
		{"no rate", patched(24, 0, 0, 0, 0), errNoStream},
		{"samples before the format", slices.Concat(good[:12], []byte("data\xff\xff\xff\xff")), errNoStream},
		{"a chunk without end", slices.Concat(good[:12], []byte("LIST\xff\xff\xff\x7f")), errNoStream},
	}
	for _, tt := range tests {
		s, err := openStream(bytes.NewReader(tt.data))
		if !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
			t.Errorf("%s: %v; want %v", tt.name, err, tt.want)
		}
		if err != nil {
			continue
		}
		var out bytes.Buffer
		if n, err := s.mixDown(&out); n != 2 || err != nil || out.Len() != 2*mixFrameSize || s.rate != 48000 || s.layout[3] != lowFrequency {
			t.Errorf("%s: %d frames, %v; %+v", tt.name, n, err, s)
		}
	}
}

func TestAligner(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		a     aligner
		parts []int // how many frames are written at once; they count from 1
		want  []float32
	}{
		{"as it is", aligner{}, []int{2, 1}, []float32{1, 2, 3}},
		{"late", aligner{pad: 2}, []int{1, 1}, []float32{0, 0, 1, 2}},
		{"early", aligner{skip: 2}, []int{1, 2, 1}, []float32{3, 4}},
		{"earlier than it is long", aligner{skip: 9}, []int{1, 2}, nil},
		{"with an end", aligner{end: 3, slack: 5}, []int{2, 2, 2}, []float32{1, 2, 3}},
		{"early with an end", aligner{skip: 1, end: 3, slack: 5}, []int{6}, []float32{2, 3, 4}},
		{"much longer than it says", aligner{end: 2, slack: 2}, []int{3, 1, 1, 1}, []float32{1, 2, 3, 4, 5, 6}},
	}
	for _, tt := range tests {
		var out bytes.Buffer
		tt.a.to = &out
		next := float32(1)
		for _, n := range tt.parts {
			var part []byte
			for range n {
				part = binary.LittleEndian.AppendUint64(part, uint64(math.Float32bits(next)))
				next++
			}
			if m, err := tt.a.Write(part); m != len(part) || err != nil {
				t.Fatalf("%s: Write = %d, %v", tt.name, m, err)
			}
		}
		var got []float32
		for data := out.Bytes(); len(data) > 0; data = data[mixFrameSize:] {
			got = append(got, math.Float32frombits(binary.LittleEndian.Uint32(data)))
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v; want %v", tt.name, got, tt.want)
		}
	}
}

func TestZero(t *testing.T) {
	t.Parallel()
	at := func(milliseconds int64) probedStream {
		return probedStream{StartPTS: &milliseconds, TimeBase: "1/1000"}
	}
	tests := []struct {
		name   string
		times  audio.Times
		begin  float64
		tracks []probedStream
		want   float64 // when the track begins for a player
	}{
		{"video first", audio.Relative, 1.9, []probedStream{at(1400), at(1900)}, 0.5},
		{"sound first", audio.Relative, 1.4, []probedStream{at(1400), at(1900)}, 0},
		{"an encoder's own samples are before zero", audio.Relative, 0, []probedStream{at(-7)}, 0},
		{"samples before zero", audio.Relative, -0.021, []probedStream{at(0), at(-21)}, -0.021},
		{"nothing else, and late", audio.Absolute, 0.5, []probedStream{at(500)}, 0.5},
		{"nothing is known", audio.Relative, 3, []probedStream{{}}, 0},
	}
	for _, tt := range tests {
		s := source{kind: audio.Kind{Times: tt.times}}
		if got := tt.begin - s.zero(tt.tracks, tt.begin); math.Abs(got-tt.want) > 1e-9 {
			t.Errorf("%s: %g; want %g", tt.name, got, tt.want)
		}
	}
}

func TestClaimedByWAV(t *testing.T) {
	t.Parallel()
	good := floatWAV(1000, 2, 3, make([]float32, 4000)) // two seconds
	size := func(n uint32) []byte {
		b := bytes.Clone(good)
		binary.LittleEndian.PutUint32(b[64:], n)
		return b
	}
	for name, tt := range map[string]struct {
		data []byte
		want float64
	}{
		"whole": {good, 2}, "cut": {good[:100], 2}, "too large": {size(80_000), 10}, "endless": {size(0xffff_ffff), 0},
		"unknown": {size(0x7fff_f000), 0}, "text": {[]byte(strings.Repeat("text", 20)), 0}, "short": {good[:20], 0},
	} {
		if got := claimedByWAV(writeTemp(t, "a.wav", tt.data)); got != tt.want {
			t.Errorf("%s: %g s; want %g", name, got, tt.want)
		}
	}
	if got := claimedByWAV("/none/such"); got != 0 {
		t.Errorf("no file: %g s", got)
	}
}

// What is no length is not known: a file can say anything.
func TestSeconds(t *testing.T) {
	t.Parallel()
	ticks := func(n int64) *int64 { return &n }
	for _, tt := range []struct {
		track probedStream
		tag   string
		want  float64
	}{
		{track: probedStream{Duration: ticks(90_000), TimeBase: "1/1000"}, want: 90},
		{track: probedStream{Duration: ticks(-1), TimeBase: "1/1000"}},
		{track: probedStream{Duration: ticks(math.MaxInt64), TimeBase: "1/1000"}},
		{tag: "01:02:03.5", want: 3723.5},
		{tag: "0:0:nan"},
		{tag: "0:0:inf"},
		{tag: "0:0:-inf"},
		{tag: "0:0:1e300"},
		{tag: "-1:0:0"},
		{tag: "9223372036854775807:0:0"},
		{track: probedStream{StartPTS: ticks(2000), TimeBase: "1/1000"}, tag: "0:0:3", want: 1},
	} {
		tt.track.Tags = map[string]string{"DURATION": tt.tag}
		if got := (&probed{}).seconds(&tt.track, true); got != tt.want {
			t.Errorf("%v: %g; want %g", tt.track, got, tt.want)
		}
	}
}

// A length counts as far as the size of the file bears it out.
func TestMixSize(t *testing.T) {
	t.Parallel()
	const day = 86400
	for _, tt := range []struct {
		s    source
		size int64
		want int64
	}{
		{source{seconds: 60, bitRate: 8000}, 60_000, 60 * mixRate * mixFrameSize},
		{source{seconds: day, bitRate: 8000}, 60_000, 60 * mixRate * mixFrameSize},
		{source{seconds: 60}, 100, 60 * mixRate * mixFrameSize},
		{source{seconds: 60, start: 1}, 100, 61 * mixRate * mixFrameSize},
		{source{seconds: day}, 100, checkRoomEvery},
		{source{}, 100, 0},
	} {
		if got := tt.s.mixSize(tt.size); got != tt.want {
			t.Errorf("%+v, %d bytes: %d; want %d", tt.s, tt.size, got, tt.want)
		}
	}
}

func TestDamage(t *testing.T) {
	t.Parallel()
	var d damage
	w := &lineWriter{line: d.count}
	_, err := io.WriteString(w, "[pcm_s24le @ 0x1] Invalid PCM packet, data has size 4 but at least a size of 6 was expected\n"+
		"Error while decoding stream #0:0: Invalid data found when processing input\n")
	spooltest.Must(t, err)
	if d.packets != 0 || d.warnings() != nil {
		t.Errorf("the end of a file is damage: %d", d.packets)
	}
	for i, line := range []string{
		"Error while decoding stream #0:0: Invalid data found when processing input",
		"[aist#0:0/mp3 @ 0x1] [dec:mp3float @ 0x2] Error submitting packet to decoder: Invalid data found when processing input",
		"[aist#0:0/flac @ 0x1] [dec:flac @ 0x2] Decoding error: Invalid data found when processing input",
	} {
		_, err := io.WriteString(w, line+"\n")
		spooltest.Must(t, err)
		if d.packets != i+1 || len(d.warnings()) != 1 {
			t.Errorf("%d packets after %q", d.packets, line)
		}
	}
}

// FuzzClaimedByWAV: whatever a header says, the time is one that can be compared, and finding it ends.
func FuzzClaimedByWAV(f *testing.F) {
	good := floatWAV(1000, 2, 3, make([]float32, 40))
	f.Add(good)
	f.Add(good[:40])
	f.Add(append(bytes.Clone(good[:12]), bytes.Repeat([]byte("JUNK\xff\xff\xff\xff"), 100)...))
	f.Fuzz(func(t *testing.T, data []byte) {
		if got := claimedByWAV(writeTemp(t, "a.wav", data)); math.IsNaN(got) || got < 0 || got > 1<<32 {
			t.Errorf("%g s", got)
		}
	})
}

// FuzzStream: a header that ffmpeg was made to write is refused, or has a rate.
func FuzzStream(f *testing.F) {
	f.Add(floatWAV(1000, 2, 3, make([]float32, 40)))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := openStream(bytes.NewReader(data))
		if err == nil && s.rate <= 0 {
			t.Errorf("accepted %+v", s)
		}
	})
}
