package scenario_test

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// makeKinds makes a second of sound of every kind that ffmpeg can write. A tone of another height in each makes them different songs.
const makeKinds = `
cd /tmp; mkdir k; h=200
make() { h=$((h + 10)); out="$1"; shift; ffmpeg -nostdin -v error -f lavfi -i "sine=$h:duration=1:sample_rate=48000" "$@" "k/$out"; }
make rf64.wav -rf64 always
make float64.wav -ar 96000 -c:a pcm_f64le
make aiff-c.aiff -c:a pcm_f32be
make core.caf -c:a pcm_s24le
make pack.wv
make true.tta
make wave.w64
make dolby.ac3 -c:a ac3
make dolby.eac3 -c:a eac3
make theater.dts -c:a dca -strict -2
make stream.ts -f lavfi -i color=size=64x64:duration=1 -c:a mp2 -c:v mpeg2video
make picture.mov -f lavfi -i color=size=64x64:duration=2 -c:a pcm_s16le -c:v mpeg4
make primed.m4a -c:a aac
make mono.opus -c:a libopus
make six.flac -ac 6
make eight.wav -ac 8 -ar 384000
make frames.mp3 -c:a libmp3lame -write_xing 0 -id3v2_version 0
tar -C k -c .
`

// cmdKinds writes a file of each kind of sound into a folder: those of Debian's ffmpeg,
// and what that does not write.
func cmdKinds(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, args, 1, "kinds DIR")
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o755))
	out, err := exec.Command("docker", "run", "--rm", "--network=none", "--tmpfs=/tmp", "--entrypoint=sh",
		fullFFmpeg(ts), "-ec", makeKinds).Output()
	ts.Check(err)
	files := map[string][]byte{"one bit.dsf": dsdFile()}
	for all := tar.NewReader(bytes.NewReader(out)); ; {
		head, err := all.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		ts.Check(err)
		if head.Typeflag == tar.TypeReg {
			files[filepath.Base(head.Name)], err = io.ReadAll(all)
			ts.Check(err)
		}
	}
	files["after junk.mp3"] = append(bytes.Repeat([]byte("\x01junk\xfe"), 64<<10/6), files["frames.mp3"]...)
	for name, content := range files {
		ts.Check(os.WriteFile(filepath.Join(dir, name), content, 0o644))
	}
	if want := strings.Count(makeKinds, "\nmake ") + 2; len(files) != want {
		ts.Fatalf("%d files; want %d", len(files), want)
	}
}

// kindsIn are the files that cmdKinds wrote: all of them are separated.
func kindsIn(ts *testscript.TestScript, dir string) (all []badInput) {
	found, err := os.ReadDir(dir)
	ts.Check(err)
	for _, entry := range found {
		content, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		ts.Check(err)
		all = append(all, badInput{name: entry.Name(), content: content})
	}
	return all
}

// dsdFile is half a second of a tone of 344 Hz in a DSF file of one channel: the share of ones in each
// byte follows a sine (Sony, DSF File Format Specification 1.01).
func dsdFile() []byte {
	const block, blocks = 4096, 43
	le := binary.LittleEndian
	b := le.AppendUint64([]byte("DSD "), 28)
	b = le.AppendUint64(le.AppendUint64(b, 92+block*blocks), 0)
	b = le.AppendUint64(append(b, "fmt "...), 52)
	for _, v := range []uint32{1, 0, 1, 1, 2822400, 1} { // version, raw, mono, channels, rate, bits
		b = le.AppendUint32(b, v)
	}
	b = le.AppendUint64(b, 8*block*blocks)
	b = le.AppendUint32(le.AppendUint32(b, block), 0)
	b = le.AppendUint64(append(b, "data"...), 12+block*blocks)
	missed := 0.0
	for i := range block * blocks {
		var bits byte
		for bit := range 8 {
			missed += 0.5 + 0.25*math.Sin(2*math.Pi*float64(8*i+bit)/8192)
			if missed >= 1 {
				missed--
				bits |= 1 << bit
			}
		}
		b = append(b, bits)
	}
	return b
}

// floatWith is a WAV file with stereo float samples that are silent but for one.
func floatWith(sample float32) []byte {
	const frames = 20_000
	b := wavOf(44100, 4, 0, frames) // as many bytes
	clear(b[44:])
	b = patched(b, 20, 3, 0, 2, 0)
	b = patched(b, 34, 32, 0)
	binary.LittleEndian.PutUint32(b[44+8*9000+4:], math.Float32bits(sample))
	return b
}
