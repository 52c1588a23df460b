//go:build linux

package nfsrig_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// stemNames are those of the model, in the order of weightstest.
var stemNames = []string{"drums", "bass", "other", "vocals"}

// standIn stands in for a program that the demucs service runs: songs are what ffmpeg makes of them already, and the
// engine makes each stem a tenth, two tenths and so on of the song, after it slept.
func standIn(name string, args []string) int {
	var err error
	switch name {
	case "ffprobe":
		_, err = fmt.Println(`{"streams": [{"index": 0, "codec_type": "audio"}], "format": {"format_name": "wav"}}`) //nolint:forbidigo // as ffprobe does
	case "ffmpeg":
		var song *os.File
		if song, err = os.Open("source"); err == nil {
			_, err = io.Copy(os.Stdout, song)
		}
	case "engine":
		err = separate(args)
	}
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func separate(args []string) error {
	flags := make(map[string]string)
	for i := 1; i+1 < len(args); i += 2 {
		flags[args[i]] = args[i+1]
	}
	took, err := time.ParseDuration(os.Getenv("STANDIN_TIME"))
	if err != nil {
		return err
	}
	const steps = 10
	for step := range steps {
		time.Sleep(took / steps)
		_, _ = fmt.Printf("%d/%d\n", step+1, steps) //nolint:forbidigo // as the engine does
	}
	mix, err := os.ReadFile(flags["-mix"])
	if err != nil {
		return err
	}
	for n, name := range stemNames {
		stem := make([]byte, 0, len(mix))
		for at := 0; at < len(mix); at += 4 {
			x := math.Float32frombits(binary.LittleEndian.Uint32(mix[at:])) * float32(n+1) / 10
			stem = binary.LittleEndian.AppendUint32(stem, math.Float32bits(x))
		}
		if err := os.WriteFile(filepath.Join(flags["-out"], name+".f32"), stem, 0o600); err != nil {
			return err
		}
	}
	return nil
}

const (
	songRate   = 44100
	songFrames = songRate / 10
)

// songName is the name of a song in output/.
func songName(n int) string { return fmt.Sprintf("song-%03d", n) }

// song is a WAV file of float samples. Its loudness says which one it is.
func song(n int) []byte {
	var b strings.Builder
	put := func(values ...any) {
		for _, v := range values {
			if text, ok := v.(string); ok {
				b.WriteString(text)
				continue
			}
			_ = binary.Write(&b, binary.LittleEndian, v) // a strings.Builder takes everything
		}
	}
	const frame = 8
	put("RIFF", uint32(36+songFrames*frame), "WAVE", "fmt ", uint32(16), uint16(3), uint16(2), uint32(songRate), uint32(songRate*frame),
		uint16(frame), uint16(32), "data", uint32(songFrames*frame))
	for i := range songFrames {
		sample := float32(float64(n+1) / 2000 * math.Sin(float64(i)/20))
		put(sample, sample)
	}
	return []byte(b.String())
}
