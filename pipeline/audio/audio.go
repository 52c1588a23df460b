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

// Largest is how many bytes a song may have unless the watcher is told otherwise: the longest track that is separated, a day in 8
// channels of 32 bits at 192 kHz.
const Largest = 531_000_000_000

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
	"8svx_exp", "8svx_fib", "adpcm_ima_qt", "adpcm_ima_wav", "adpcm_ms", "adpcm_swf", "adpcm_yamaha",
	"adpcm_ct", "adpcm_sbpro_2", "adpcm_sbpro_3", "adpcm_sbpro_4",
}

// Decoders is the list as ffmpeg's option -codec_whitelist takes it.
func Decoders() string { return strings.Join(decoders, ",") }

// A Kind is one kind of file.
type Kind struct {
	// Name is what people call it.
	Name string
	// Demuxers are the names that ffmpeg has for it; the first is the one of "ffmpeg -demuxers".
	Demuxers []string
	// MediaTypes are what github.com/gabriel-vasile/mimetype calls its content; none where that
	// does not know it.
	MediaTypes []string
	// Signatures tell it where the media type does not. Own is the media type to record then.
	Signatures []Signature
	Own        string
	// Times says what the times in the file count from.
	Times Times
}

// Times says what the times in a file count from, which decides what silence is before a track
// that begins later.
type Times int

const (
	// None is for files with one track, which begins where it begins.
	None Times = iota
	// Relative is for files whose first track is what a player begins with; what is before the
	// file's own zero is not played.
	Relative
	// Absolute is for files that mean their own zero, whatever begins first.
	Absolute
)

// A Signature is bytes at a place in a file. All of its parts must match.
type Signature []Part

// A Part is bytes at an offset.
type Part struct {
	At    int
	Bytes string
}

func begins(with string) Signature { return Signature{{0, with}} }

