package render

import (
	"bufio"
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // FLAC has the MD5 of its samples, and nothing depends on its strength
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"sync/atomic"

	"github.com/im2-audio/im2/pipeline/mp3info"
	"github.com/im2-audio/im2/pipeline/options"
)

const (
	// mp3Bits is how many bits a second of MP3 takes; LAME takes less where that is too many for
	// the sample rate.
	mp3Bits = 320_000
	// resampling is how ffmpeg's own resampler is set, which every build has: flat up to 20 kHz of
	// 44.1, with errors 120 dB below the signal. soxr in its best mode loses 0.1 % at 19 kHz.
	resampling = "filter_type=kaiser:kaiser_beta=12:filter_size=128:phase_shift=10:cutoff=0.95:exact_rational=1:internal_sample_fmt=dblp"
)

// errEncoderEnded ends the feeding of an encoder that has ended.
var errEncoderEnded = errors.New("the encoder ended")

// quiet are the first arguments of each run, bitExact those that keep versions and times out of files.
func quiet() []string { return []string{"-nostdin", "-hide_banner", "-v", "error"} }

func bitExact() []string {
	return []string{"-map_metadata", "-1", "-fflags", "+bitexact", "-flags:a", "+bitexact"}
}

func from(kind string, rate int) []string {
	return []string{"-f", kind, "-ar", strconv.Itoa(rate), "-ac", strconv.Itoa(channels), "-i", "pipe:0"}
}

func (r *renderer) feed(ctx context.Context, out output, w io.Writer) error {
	in, err := r.open(ctx, out)
	if err != nil {
		return err
	}
	defer in.close()
	if r.rate == MixRate {
		_, err = io.Copy(w, in)
		return err
	}
	frames := strconv.FormatInt(r.frames, 10)
	args := append(append(quiet(), from("f32le", MixRate)...),
		"-af", "aresample="+strconv.Itoa(r.rate)+":"+resampling+",apad=whole_len="+frames+",atrim=end_sample="+frames,
		"-c:a", "pcm_f32le", "-f", "f32le", "pipe:1")
	to := &sink{to: w}
	err = r.FFmpeg(ctx, Process{What: "ffmpeg (resampling)", Args: args, Stdin: in, Stdout: to})
	if failed := to.err.Load(); failed != nil {
		return *failed
	}
	return err
}

// A sink remembers the first error of a writer: a process whose output goes there knows of a broken
// pipe only.
type sink struct {
	to  io.Writer
	err atomic.Pointer[error]
}

func (s *sink) Write(p []byte) (int, error) {
	n, err := s.to.Write(p)
	if err != nil {
		s.err.CompareAndSwap(nil, &err)
	}
	return n, err
}

// encoderArgs make ffmpeg encode its standard input into its file descriptor 3. That is a file and no
// pipe because the lengths that are at its start are known at its end.
func (r *renderer) encoderArgs(stem string) []string {
	kind, codec := map[int]string{16: "s16le", 24: "s24le", 32: "f32le"}[r.format.bits], []string{"-c:a", "flac", "-f", "flac"}
	if r.format.ext == options.MP3 {
		codec = []string{"-c:a", "libmp3lame", "-b:a", strconv.Itoa(mp3Bits), "-f", "mp3"}
	}
	args := append(append(quiet(), from(kind, r.rate)...), bitExact()...)
	args = append(args, r.tagArgs(r.tagsOf(stem))...)
	return append(append(args, codec...), "-y", "file:/dev/fd/3")
}

// encode writes a FLAC or MP3 file, and makes sure that all samples are in it.
func (r *renderer) encode(ctx context.Context, out output, gain float64, file *os.File) error {
	pipe, feed := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := r.FFmpeg(ctx, Process{What: "ffmpeg (encoding)", Args: r.encoderArgs(out.name), Stdin: pipe, File: file})
		_ = pipe.CloseWithError(errEncoderEnded)
		ended <- err
	}()
	sum := md5.New() //nolint:gosec // as above
	buf := bufio.NewWriterSize(feed, blockFrames*RawFrame)
	samples := newQuantizer(r.format, gain, io.MultiWriter(sum, buf))
	fedErr := r.feed(ctx, out, samples)
	if fedErr == nil {
		fedErr = r.complete(samples)
	}
	if fedErr == nil {
		fedErr = buf.Flush()
	}
	_ = feed.CloseWithError(fedErr) // A nil error is the end of the samples.
	err := <-ended
	switch {
	case errors.Is(fedErr, errEncoderEnded) && err == nil:
		return fedErr
	case fedErr != nil && !errors.Is(fedErr, errEncoderEnded):
		return fedErr
	case err != nil:
		return orFull(err, file)
	}
	if r.format.ext == options.MP3 {
		err = finishMP3(file, r.frames)
	} else {
		err = r.checkFLAC(ctx, file, sum.Sum(nil))
	}
	if err != nil && ctx.Err() == nil {
		return orFull(fmt.Errorf("ffmpeg made an incomplete file: %w", err), file)
	}
	return err
}

