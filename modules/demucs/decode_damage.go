package main

import (
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/im2-audio/im2/pipeline/place"
)

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
