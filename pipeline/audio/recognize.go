// Package audio is the one table of the kinds of files that are taken as songs. The watcher
// recognizes them by their content with it, and the demucs service tells ffmpeg with it what it
// may take a file for and how it may decode it.
//
// The watcher has no decoder, so it rejects only what is positively something else: a text, a
// picture, an archive, a program, a list of files. What it does not know is taken, and the
// decoder decides.
//
// No demuxer in the table opens other files or the network, as those of playlists, scripts and
// stream descriptions do (hls, dash, concat, sdp, image2 and others). No decoder in it is one for
// pictures: those of a video, or a cover, are not touched.
package audio

import (
	"slices"
	"strings"
)

// HeadSize is how much of a file's beginning the signatures need, in bytes.
const HeadSize = 512

// unknown is what mimetype calls content that it knows nothing of.
const unknown = "application/octet-stream"

// soundless are media types that begin with audio/ and hold no sound: notes, and lists of
// other files.
var soundless = []string{"audio/midi", "audio/mpegurl", "audio/x-mpegurl", "audio/x-scpls"}

// Recognize decides about a file by its first bytes and by what mimetype says about it. It
// returns the media type to record, and whether the file may be a song. What is neither in the
// table nor known to be something else may be one.
func Recognize(head []byte, detected string) (mediaType string, mayBe bool) {
	for _, k := range kinds {
		if slices.ContainsFunc(k.Signatures, func(s Signature) bool { return s.matches(head) }) {
			return k.Own, true
		}
	}
	name, _, _ := strings.Cut(detected, ";")
	switch {
	case slices.Contains(soundless, name):
		return detected, false
	case name == unknown, strings.HasPrefix(name, "audio/"):
		return detected, true
	}
	return detected, slices.ContainsFunc(kinds, func(k Kind) bool { return slices.Contains(k.MediaTypes, name) })
}

func (s Signature) matches(head []byte) bool {
	for _, p := range s {
		if len(head) < p.At || !strings.HasPrefix(string(head[p.At:]), p.Bytes) {
			return false
		}
	}
	return true
}

// decoders are the decoders of sound that ffmpeg may use. Some have two for one codec, of which a
// build may lack one.
var decoders = []string{
	// samples as they are
	"pcm_alaw", "pcm_mulaw", "pcm_vidc", "pcm_s8", "pcm_s8_planar", "pcm_u8",
	"pcm_s16le", "pcm_s16be", "pcm_s16le_planar", "pcm_s16be_planar", "pcm_u16le", "pcm_u16be",
	"pcm_s24le", "pcm_s24be", "pcm_s24le_planar", "pcm_u24le", "pcm_u24be",
	"pcm_s32le", "pcm_s32be", "pcm_s32le_planar", "pcm_u32le", "pcm_u32be", "pcm_s64le", "pcm_s64be",
	"pcm_f16le", "pcm_f24le", "pcm_f32le", "pcm_f32be", "pcm_f64le", "pcm_f64be",
	"pcm_bluray", "pcm_dvd", "s302m",
	"dsd_lsbf", "dsd_msbf", "dsd_lsbf_planar", "dsd_msbf_planar", "dst",
	// lossless
	"alac", "als", "ape", "flac", "mlp", "truehd", "tak", "tta", "wavpack", "wmalossless",
	// lossy
	"aac", "aac_fixed", "aac_latm", "libfdk_aac", "ac3", "ac3_fixed", "eac3", "dca",
	"mp1", "mp1float", "mp2", "mp2float", "mp3", "mp3float", "mp3adu", "mp3adufloat", "mp3on4", "mp3on4float",
	"mpc7", "mpc8", "vorbis", "libvorbis", "opus", "libopus", "speex", "libspeex",
	"wmav1", "wmav2", "wmapro", "wmavoice", "atrac1", "atrac3", "atrac3plus", "atrac3al", "atrac3plusal",
	"amrnb", "amrwb", "libopencore_amrnb", "libopencore_amrwb", "evrc", "qcelp", "gsm", "gsm_ms", "libgsm", "libgsm_ms",
	"ilbc", "libilbc", "g722", "g723_1", "g726", "g726le", "g729", "nellymoser", "qdm2", "qdmc", "truespeech", "mace3", "mace6",
	"8svx_exp", "8svx_fib", "adpcm_ima_qt", "adpcm_ima_wav", "adpcm_ms", "adpcm_swf", "adpcm_yamaha", "adpcm_g722", "adpcm_g726",
	"adpcm_ct", "adpcm_sbpro_2", "adpcm_sbpro_3", "adpcm_sbpro_4",
}

// Decoders is the list as ffmpeg's option -codec_whitelist takes it.
func Decoders() string { return strings.Join(decoders, ",") }
