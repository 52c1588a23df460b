package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/im2-audio/im2/pipeline/audio"
	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/spool"
	"github.com/im2-audio/im2/pipeline/tags"
)

const (
	// longestAnswer bounds what ffprobe may say of a file, in bytes. A tag of 1 MB can be 6 MB of it.
	longestAnswer = 16 << 20
	// packetsForStart is in how many packets of a track the first one that can be played must be.
	packetsForStart = 64
	// longestTime is the longest time in a file that is believed, in seconds: 3 years. At any sample rate
	// it is so many samples that they can be counted.
	longestTime = 1e8
)

// A source is what a file says of its first audio track, before it is decoded.
type source struct {
	kind  audio.Kind
	codec string
	// rate is in Hz; 0 when the file does not say.
	rate int
	// start is when the track begins, in seconds from where a player has its zero. It is negative
	// for what a player does not play.
	start float64
	// seconds is how long the track plays; 0 when the file does not say, and ffmpeg could only
	// guess.
	seconds float64
	// bitRate is in bits for each second; 0 when the file does not say.
	bitRate int64
	// ends says that seconds is to the sample when the track ends, so that the rest is an encoder's.
	ends bool
	// tags are what the file says of the song, and cover is the stream of its picture; -1 for none.
	tags  tags.Tags
	cover int
	// warnings are what people should know of those.
	warnings []string
}

// A probed file is what ffprobe says.
type probed struct {
	Format struct {
		Names   string            `json:"format_name"`
		Seconds number            `json:"duration"`
		Tags    map[string]string `json:"tags"`
	} `json:"format"`
	Streams []probedStream `json:"streams"`
	Frames  []struct {
		PTS *int64 `json:"pts"`
	} `json:"frames"`
}

type probedStream struct {
	Index    int    `json:"index"`
	Type     string `json:"codec_type"`
	Codec    string `json:"codec_name"`
	Rate     number `json:"sample_rate"`
	BitRate  number `json:"bit_rate"`
	TimeBase string `json:"time_base"`
	StartPTS *int64 `json:"start_pts"`
	Duration *int64 `json:"duration_ts"`
	Flags    struct {
		Cover int `json:"attached_pic"`
	} `json:"disposition"`
	Tags map[string]string `json:"tags"`
}

// A number is one that ffprobe writes as text.
type number float64

func (n *number) UnmarshalJSON(text []byte) error { //nolint:unparam // What json.Unmarshaler asks for.
	v, err := strconv.ParseFloat(strings.Trim(string(text), `"`), 64)
	if err == nil && !math.IsNaN(v) && !math.IsInf(v, 0) {
		*n = number(v) // Everything else, such as "N/A", is no number that is known.
	}
	return nil
}

// readArgs are what ffmpeg and ffprobe may take the source for, and that they may open no other. They
// contain no name of a person's file.
func readArgs() []string {
	return []string{"-hide_banner", "-protocol_whitelist", "file", "-format_whitelist", audio.Demuxers()}
}

// probe asks what the job's source is. A file that is nothing that can be read, or that has no
// audio track, is a *rejection.
func (w *worker) probe(ctx context.Context, j *spool.Job) (source, error) {
	guessed := false
	p, warnings, err := w.askSource(ctx, j, func(line string) {
		guessed = guessed || strings.Contains(line, "Estimating duration from bitrate")
	})
	if err != nil {
		return source{}, err
	}
	track, others := p.tracks()
	if track == nil {
		return source{}, noSound(j.Name)
	}
	s := source{
		codec: track.Codec, rate: int(track.Rate), bitRate: int64(track.BitRate),
		cover: p.cover(), warnings: warnings,
	}
	s.kind, _ = audio.OfDemuxer(p.Format.Names)
	s.tags = s.tagsIn(p, track, j.Path(job.SourceFile))
	if !guessed {
		s.seconds = p.seconds(track, len(others) == 0)
	}
	if s.kind.Times == audio.None {
		return s, nil
	}
	s.ends = s.seconds > 0 && (s.kind.Times == audio.Absolute || s.manual())
	begin, known, err := w.firstFrame(ctx, j, track)
	if known && s.manual() {
		// All times are late by as much as the first packet with sound is, which has none before it.
		late := begin - track.start()
		begin, known, err = w.firstFrame(ctx, j, track, "-flags2", "skip_manual")
		begin -= late
	}
	if err != nil || !known {
		return s, err
	}
	s.start = max(-longestTime, min(begin-s.zero(append(others, *track), begin), longestTime))
	return s, nil
}

