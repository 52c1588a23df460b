// Package options has what people may ask of a separation: which stems, in which kind of file,
// and how carefully. The targets read options from flags, the watcher from a file beside the
// song, the worker from its settings; the queue and track.json keep them. All of them mean the
// same by a word, because it is defined here alone.
//
// The zero value of a field means that nothing was said, and that the next in line decides: the
// song's options first, the service's settings second, Default last. See Over.
package options

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/im2-audio/im2/pipeline/title"
)

// EngineVersion counts the changes of the engine that people can hear. The record of a job has
// the version that made its stems; none means 1, whose vocals had gaps in the right channel and
// which took damaged songs for silence.
const EngineVersion = 2

// The values of the fields that have a few.
const (
	WAV  = "wav"
	FLAC = "flac"
	MP3  = "mp3"

	Bits16    = "16"
	Bits24    = "24"
	BitsFloat = "float"

	// Rescale makes all stems quieter by one common factor where one of them would clip.
	Rescale = "rescale"
	// Clamp cuts each sample off at full scale.
	Clamp = "clamp"
	// ClipNone changes nothing: only a float file keeps what is above full scale.
	ClipNone = "none"

	// SumModel leaves the stems as the model made them.
	SumModel = "model"
	// SumExact adds what the stems lack of the mix to "other".
	SumExact = "exact"

	// OutputStems writes the stems.
	OutputStems = "stems"
	// OutputInstrumental writes the song without its vocals instead, as one file.
	OutputInstrumental = "instrumental"
	// OutputBoth writes the stems, and the song without its vocals.
	OutputBoth = "both"

	// Rate44100 writes stems at the rate of the model.
	Rate44100 = "44100"
	// RateSource writes stems at the rate of the song.
	RateSource = "source"
)

// Options are what was asked of a separation, and with every field set what was done.
type Options struct {
	// Stems are the only ones that are kept, in the order of Stems.
	Stems []string `json:"stems,omitempty"`
	// TwoStems is one stem; all others together become "no_" and its name.
	TwoStems string `json:"two_stems,omitempty"`
	// Format is WAV, FLAC or MP3.
	Format string `json:"format,omitempty"`
	// Bits is Bits16, Bits24 or BitsFloat; an MP3 file has none.
	Bits string `json:"bits,omitempty"`
	// Clip is Rescale, Clamp or ClipNone.
	Clip string `json:"clip,omitempty"`
	// Overlap is how much of each segment the next one covers, 0 to MostOverlap.
	Overlap *float64 `json:"overlap,omitempty"`
	// Shifts is how often a song is separated, each time shifted a little, for the mean of all: 1 to
	// MostShifts; 0 is once and not shifted.
	Shifts *int `json:"shifts,omitempty"`
	// Model is the name of a prepared model.
	Model string `json:"model,omitempty"`
	// Sum is SumModel or SumExact.
	Sum string `json:"sum,omitempty"`
	// Rate is Rate44100 or RateSource.
	Rate string `json:"rate,omitempty"`
	// Output is OutputStems, OutputInstrumental or OutputBoth.
	Output string `json:"output,omitempty"`
}

// Default returns the options of a song without options.
func Default() Options {
	overlap, shifts := 0.25, 0
	return Options{
		Format: WAV, Bits: Bits16, Clip: Rescale, Overlap: &overlap, Shifts: &shifts,
		Model: "htdemucs", Sum: SumModel, Rate: Rate44100, Output: OutputStems,
	}
}

// Complete returns o with the defaults for what it does not say. The song without its vocals is FLAC by default, with the stems
// beside it: in a WAV file there is no room for all of its tags.
func (o Options) Complete() Options {
	base := Default()
	if o.Instrumental() && fits(FLAC, o.Bits) {
		base.Format = FLAC
	}
	return o.Over(base)
}

// Instrumental reports whether the song without its vocals is asked for.
func (o Options) Instrumental() bool { return o.Output == OutputInstrumental || o.Output == OutputBoth }

// Over returns o with what it does not say taken from base. Where o says something that what base
// says contradicts (stems where base has none, two stems where it has some only, a format without the bits of base, bits that
// the format of base has not), that of base is dropped: a service with other defaults can still be asked for everything.
func (o Options) Over(base Options) Options {
	some := len(o.Stems) > 0 || o.TwoStems != ""
	if !some && o.Output != OutputInstrumental {
		o.Stems, o.TwoStems = base.Stems, base.TwoStems
	}
	if o.Output == "" && (base.Output != OutputInstrumental || !some) {
		o.Output = base.Output
	}
	if o.Format == "" && (o.Bits == "" || fits(base.Format, o.Bits)) {
		o.Format = base.Format
	}
	if o.Bits == "" && fits(o.Format, base.Bits) {
		o.Bits = base.Bits
	}
	o.Clip = cmp.Or(o.Clip, base.Clip)
	o.Overlap = cmp.Or(o.Overlap, base.Overlap)
	o.Shifts = cmp.Or(o.Shifts, base.Shifts)
	o.Model = cmp.Or(o.Model, base.Model)
	o.Sum = cmp.Or(o.Sum, base.Sum)
	o.Rate = cmp.Or(o.Rate, base.Rate)
	o.Stems = slices.Clone(o.Stems)
	return o
}

