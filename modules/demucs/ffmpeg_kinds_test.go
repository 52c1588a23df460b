//go:build unix

package main

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/im2-audio/im2/pipeline/spooltest"
)

// A kindTest is a file of one kind that the known sound is put into.
type kindTest struct {
	name string
	// rate is the sound's, in Hz.
	rate int
	// args are those of ffmpeg that make the file; make writes what ffmpeg cannot.
	args []string
	make func(rate int, samples []float32) []byte
	// before and behind are put around what ffmpeg makes.
	before func() []byte
	// noise is how far below the sound, in decibels, everything else must be.
	noise float64
	// late is by how many samples at 44.1 kHz it may come late: encoders without a way to say so
	// put their own silence before the sound.
	late int
	// early is by how many it may come early: what was before it was damaged, and people are told.
	early int
	// longer is by how many of these the end may come late.
	longer int
	// gain is the level; 0 means 1.
	gain float64
	// picture says that the file is a video.
	picture bool
}

// kindTests are the kinds of files with one track. Those that are not lossless are made well enough
// that the known sound, which is simple, comes through.
func kindTests() []kindTest {
	const exact, lossy = 90, 25
	video := []string{"-c:v", "mpeg2video", "-r", "25"}
	return []kindTest{
		{name: "float.wav", rate: 44100, args: []string{"-c:a", "pcm_f32le"}, noise: exact},
		{name: "16 bit.wav", rate: 48000, args: []string{"-c:a", "pcm_s16le"}, noise: 70},
		{name: "24 bit.wav", rate: 96000, args: []string{"-c:a", "pcm_s24le"}, noise: exact},
		{name: "8 bit.wav", rate: 44100, args: []string{"-c:a", "pcm_u8"}, noise: 30},
		{name: "64 bit.wav", rate: 384000, args: []string{"-c:a", "pcm_f64le"}, noise: exact},
		{name: "adpcm.wav", rate: 44100, args: []string{"-c:a", "adpcm_ima_wav"}, noise: 20, longer: 4100},
		{name: "low.wav", rate: 8000, args: []string{"-c:a", "pcm_s24le"}, noise: exact},
		{name: "rf64.wav", rate: 44100, args: []string{"-c:a", "pcm_s24le", "-rf64", "always"}, noise: exact},
		{name: "a.w64", rate: 44100, args: []string{"-c:a", "pcm_s24le"}, noise: exact},
		{name: "a.aiff", rate: 44100, args: []string{"-c:a", "pcm_s24be"}, noise: exact},
		{name: "aiff-c.aiff", rate: 44100, args: []string{"-c:a", "pcm_f32be"}, noise: exact},
		{name: "little.aiff", rate: 44100, args: []string{"-c:a", "pcm_s16le"}, noise: 70},
		{name: "a.caf", rate: 44100, args: []string{"-c:a", "pcm_f32le"}, noise: exact},
		{name: "alac.caf", rate: 44100, args: []string{"-c:a", "alac"}, noise: 70},
		{name: "a.au", rate: 44100, args: []string{"-c:a", "pcm_s24be"}, noise: exact},
		{name: "a.voc", rate: 44100, args: []string{"-c:a", "pcm_s16le"}, noise: 70},
		{name: "a.flac", rate: 48000, args: []string{"-sample_fmt", "s32"}, noise: exact},
		{name: "a.wv", rate: 44100, args: []string{"-sample_fmt", "fltp"}, noise: exact},
		{name: "a.tta", rate: 44100, args: []string{"-sample_fmt", "s32"}, noise: exact},
		{name: "alac.m4a", rate: 44100, args: []string{"-c:a", "alac", "-sample_fmt", "s32p"}, noise: exact},
		{name: "flac.mka", rate: 44100, args: []string{"-c:a", "flac", "-sample_fmt", "s32"}, noise: exact},
		{name: "flac.oga", rate: 44100, args: []string{"-c:a", "flac", "-sample_fmt", "s32", "-f", "ogg"}, noise: exact},
		{name: "truehd.thd", rate: 48000, args: []string{"-c:a", "truehd", "-strict", "-2"}, noise: 70, longer: 200},
		{name: "pcm.avi", rate: 44100, args: []string{"-c:a", "pcm_s16le"}, noise: 70},
		// ffmpeg takes full modulation for full scale, which SACDs leave 6 dB below; its filter is late by
		// a fraction of a sample.
		{name: "dsd.dsf", rate: 2822400, make: dsf, noise: 28, gain: 0.5, late: 1, longer: 600},
		{name: "dsd.dff", rate: 2822400, make: dff, noise: 28, gain: 0.5, late: 1, longer: 600},

		{name: "a.mp3", rate: 44100, args: []string{"-c:a", "libmp3lame", "-b:a", "320k"}, noise: lossy},
		{name: "after junk.mp3", rate: 44100, args: mp3Frames, before: junk, early: 1152, noise: lossy, late: 2300, longer: 4000},
		{name: "after a tag of another size.mp3", rate: 44100, args: mp3Frames, before: wrongTag, noise: lossy, late: 2300, longer: 4000},
		{name: "a.mp2", rate: 44100, args: []string{"-c:a", "mp2", "-b:a", "384k"}, noise: lossy, late: 482, longer: 2400},
		{name: "vorbis.ogg", rate: 44100, args: []string{"-c:a", "libvorbis", "-q:a", "9"}, noise: lossy},
		{name: "a.opus", rate: 48000, args: []string{"-c:a", "libopus", "-b:a", "256k"}, noise: lossy},
		{name: "opus.webm", rate: 48000, args: []string{"-c:a", "libopus", "-b:a", "256k"}, noise: lossy, late: 44},
		{name: "a.m4a", rate: 44100, args: []string{"-c:a", "aac", "-b:a", "320k"}, noise: lossy},
		{name: "aac.mka", rate: 44100, args: []string{"-c:a", "aac", "-b:a", "320k"}, noise: lossy, late: 1068, longer: 2100},
		{name: "a.aac", rate: 44100, args: []string{"-c:a", "aac", "-b:a", "320k"}, noise: lossy, late: 1024, longer: 2100},
		{name: "a.latm", rate: 44100, args: []string{"-c:a", "aac", "-b:a", "320k", "-f", "latm"}, noise: lossy, late: 1024, longer: 2100},
		{name: "a.wma", rate: 44100, args: []string{"-c:a", "wmav2", "-b:a", "320k"}, noise: lossy, late: 2092, longer: 6200},
		{name: "a.ac3", rate: 48000, args: []string{"-c:a", "ac3", "-b:a", "640k"}, noise: lossy, late: 236, longer: 1700},
		{name: "a.eac3", rate: 48000, args: []string{"-c:a", "eac3", "-b:a", "640k"}, noise: lossy, late: 236, longer: 1700},
		{name: "a.dts", rate: 48000, args: []string{"-c:a", "dca", "-strict", "-2", "-b:a", "1411k"}, noise: lossy, late: 512, longer: 1200},
		// Here the first thing is what the encoder of the sound put before it.
		{name: "a.ts", rate: 48000, args: append([]string{"-c:a", "mp2", "-b:a", "384k"}, video...), picture: true, noise: lossy, late: 442, longer: 1200},
		{name: "a.m2ts", rate: 48000, args: append([]string{"-c:a", "ac3", "-b:a", "640k"}, video...), picture: true, noise: lossy, late: 236, longer: 1700},
		{name: "a.mpg", rate: 44100, args: append([]string{"-c:a", "mp2", "-b:a", "384k"}, video...), picture: true, noise: lossy, late: 482, longer: 1200},
		{name: "a.mp4", rate: 44100, args: []string{"-c:a", "aac", "-b:a", "320k", "-c:v", "mpeg4"}, picture: true, noise: lossy},
		{name: "a.flv", rate: 44100, args: []string{"-c:a", "aac", "-b:a", "320k", "-c:v", "flv"}, picture: true, noise: lossy, late: 1100, longer: 2100},
	}
}