// manual says that ffmpeg must leave the track's beginning and end to us. The first packet of Vorbis has
// no sound, and in Ogg ffmpeg counts 128 samples or so for it: they are then missing at the end, and
// all times are late by them. Version 7 decodes something for it, and drops that where it may.
func (s *source) manual() bool {
	return s.codec == "vorbis" && slices.Contains(s.kind.Demuxers, "ogg")
}

// askSource asks for the file's format, tracks and tags. Tags that are too long are a warning.
func (w *worker) askSource(ctx context.Context, j *spool.Job, said func(string)) (p probed, warnings []string, err error) {
	const entries = "format=format_name,duration:stream=index,codec_type,codec_name,sample_rate,bit_rate,time_base,start_pts,duration_ts" +
		":stream_disposition=attached_pic:stream_tags=DURATION"
	names := strings.Join(tags.Said(), ",")
	p, err = w.askProbe(ctx, j, said, "-show_entries", entries+",comment,"+names+":format_tags="+names)
	if errors.Is(err, errTooMuch) {
		warnings = []string{"the song's tags are too long: the stems have none of them"}
		p, err = w.askProbe(ctx, j, said, "-show_entries", entries)
	}
	if errors.Is(err, errTooMuch) {
		err = &rejection{fmt.Sprintf("%q cannot be read: it has more tracks than a song has. "+
			"Export the song again as WAV, FLAC or MP3; then put it into input/ again.", j.Name)}
	}
	return p, warnings, err
}

// askProbe runs ffprobe on the source. said gets each line of its standard error. The error is errTooMuch where it says more
// than longestAnswer.
func (w *worker) askProbe(ctx context.Context, j *spool.Job, said func(string), args ...string) (probed, error) {
	var answer bytes.Buffer
	c := command{
		what:   "ffprobe",
		path:   w.settings.ffprobe,
		args:   append(append([]string{"-v", "warning", "-of", "json=compact=1"}, readArgs()...), append(args, "file:"+job.SourceFile)...),
		dir:    j.Dir(),
		stdout: &limitedWriter{to: &answer, left: longestAnswer},
		stderr: &lineWriter{line: said},
		stall:  w.settings.stall,
	}
	if err := c.run(ctx); err != nil {
		return probed{}, undecodable(j.Name, err)
	}
	var p probed
	if err := json.Unmarshal(answer.Bytes(), &p); err != nil {
		return probed{}, fmt.Errorf("reading what ffprobe says: %w", err)
	}
	return p, nil
}

// tracks returns the first audio track, nil for none, and all other tracks that play along with
// it: no covers, which have no time.
func (p *probed) tracks() (track *probedStream, others []probedStream) {
	for i, s := range p.Streams {
		switch {
		case s.Type == "audio" && track == nil:
			track = &p.Streams[i]
		case s.Type == "audio", s.Type == "video" && s.Flags.Cover == 0:
			others = append(others, s)
		}
	}
	return track, others
}

// seconds is how long the track plays, by the track itself or by the file where it has no other; 0 where
// what it says is no length.
func (p *probed) seconds(track *probedStream, alone bool) float64 {
	seconds := p.said(track, alone)
	if !(seconds >= 0 && seconds <= longestTime) { // NaN is neither.
		return 0
	}
	return seconds
}

func (p *probed) said(track *probedStream, alone bool) float64 {
	if track.Duration != nil {
		return float64(*track.Duration) * track.unit()
	}
	var h, m int
	var s float64
	if n, _ := fmt.Sscanf(track.Tags["DURATION"], "%d:%d:%f", &h, &m, &s); n == 3 { // Matroska: when it ends
		return float64(h)*3600 + float64(m)*60 + s - track.start()
	}
	if alone {
		return float64(p.Format.Seconds)
	}
	return 0
}

func (s *probedStream) unit() float64 {
	above, below, _ := strings.Cut(s.TimeBase, "/")
	a, _ := strconv.ParseFloat(above, 64)
	b, _ := strconv.ParseFloat(below, 64)
	if a <= 0 || b <= 0 {
		return 0
	}
	return a / b
}

// start is when the track begins, in seconds; 0 when that is not known.
func (s *probedStream) start() float64 {
	if s.StartPTS == nil {
		return 0
	}
	return float64(*s.StartPTS) * s.unit()
}

// firstFrame decodes the first samples and says when they play. That is not when the track begins:
// an encoder's first samples may be ones that are never played.
func (w *worker) firstFrame(ctx context.Context, j *spool.Job, track *probedStream, args ...string) (seconds float64, known bool, err error) {
	p, err := w.askProbe(ctx, j, func(string) {}, append(args, "-select_streams", "a:0",
		"-read_intervals", fmt.Sprintf("%%+#%d", packetsForStart), "-show_entries", "frame=pts")...)
	var rejected *rejection
	if errors.As(err, &rejected) || errors.Is(err, errTooMuch) {
		return 0, false, nil // Decoding will tell whether anything can be read.
	}
	if err != nil {
		return 0, false, err
	}
	for _, f := range p.Frames {
		if f.PTS != nil {
			return float64(*f.PTS) * track.unit(), true, nil
		}
	}
	return 0, false, nil
}

