package server

import (
	"cmp"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/im2-audio/im2/pipeline/options"
)

// A lane is a stem in the player.
type lane struct {
	// File is its name, Label what it is called.
	File, Label string
	// Sum says that it has what other stems have, too, as the song without its vocals does: it is muted at first.
	Sum bool
}

// lanesOf are the stems of a song for the player.
func lanesOf(files []string) []lane {
	stems := slices.ContainsFunc(files, isStem)
	lanes := make([]lane, len(files))
	for i, file := range files {
		lanes[i] = lane{file, label(file), stems && !isStem(file)}
	}
	return lanes
}

const restPrefix = "no_"

// isStem reports whether a file is one stem of a model, or all others.
func isStem(file string) bool {
	return slices.Contains(options.Stems, strings.TrimPrefix(strings.TrimSuffix(file, filepath.Ext(file)), restPrefix))
}

// label is what the stem in a file is called: "Vocals", or "All but vocals" for no_vocals.wav.
func label(file string) string {
	name := short(strings.TrimSuffix(file, filepath.Ext(file)))
	if !isStem(file) {
		return name
	}
	if rest, ok := strings.CutPrefix(name, restPrefix); ok {
		return "All but " + rest
	}
	return strings.ToUpper(name[:1]) + name[1:]
}

// A fact is one line about how a song was made.
type fact struct {
	Name, Value string
}

// facts say in words what track.json tells of a song. What it does not tell is left out.
func (t *track) facts() (all []fact) {
	add := func(name, value string) {
		if value != "" {
			all = append(all, fact{name, value})
		}
	}
	o := t.Settings
	add("Source", short(t.Source))
	add("Length", length(t.DurationSeconds))
	if t.SourceRate > 0 {
		add("Sample rate of the source", hertz(t.SourceRate))
	}
	add("Model", short(cmp.Or(t.Model, o.Model)))
	add("Files", kind(o))
	switch {
	case o.TwoStems != "":
		add("Stems", short(o.TwoStems)+", and all others as one")
	case len(o.Stems) > 0:
		add("Stems", short("only "+strings.Join(o.Stems, ", ")))
	}
	if o.Shifts != nil && *o.Shifts > 0 {
		add("Separated", fmt.Sprintf("%d times, each shifted a little; the mean of these", *o.Shifts))
	}
	if o.Overlap != nil {
		add("Overlap of segments", fmt.Sprintf("%.0f %%", *o.Overlap*100))
	}
	add("Too loud", map[string]string{
		options.Rescale:  "where one stem would clip, all were made quieter alike",
		options.Clamp:    "peaks above full scale were cut off",
		options.ClipNone: "nothing was done",
	}[o.Clip])
	if db := 20 * math.Log10(t.Gain); t.Gain > 0 && db <= -0.005 {
		add("Made quieter by", fmt.Sprintf("%.2f dB", -db))
	}
	if o.Sum == options.SumExact {
		add("Sum", "the stems add up to the song: “other” has what the model left out")
	}
	if t.SumDB != nil && o.Sum != options.SumExact {
		add("Sum of the stems", fmt.Sprintf("what it lacks of the song is %.0f dB below that", *t.SumDB))
	}
	return all
}

// kind is what the files of these options are: "WAV, 16 bits, 44.1 kHz".
func kind(o options.Options) string {
	parts := []string{strings.ToUpper(short(o.Format))}
	switch o.Bits {
	case options.Bits16, options.Bits24:
		parts = append(parts, o.Bits+" bits")
	case options.BitsFloat:
		parts = append(parts, "32 bits float")
	}
	switch o.Rate {
	case options.Rate44100:
		parts = append(parts, hertz(44100))
	case options.RateSource:
		parts = append(parts, "the source's sample rate")
	}
	if parts[0] == "" {
		return ""
	}
	return strings.Join(parts, ", ")
}

func hertz(rate int) string {
	return strconv.FormatFloat(float64(rate)/1000, 'f', -1, 64) + " kHz"
}