// mp3Frames make an MP3 without the frame that says how much of it is padding.
var mp3Frames = []string{"-c:a", "libmp3lame", "-b:a", "320k", "-write_xing", "0", "-id3v2_version", "0"}

// junk is as much as some programs leave before the first frame of an MP3.
func junk() []byte {
	data := make([]byte, 64<<10)
	for i, x := 0, uint32(1); i < len(data); i++ {
		x = x*1664525 + 1013904223
		data[i] = byte(x >> 24)
	}
	return data
}

// wrongTag is an ID3v2 tag that says it is 300 bytes long, and has 5,000.
func wrongTag() []byte {
	return append([]byte("ID3\x03\x00\x00\x00\x00\x02\x2c"), make([]byte, 5000)...)
}

// Every kind of file gives the sound that was put in: as loud in each channel, with nothing else,
// at the same time and for as long.
func TestFfmpegDecodesFilesOfManyKinds(t *testing.T) {
	t.Parallel()
	ffmpeg := realFFmpeg(t)
	for _, tt := range kindTests() {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			mix, d, err := decodeReal(t, ffmpeg, tt.file(t))
			spooltest.Must(t, err)
			left, right := readMix(t, mix)
			gain := tt.gain
			if gain == 0 {
				gain = 1
			}
			for i, got := range []likeness{
				compare(left, 0, func(t float64) float64 { l, _ := sweep(t); return l }),
				compare(right, 0, func(t float64) float64 { _, r := sweep(t); return r }),
			} {
				if got.lag < -tt.early || got.lag > tt.late || got.noise < tt.noise || math.Abs(got.gain/gain-1) > 0.02 {
					t.Errorf("channel %d is %+v; want a lag of at most %d, a gain of %g, and noise %g dB below", i, got, tt.late, gain, tt.noise)
				}
			}
			want := int64(math.Round(kindSeconds * mixRate))
			if d.frames < want-int64(tt.early) || d.frames > want+int64(tt.longer) {
				t.Errorf("%d frames; want %d, and at most %d more", d.frames, want, tt.longer)
			}
			if len(d.warnings) > 0 && tt.early == 0 {
				t.Errorf("warnings = %q", d.warnings)
			}
		})
	}
}

// kindSeconds is how long the known sound is in each file.
const kindSeconds = 1.2

// file makes the file.
func (tt *kindTest) file(t *testing.T) string {
	t.Helper()
	if tt.make != nil {
		return writeTemp(t, tt.name, tt.make(tt.rate, sweepFrames(tt.rate, kindSeconds)))
	}
	args := []string{"-i", writeTemp(t, "known.wav", floatWAV(tt.rate, 2, 3, sweepFrames(tt.rate, kindSeconds)))}
	if tt.picture {
		args = append(args, "-f", "lavfi", "-i", "color=size=64x64:rate=25:duration=1.2")
	}
	path := sound(t, tt.name, slices.Concat(args, tt.args)...)
	if tt.before != nil {
		data, err := os.ReadFile(path)
		spooltest.Must(t, err)
		path = writeTemp(t, filepath.Base(path), append(tt.before(), data...))
	}
	return path
}