// zero is the time in the file at which a player begins: the file's own zero, or when the first of
// its tracks does. begin is when the first sample plays.
func (s *source) zero(tracks []probedStream, begin float64) float64 {
	if s.kind.Times == audio.Absolute {
		return 0
	}
	zero := begin
	for _, t := range tracks {
		if t.StartPTS != nil {
			zero = min(zero, t.start())
		}
	}
	return max(0, zero) // What is before 0 is not played.
}

// errTooMuch is returned when a process says more than it can have to say.
var errTooMuch = errors.New("it printed more than was expected")

// A limitedWriter fails when more is written than left.
type limitedWriter struct {
	to   io.Writer
	left int
}

func (l *limitedWriter) Write(p []byte) (int, error) {
	if l.left -= len(p); l.left < 0 {
		return 0, errTooMuch
	}
	return l.to.Write(p)
}

// A damage counts what ffmpeg could not decode.
type damage struct {
	packets int
	// rest says that the last line was about less than one sample at the end of a packet, as some
	// programs leave it at the end of a file. That is no damage.
	rest bool
}

// count takes a line of what ffmpeg says. Each packet that it gives up has one such line, in the
// words of versions 5 to 7.
func (d *damage) count(line string) {
	for _, sign := range []string{"Error while decoding stream", "Error submitting packet to decoder", "Decoding error:"} {
		if strings.Contains(line, sign) && !d.rest {
			d.packets++
		}
	}
	d.rest = strings.Contains(line, "Invalid PCM packet")
}

func (d *damage) warnings() []string {
	switch d.packets {
	case 0:
		return nil
	case 1:
		return []string{"the song is damaged: one piece of it could not be decoded and was left out, so what follows may be early"}
	}
	return []string{fmt.Sprintf("the song is damaged: %d pieces of it could not be decoded and were left out, "+
		"so what follows them may be early", d.packets)}
}

// missing compares how long the track played with what its file says. It is no rejection however
// little there is: what came can be separated, and the file may be wrong about itself.
func (s *source) missing(seconds float64) []string {
	if s.seconds-seconds <= missingSeconds+missingShare*s.seconds {
		return nil
	}
	show := func(seconds float64) string {
		d := time.Duration(seconds * float64(time.Second))
		if d >= time.Minute {
			return d.Round(time.Second).String()
		}
		return d.Round(10 * time.Millisecond).String()
	}
	return []string{fmt.Sprintf("the file says that it plays for %s, and only %s could be decoded: it is cut off or damaged",
		show(s.seconds), show(seconds))}
}

// claimedByWAV is how many seconds the WAV file at path says that it plays. ffmpeg does not tell: it
// takes what is there. It is 0 for other files, and where the size is one that programs write which
// do not know it: 0, or about the largest that there is.
func claimedByWAV(path string) float64 {
	f, err := place.Open(path)
	if err != nil {
		return 0
	}
	defer func() { _ = f.Close() }()
	var head [12]byte
	if _, err := f.ReadAt(head[:], 0); err != nil || string(head[:4]) != "RIFF" || string(head[8:]) != "WAVE" {
		return 0
	}
	const most, unknown = 64, 0x7fff_0000 // chunks, bytes
	perSecond := uint32(0)
	for at, n := int64(len(head)), 0; n < most; n++ {
		var chunk [24]byte
		if k, err := f.ReadAt(chunk[:], at); err != nil && k < 8 {
			return 0
		}
		size := binary.LittleEndian.Uint32(chunk[4:])
		switch string(chunk[:4]) {
		case "fmt ":
			if tag := binary.LittleEndian.Uint16(chunk[8:]); tag == 1 || tag == 3 || tag == 0xfffe {
				perSecond = binary.LittleEndian.Uint32(chunk[16:]) // of samples as they are, always so many
			}
		case "data":
			if perSecond == 0 || size >= unknown {
				return 0
			}
			return float64(size) / float64(perSecond)
		}
		at += int64(len(chunk[:8])) + int64(size) + int64(size%2)
	}
	return 0
}

func (b *sampleError) rejection(name string, rate int) *rejection {
	at := time.Duration(float64(b.frame) / float64(rate) * float64(time.Second)).Round(time.Microsecond)
	return &rejection{fmt.Sprintf("%q cannot be separated: %s, at %s. One such sample would spoil all that is around it in every stem. "+
		"Repair the song in the program that made it, or cut that place out; then put it into input/ again.", name, b, at)}
}
