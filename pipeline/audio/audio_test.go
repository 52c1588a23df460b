package audio

import (
	"os"
	"slices"
	"strings"
	"testing"
)

func TestRecognize(t *testing.T) {
	t.Parallel()
	ts := "\x47" + strings.Repeat("x", 187)
	tests := []struct {
		head, detected, want string
		mayBe                bool
	}{
		{"RIFF", "audio/wav", "audio/wav", true},
		{"RF64\xff\xff\xff\xffWAVE", unknown, "audio/wav", true},
		{"FORM\x00\x00\x00\x00AIFC", unknown, "audio/aiff", true},
		{"FORM\x00\x00\x00\x00ILBM", unknown, unknown, true},
		{"caff\x00\x01", "text/plain; charset=utf-8", "audio/x-caf", true}, // what has a signature is no text
		{"wvpk", unknown, "audio/x-wavpack", true},
		{"TTA1", unknown, "audio/x-tta", true},
		{"riff\x2e\x91\xcf\x11", unknown, "audio/x-w64", true},
		{"\x0b\x77\x01", unknown, "audio/ac3", true},
		{"\x7f\xfe\x80\x01", unknown, "audio/vnd.dts", true},
		{"DSD \x1c\x00", unknown, "audio/x-dsf", true},
		{"FRM8\x00\x00\x00\x00\x00\x00\x00\x40DSD ", unknown, "audio/x-dff", true},
		{ts + ts + ts, unknown, "video/mp2t", true},
		{ts, "text/plain", "text/plain", false},
		{"", unknown, unknown, true},
		{"\x01\x9f", "application/octet-stream", unknown, true},
		{"x", "video/matroska", "video/matroska", true},
		{"x", "audio/some-new-kind", "audio/some-new-kind", true},
		{"x", "audio/midi", "audio/midi", false},
		{"x", "audio/x-mpegurl", "audio/x-mpegurl", false},
		{"x", "text/html; charset=utf-8", "text/html; charset=utf-8", false},
		{"x", "image/png", "image/png", false},
		{"x", "application/zip", "application/zip", false},
		{"x", "application/pdf", "application/pdf", false},
		{"x", "application/x-elf", "application/x-elf", false},
	}
	for _, tt := range tests {
		if got, mayBe := Recognize([]byte(tt.head), tt.detected); got != tt.want || mayBe != tt.mayBe {
			t.Errorf("Recognize(%.20q, %q) = %q, %v; want %q, %v", tt.head, tt.detected, got, mayBe, tt.want, tt.mayBe)
		}
	}
}

// A signature needs the media type that it stands for, no name is there twice, and all of the
// signatures are within what is read of a file.
func TestTheTableAgreesWithItself(t *testing.T) {
	t.Parallel()
	var names []string
	for _, k := range kinds {
		if k.Name == "" || len(k.Demuxers) == 0 || (len(k.Signatures) > 0) != (k.Own != "") {
			t.Errorf("%+v", k)
		}
		for _, s := range k.Signatures {
			for _, p := range s {
				if p.At+len(p.Bytes) > HeadSize || p.Bytes == "" {
					t.Errorf("%s: %+v", k.Name, p)
				}
			}
		}
		names = append(names, k.Demuxers...)
		if got, ok := OfDemuxer("x," + k.Demuxers[0]); !ok || got.Name != k.Name {
			t.Errorf("OfDemuxer(%q) = %q", k.Demuxers[0], got.Name)
		}
	}
	for _, all := range [][]string{names, decoders} {
		sorted := slices.Sorted(slices.Values(all))
		if len(slices.Compact(slices.Clone(sorted))) != len(sorted) {
			t.Errorf("a name is there twice: %q", sorted)
		}
	}
	if Demuxers() != strings.Join(names, ",") || Decoders() != strings.Join(decoders, ",") {
		t.Error("the lists are not the table's")
	}
	if _, ok := OfDemuxer("hls"); ok {
		t.Error("a playlist is a kind")
	}
}

// The worker's ffmpeg is compiled with what the table has: a name that is in one of them alone would be a kind of song that
// cannot be read, or a decoder that nothing needs.
func TestFfmpegIsCompiledWithTheTable(t *testing.T) {
	t.Parallel()
	compiled := func(file string) []string {
		text, err := os.ReadFile("../../modules/demucs/ffmpeg/" + file)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Fields(string(text))
	}
	decoders := slices.DeleteFunc(strings.Split(Decoders(), ","), func(name string) bool { return strings.HasPrefix(name, "lib") }) // of other libraries
	if got := compiled("decoders"); !slices.Equal(got, decoders) {
		t.Errorf("decoders are %q, want %q", got, decoders)
	}
	// What the worker itself writes and reads again, besides.
	if got, want := compiled("demuxers"), append(strings.Split(Demuxers(), ","), "f32le", "s16le", "s24le"); !slices.Equal(got, want) {
		t.Errorf("demuxers are %q, want %q", got, want)
	}
}