// fits reports whether a format can have samples of that kind; one that is not known can.
func fits(format, bits string) bool {
	switch format {
	case MP3:
		return bits == ""
	case FLAC:
		return bits != BitsFloat
	default:
		return true
	}
}

// Work is how much is to be separated of a song that plays for so long: each shift separates it once, in segments of which
// each repeats as much of the one before as they overlap. Overlap and Shifts must be set.
func (o Options) Work(plays time.Duration) time.Duration {
	return time.Duration(float64(plays) * float64(max(1, *o.Shifts)) / (1 - *o.Overlap))
}

// Equal reports whether both ask for the same. What was not said is not the same as what was said
// and is the default: that may change.
func (o Options) Equal(other Options) bool {
	a, b := o.canonical(), other.canonical()
	return reflect.DeepEqual(a, b)
}

func (o Options) canonical() Options {
	o.Stems = inOrder(o.Stems)
	return o
}

// String returns the options as flags of "mage separate", or "" when there are none.
func (o Options) String() string {
	var flags []string
	for _, f := range Fields {
		if text := o.Get(f.Name); text != "" {
			flags = append(flags, "-"+f.Flag+"="+text)
		}
	}
	return strings.Join(flags, " ")
}

// restPrefix begins the name of all that is not the one of two stems.
const restPrefix = "no_"

// Stems are the stems that any known model makes, in the order in which they are named
// everywhere. The first four are those of the default model.
var Stems = []string{"vocals", "drums", "bass", "other", "guitar", "piano"}

// vocals is the stem that the instrumental lacks.
const vocals = "vocals"

// DefaultStems are the stems of the default model.
var DefaultStems = Stems[:4:4]

// inOrder returns stems in the order of Stems, unknown ones last. It returns nil for none.
func inOrder(stems []string) []string {
	if len(stems) == 0 {
		return nil
	}
	rank := func(stem string) int {
		if i := slices.Index(Stems, stem); i >= 0 {
			return i
		}
		return len(Stems)
	}
	sorted := slices.Clone(stems)
	slices.SortStableFunc(sorted, func(a, b string) int { return rank(a) - rank(b) })
	return sorted
}

// Names returns what the audio files of these options are called, without extension, when the
// model makes the stems known: the stems that were asked for in their order, or the two. The song without its
// vocals is not among them.
func (o Options) Names(known []string) []string {
	switch {
	case o.Output == OutputInstrumental:
		return nil
	case o.TwoStems != "":
		return []string{o.TwoStems, restPrefix + o.TwoStems}
	case len(o.Stems) > 0:
		return inOrder(o.Stems)
	default:
		return inOrder(known)
	}
}

// Files returns the names of the stems' files of these options. Format must be set.
func (o Options) Files(known []string) []string {
	files := o.Names(known)
	for i := range files {
		files[i] += "." + o.Format
	}
	return files
}

// Recorded returns the names of the audio files of a job whose record says files: of one of an earlier
// version, which says nothing, those that every song had.
func Recorded(files []string) []string {
	if len(files) > 0 {
		return files
	}
	return Default().Files(DefaultStems)
}

// instrumentalEnd ends the name of the file of a song without its vocals, before its extension.
const instrumentalEnd = " (Instrumental)"

// InstrumentalName is the name of the file of a song without its vocals, without extension.
func InstrumentalName(songTitle string) string { return title.Safe(songTitle) + instrumentalEnd }

// IsFile reports whether name is one that Files can return, or InstrumentalName with an extension: who reads the name of a
// file in a record uses it for nothing else.
func IsFile(name string) bool { return StemOf(name) != "" }

// StemOf returns the stem that is in the file of that name, OutputInstrumental for the song without its vocals, and "" for a
// name that is none of IsFile.
func StemOf(name string) string {
	for _, ext := range []string{WAV, FLAC, MP3} {
		stem, found := strings.CutSuffix(name, "."+ext)
		if !found {
			continue
		}
		if slices.Contains(Stems, strings.TrimPrefix(stem, restPrefix)) {
			return stem
		}
		if songTitle, found := strings.CutSuffix(stem, instrumentalEnd); found && title.Safe(songTitle) == songTitle {
			return OutputInstrumental
		}
	}
	return ""
}