// orFull adds to an error of ffmpeg that of writing more to its file, if there is one. It may say that
// all is well when a disk fills up at the end of a file.
func orFull(err error, file *os.File) error {
	end, full := file.Seek(0, io.SeekEnd)
	if full == nil {
		_, full = file.WriteAt(make([]byte, 1<<16), end)
	}
	if full != nil {
		return fmt.Errorf("%w: %w", err, full)
	}
	return err
}

// checkFLAC decodes a FLAC file and compares the MD5 of its samples with that of what was to be encoded.
func (r *renderer) checkFLAC(ctx context.Context, file *os.File, sum []byte) error {
	if err := flacHeader(file, r.frames, sum); err != nil {
		return err
	}
	kind := map[int]string{16: "s16le", 24: "s24le"}[r.format.bits]
	args := append(quiet(), "-f", "flac", "-i", "pipe:0", "-c:a", "pcm_"+kind, "-f", kind, "pipe:1")
	decoded := md5.New() //nolint:gosec // as above
	err := r.FFmpeg(ctx, Process{What: "ffmpeg (checking)", Args: args, Stdin: io.NewSectionReader(file, 0, math.MaxInt64), Stdout: decoded})
	if err != nil {
		return err
	}
	if !bytes.Equal(decoded.Sum(nil), sum) {
		return errors.New("it does not decode to what was encoded")
	}
	return nil
}

// flacHeader compares the length and the MD5 that a FLAC file has of its samples (RFC 9639, section
// 8.2) with those that were to be encoded.
func flacHeader(file io.ReaderAt, frames int64, sum []byte) error {
	const streamInfo, totalAt, sumAt = 8, 10, 18
	head := make([]byte, streamInfo+sumAt+16)
	if _, err := file.ReadAt(head, 0); err != nil || string(head[:4]) != "fLaC" || head[4]&0x7f != 0 {
		return errors.New("it has no header of a FLAC file")
	}
	info := head[streamInfo:]
	total := int64(binary.BigEndian.Uint64(info[totalAt:]) & (1<<36 - 1))
	if total != frames && total != 0 {
		return fmt.Errorf("it has %d frames; want %d", total, frames)
	}
	if !bytes.Equal(info[sumAt:], sum) {
		return errors.New("its MD5 does not match the samples")
	}
	return nil
}

// mp3TagCRC is how many bytes of an MP3 file the checksum of its Info tag covers.
const mp3TagCRC = 190