// kinds is the table.
var kinds = []Kind{
	{
		Name: "WAV", Demuxers: []string{"wav"}, MediaTypes: []string{"audio/wav"},
		Signatures: []Signature{begins("RF64"), begins("BW64")}, Own: "audio/wav",
	},
	{
		Name: "Wave64", Demuxers: []string{"w64"},
		Signatures: []Signature{begins("riff\x2e\x91\xcf\x11")}, Own: "audio/x-w64",
	},
	{
		Name: "AIFF", Demuxers: []string{"aiff"}, MediaTypes: []string{"audio/aiff"},
		Signatures: []Signature{{{0, "FORM"}, {8, "AIFC"}}}, Own: "audio/aiff",
	},
	{Name: "CAF", Demuxers: []string{"caf"}, Signatures: []Signature{begins("caff")}, Own: "audio/x-caf"},
	{Name: "AU", Demuxers: []string{"au"}, MediaTypes: []string{"audio/basic"}},
	{Name: "VOC", Demuxers: []string{"voc"}, MediaTypes: []string{"audio/x-unknown"}},
	{Name: "MP3", Demuxers: []string{"mp3"}, MediaTypes: []string{"audio/mpeg"}},
	{Name: "AAC", Demuxers: []string{"aac"}, MediaTypes: []string{"audio/aac"}},
	{Name: "AAC in LATM", Demuxers: []string{"loas"}},
	{Name: "FLAC", Demuxers: []string{"flac"}, MediaTypes: []string{"audio/flac"}},
	{
		Name: "Ogg", Demuxers: []string{"ogg"}, Times: Relative,
		MediaTypes: []string{"audio/ogg", "application/ogg", "video/ogg"},
	},
	{
		Name: "WavPack", Demuxers: []string{"wv"},
		Signatures: []Signature{begins("wvpk")}, Own: "audio/x-wavpack",
	},
	{Name: "TTA", Demuxers: []string{"tta"}, Signatures: []Signature{begins("TTA1")}, Own: "audio/x-tta"},
	{Name: "TAK", Demuxers: []string{"tak"}, Signatures: []Signature{begins("tBaK")}, Own: "audio/x-tak"},
	{Name: "Monkey's Audio", Demuxers: []string{"ape"}, MediaTypes: []string{"audio/ape"}},
	{Name: "Musepack", Demuxers: []string{"mpc", "mpc8"}, MediaTypes: []string{"audio/musepack"}},
	{Name: "AC-3", Demuxers: []string{"ac3"}, Signatures: []Signature{begins("\x0b\x77")}, Own: "audio/ac3"},
	{Name: "E-AC-3", Demuxers: []string{"eac3"}}, // begins as AC-3 does
	{
		Name: "DTS", Demuxers: []string{"dts"}, Own: "audio/vnd.dts",
		// Big and little endian, in words of 16 and of 14 bits.
		Signatures: []Signature{begins("\x7f\xfe\x80\x01"), begins("\xfe\x7f\x01\x80"), begins("\x1f\xff\xe8\x00"), begins("\xff\x1f\x00\xe8")},
	},
	{Name: "DTS-HD", Demuxers: []string{"dtshd"}, Signatures: []Signature{begins("DTSHDHDR")}, Own: "audio/vnd.dts.hd"},
	{Name: "TrueHD", Demuxers: []string{"truehd", "mlp"}},
	{Name: "DSF", Demuxers: []string{"dsf"}, Signatures: []Signature{begins("DSD \x1c")}, Own: "audio/x-dsf"},
	{
		Name: "DSDIFF", Demuxers: []string{"iff"}, // with the other formats of IFF, 8SVX among them
		Signatures: []Signature{{{0, "FRM8"}, {12, "DSD "}}}, Own: "audio/x-dff",
	},
	{Name: "AMR", Demuxers: []string{"amr"}, MediaTypes: []string{"audio/amr"}},
	{Name: "QCP", Demuxers: []string{"qcp"}, MediaTypes: []string{"audio/qcelp"}},
	{
		Name: "MP4 and QuickTime", Demuxers: []string{"mov", "mp4", "m4a", "3gp", "3g2", "mj2"}, Times: Absolute,
		MediaTypes: []string{"audio/mp4", "audio/x-m4a", "video/mp4", "video/x-m4v", "video/quicktime", "video/3gpp", "video/3gpp2"},
	},
	{
		Name: "Matroska and WebM", Demuxers: []string{"matroska", "webm"}, Times: Relative,
		MediaTypes: []string{"video/webm", "video/matroska"},
	},
	{Name: "ASF and WMA", Demuxers: []string{"asf"}, Times: Relative, MediaTypes: []string{"video/x-ms-asf"}},
	{Name: "AVI", Demuxers: []string{"avi"}, Times: Relative, MediaTypes: []string{"video/x-msvideo"}},
	{Name: "MPEG", Demuxers: []string{"mpeg", "mpegvideo"}, Times: Relative, MediaTypes: []string{"video/mpeg"}},
	{
		Name: "MPEG transport stream", Demuxers: []string{"mpegts"}, Times: Relative, Own: "video/mp2t",
		// Packets of 188 bytes, or of 192 with a time before each.
		Signatures: []Signature{{{0, "\x47"}, {188, "\x47"}, {376, "\x47"}}, {{4, "\x47"}, {196, "\x47"}, {388, "\x47"}}},
	},
	{Name: "FLV", Demuxers: []string{"flv"}, Times: Relative, MediaTypes: []string{"video/x-flv"}},
}

// OfDemuxer returns the kind that ffmpeg means by a demuxer's name, such as "mov,mp4,m4a".
func OfDemuxer(name string) (Kind, bool) {
	for one := range strings.SplitSeq(name, ",") {
		i := slices.IndexFunc(kinds, func(k Kind) bool { return slices.Contains(k.Demuxers, one) })
		if i >= 0 {
			return kinds[i], true
		}
	}
	return Kind{}, false
}

// Demuxers is the table as ffmpeg's option -format_whitelist takes it.
func Demuxers() string {
	var names []string
	for _, k := range kinds {
		names = append(names, k.Demuxers...)
	}
	return strings.Join(names, ",")
}
