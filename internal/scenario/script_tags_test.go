package scenario_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"image"
	"image/jpeg"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/dhowden/tag"
	"github.com/go-audio/wav"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/im2-audio/im2/pipeline/peaks"
)

// An id3Tag is put before an MP3 file, by hand: no program of the pipeline writes it.
type id3Tag struct{ frames []byte }

// add adds a frame with a text in UTF-8, valid or not, and what is behind it.
func (t *id3Tag) add(name, text string) {
	t.frames = append(append(t.frames, name...), syncsafe(len(text)+1)...)
	t.frames = append(append(t.frames, 0, 0, 3), text...)
}

func (t *id3Tag) before(sound []byte) []byte {
	return slices.Concat([]byte("ID3\x04\x00\x00"), syncsafe(len(t.frames)), t.frames, sound)
}

// syncsafe is a length of 28 bits as ID3v2.4 has it.
func syncsafe(n int) []byte {
	return binary.BigEndian.AppendUint32(nil, uint32(n&0x7f|n<<1&0x7f00|n<<2&0x7f0000|n<<3&0x7f000000))
}

// cmdTag copies an MP3 file with an ID3v2.4 tag of these frames, and a cover that it writes to a file as well. "-" is no cover.
func cmdTag(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: tag IN.mp3 OUT.mp3 COVER.jpg FRAME=TEXT...")
	}
	sound, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	var all id3Tag
	for _, arg := range args[3:] {
		name, text, _ := strings.Cut(arg, "=")
		all.add(name, strings.ReplaceAll(text, "|", "\x00"))
	}
	if args[2] != "-" {
		var cover bytes.Buffer
		ts.Check(jpeg.Encode(&cover, image.NewGray(image.Rect(0, 0, 300, 300)), nil))
		ts.Check(os.WriteFile(ts.MkAbs(args[2]), cover.Bytes(), 0o644))
		all.add("APIC", "image/jpeg\x00\x03\x00"+cover.String())
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), all.before(sound), 0o644))
}

// cmdBadTags copies an MP3 file with a tag that has a title of 1 MB with control characters, 5,000 tags that no program knows,
// a picture of 200 MB, and one that is a page.
func cmdBadTags(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, args, 2, "bad-tags IN.mp3 OUT.mp3")
	sound, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	var all id3Tag
	all.add("TIT2", "\u202eBad\r\n\x1b[2J"+strings.Repeat("\x01\x1f<b>../..\\\u2066", 1<<20/16))
	all.add("TPE1", "\xff\xfe\xc3"+strings.Repeat("n", 1<<20))
	for i := range 5000 {
		all.add("TXXX", fmt.Sprintf("name %d\x00text", i))
	}
	all.add("APIC", "image/png\x00\x04\x00<svg onload=alert(1)>")
	all.add("APIC", "image/jpeg\x00\x03\x00\xff\xd8"+strings.Repeat("\x00", 200_000_000))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), all.before(sound), 0o644))
}

// cmdNearPeaks fails unless two peaks.json say the same, but for so many steps.
func cmdNearPeaks(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, args, 3, "near-peaks FILE FILE STEPS")
	var both [2]peaks.Peaks
	for i := range both {
		ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[i])), &both[i]))
	}
	steps, err := strconv.Atoi(args[2])
	ts.Check(err)
	a, b := both[0], both[1]
	if a.Bins != b.Bins || a.Bins < 1000 || a.DurationSeconds != b.DurationSeconds || len(a.Stems) != len(b.Stems) {
		ts.Fatalf("%d bins of %v s and %d stems; %d bins of %v s and %d stems", a.Bins, a.DurationSeconds, len(a.Stems), b.Bins, b.DurationSeconds, len(b.Stems))
	}
	for i, s := range a.Stems {
		for bin := range a.Bins {
			if o := b.Stems[i]; s.File != o.File || max(s.Min[bin]-o.Min[bin], o.Min[bin]-s.Min[bin], s.Max[bin]-o.Max[bin], o.Max[bin]-s.Max[bin]) > steps {
				ts.Fatalf("%s, bin %d: %d to %d; %s: %d to %d", s.File, bin, s.Min[bin], s.Max[bin], o.File, o.Min[bin], o.Max[bin])
			}
		}
	}
}

// cmdTagged fails unless other libraries than the pipeline's read a text from a FLAC, MP3 or WAV file that matches the pattern
// as a whole.
func cmdTagged(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, args, 3, "tagged FILE NAME PATTERN")
	file, err := os.Open(ts.MkAbs(args[0]))
	ts.Check(err)
	defer file.Close() //nolint:errcheck // only read
	said := make(map[string]string)
	if strings.HasSuffix(args[0], ".wav") {
		in := wav.NewDecoder(file)
		if in.ReadMetadata(); in.Metadata != nil {
			said["title"], said["artist"] = in.Metadata.Title, in.Metadata.Artist
		}
		ts.Check(in.Err())
	} else {
		m, err := tag.ReadFrom(file)
		ts.Check(err)
		for name, value := range m.Raw() {
			said[strings.ToLower(name)] = fmt.Sprint(value)
		}
		said["title"], said["artist"] = m.Title(), m.Artist()
	}
	if got := said[args[1]]; !regexp.MustCompile("^(?:" + args[2] + ")$").MatchString(got) {
		ts.Fatalf("%s is %q in %s, which has %q", args[1], got, args[0], said)
	}
}