// finishMP3 makes sure that players see the length that was encoded: the first frame of an MP3 file, its
// Info tag, says how many frames follow, and how many samples at the ends are none of the sound's
// (http://gabriel.mp3-tech.org/mp3infotag.html). LAME may add more than a frame at the end, of which
// ffmpeg writes down the last one only; then the rest is added to what the tag says. It also makes sure
// that as many bytes are there as the tag says.
func finishMP3(file *os.File, frames int64) error {
	head := make([]byte, mp3info.Head)
	n, err := file.ReadAt(head, 0)
	start := mp3info.ID3Size(head[:n])
	if start > 0 {
		n, err = file.ReadAt(head, start)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	head = head[:n]
	const delayAt, crcAt = 141, 154
	tag, found := mp3info.Read(head)
	if !found || len(head) < mp3TagCRC {
		return errors.New("its header has no length")
	}
	more := tag.Samples() - frames
	if more < 0 || more >= tag.PerFrame || tag.Padding+more >= 1<<12 {
		return fmt.Errorf("it plays for %d frames; want %d", tag.Samples(), frames)
	}
	if more > 0 {
		padding := tag.Padding + more
		ends := head[tag.At+delayAt:][:3]
		ends[1], ends[2] = ends[1]&0xf0|byte(padding>>8), byte(padding)
		crc := head[tag.At+crcAt:][:2]
		clear(crc) // Below 32 kHz it is among the bytes that it covers, as zeros.
		binary.BigEndian.PutUint16(crc, crc16(head[:mp3TagCRC]))
		if _, err := file.WriteAt(head, start); err != nil {
			return err
		}
	}
	info, err := file.Stat()
	if err == nil && info.Size()-start < tag.Bytes {
		err = fmt.Errorf("it has %d bytes, its header says %d", info.Size()-start, tag.Bytes)
	}
	return err
}

func crc16(data []byte) uint16 {
	var crc uint16
	for _, b := range data {
		crc ^= uint16(b)
		for range 8 {
			crc = crc>>1 ^ -(crc&1)&0xa001
		}
	}
	return crc
}

const (
	wavPCM   = 1
	wavFloat = 3
	// fmtSize and factSize are the sizes of these chunks without their names and sizes.
	fmtSize, floatFmtSize, factSize, ds64Size = 16, 18, 4, 28
	// unknown32 stands in an RF64 file for a size that is in its first chunk.
	unknown32 = math.MaxUint32
)

// wavHeader is what comes before the samples of a WAV file that has so many bytes behind them. A file of 4 GiB or more is an RF64 file
// (EBU Tech 3306), which has its sizes in 64 bits.
func wavHeader(f format, rate int, frames, behind int64) []byte {
	frameSize := int64(channels * f.bits / 8)
	data := frames * frameSize
	about := appendFormat(nil, f, rate, frameSize)
	if f.bits == 32 { // Not only PCM: the number of frames is to be told.
		about = appendChunk(about, "fact", factSize)
		about = binary.LittleEndian.AppendUint32(about, short(frames))
	}
	riff := int64(len("WAVE")+len(about)+8) + data + behind
	if riff < unknown32 && data < unknown32 {
		h := append(appendChunk(nil, "RIFF", uint32(riff)), "WAVE"...)
		return appendChunk(append(h, about...), "data", uint32(data))
	}
	h := append(appendChunk(nil, "RF64", unknown32), "WAVE"...)
	h = appendChunk(h, "ds64", ds64Size)
	for _, n := range []int64{riff + ds64Size + 8, data, frames} {
		h = binary.LittleEndian.AppendUint64(h, uint64(n))
	}
	h = binary.LittleEndian.AppendUint32(h, 0) // There are no other sizes.
	return appendChunk(append(h, about...), "data", unknown32)
}

func appendChunk(h []byte, name string, size uint32) []byte {
	return binary.LittleEndian.AppendUint32(append(h, name...), size)
}

func appendFormat(h []byte, f format, rate int, frameSize int64) []byte {
	kind, size := uint16(wavPCM), uint32(fmtSize)
	if f.bits == 32 {
		kind, size = wavFloat, floatFmtSize
	}
	h = appendChunk(h, "fmt ", size)
	h = binary.LittleEndian.AppendUint16(h, kind)
	h = binary.LittleEndian.AppendUint16(h, channels)
	h = binary.LittleEndian.AppendUint32(h, short(int64(rate)))
	h = binary.LittleEndian.AppendUint32(h, short(int64(rate)*frameSize))
	h = binary.LittleEndian.AppendUint16(h, uint16(frameSize))
	h = binary.LittleEndian.AppendUint16(h, uint16(f.bits))
	if f.bits == 32 {
		h = binary.LittleEndian.AppendUint16(h, 0) // Nothing more about the format.
	}
	return h
}

func short(n int64) uint32 {
	return uint32(min(n, unknown32))
}

func (r *renderer) writeWAV(ctx context.Context, out output, gain float64, file *os.File) error {
	buf := bufio.NewWriterSize(file, blockFrames*RawFrame)
	more := tagChunks(r.tagsOf(out.name))
	if _, err := buf.Write(wavHeader(r.format, r.rate, r.frames, int64(len(more)))); err != nil {
		return err
	}
	samples := newQuantizer(r.format, gain, buf)
	if err := r.feed(ctx, out, samples); err != nil {
		return err
	}
	if err := r.complete(samples); err != nil {
		return err
	}
	if _, err := buf.Write(more); err != nil {
		return err
	}
	return buf.Flush()
}

func (r *renderer) complete(q *quantizer) error {
	if q.frames == r.frames && len(q.rest) == 0 {
		return nil
	}
	return fmt.Errorf("ffmpeg made %d frames at %d Hz; want %d: %w", q.frames, r.rate, r.frames, io.ErrUnexpectedEOF)
}
