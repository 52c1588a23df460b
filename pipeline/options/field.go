package options

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/im2-audio/im2/pipeline/weights"
)

const (
	// MostOverlap leaves a hundredth of each segment: more of it takes hundreds of times longer.
	MostOverlap = 0.99
	// MostShifts bounds how often a song is separated for one result.
	MostShifts = 20
)

// A Field is one of the options, as it is called in each place where people give it.
type Field struct {
	// Name is that in JSON, Flag that of "mage separate", Setting the variable of the service.
	Name, Flag, Setting string
	// About says in a few words what it decides.
	About string
	// Allowed says which values it takes.
	Allowed string
	// Values are all of these where they are few; for lists, of each element.
	Values []string
}

// Fields returns all options.
func Fields() []Field {
	stems := strings.Join(Stems(), ", ")
	return []Field{
		{
			Name: "stems", Flag: "stems", Setting: "DEMUCS_STEMS", About: "the only stems that are kept",
			Allowed: "a list, separated by commas, of " + stems, Values: Stems(),
		},
		{
			Name: "two_stems", Flag: "twoStems", Setting: "DEMUCS_TWO_STEMS", About: "one stem, and all others as one",
			Allowed: "one of " + stems, Values: Stems(),
		},
		few("format", "DEMUCS_FORMAT", "the kind of the files", WAV, FLAC, MP3),
		few("bits", "DEMUCS_BITS", "the bits of each sample", Bits16, Bits24, BitsFloat),
		few("clip", "DEMUCS_CLIP", "what is done where stems are louder than a file can be", Rescale, Clamp, ClipNone),
		{
			Name: "overlap", Flag: "overlap", Setting: "DEMUCS_OVERLAP", About: "how much of each segment the next one covers",
			Allowed: fmt.Sprintf("a number from 0 to %g", MostOverlap),
		},
		{
			Name: "shifts", Flag: "shifts", Setting: "DEMUCS_SHIFTS", About: "how often each song is separated, for the mean",
			Allowed: fmt.Sprintf("a whole number from 0 to %d", MostShifts),
		},
		{
			Name: "model", Flag: "model", Setting: "DEMUCS_MODEL", About: "the model",
			Allowed: `the name of a prepared model: up to 64 of a-z, 0-9, ".", "_" and "-"`,
		},
		few("sum", "DEMUCS_SUM", "whether the stems add up to the song", SumModel, SumExact),
		few("rate", "DEMUCS_RATE", "the sample rate of the files", Rate44100, RateSource),
	}
}

func few(name, setting, about string, values ...string) Field {
	last := len(values) - 1
	allowed := strings.Join(values[:last], ", ") + " or " + values[last]
	return Field{Name: name, Flag: name, Setting: setting, About: about, Allowed: allowed, Values: values}
}

// A FieldError is an option with a value that it does not take.
type FieldError struct {
	Field
	// Value is what was given.
	Value string
}

// Error calls the option by its name in JSON; who knows where it was given says it in that way.
func (e *FieldError) Error() string {
	return fmt.Sprintf("%s %.60q: it must be %s", e.Name, e.Value, e.Allowed)
}

func field(name string) (Field, bool) {
	all := Fields()
	i := slices.IndexFunc(all, func(f Field) bool { return f.Name == name })
	if i < 0 {
		return Field{}, false
	}
	return all[i], true
}

// Set gives the option of that JSON name the value that a person typed; an empty text unsets it. The
// error is a FieldError. Only this one value is checked; Check checks all of them together.
func (o *Options) Set(name, text string) error {
	f, ok := field(name)
	if !ok {
		return fmt.Errorf("there is no option %q", name)
	}
	if wrong := o.set(f, text); wrong {
		return &FieldError{f, text}
	}
	return nil
}

func (o *Options) set(f Field, text string) (wrong bool) {
	switch f.Name {
	case "stems":
		o.Stems = nil
		if text != "" {
			o.Stems = inOrder(strings.Split(text, ","))
		}
		return !stemsOK(o.Stems)
	case "overlap":
		o.Overlap = nil
		if text == "" {
			return false
		}
		x, err := strconv.ParseFloat(text, 64)
		o.Overlap = &x
		return err != nil || !overlapOK(x)
	case "shifts":
		o.Shifts = nil
		if text == "" {
			return false
		}
		n, err := strconv.Atoi(text)
		o.Shifts = &n
		return err != nil || !shiftsOK(n)
	default:
		*o.text(f.Name) = text
		return text != "" && !f.takes(text)
	}
}

func (o *Options) text(name string) *string {
	switch name {
	case "two_stems":
		return &o.TwoStems
	case "format":
		return &o.Format
	case "bits":
		return &o.Bits
	case "clip":
		return &o.Clip
	case "model":
		return &o.Model
	case "sum":
		return &o.Sum
	default:
		return &o.Rate
	}
}

func (f Field) takes(text string) bool {
	if f.Name == "model" {
		return weights.ValidName(text)
	}
	return slices.Contains(f.Values, text)
}

// Get returns the value of the option of that JSON name as Set takes it; "" where nothing was said.
func (o Options) Get(name string) string {
	switch name {
	case "stems":
		return strings.Join(inOrder(o.Stems), ",")
	case "overlap":
		if o.Overlap == nil {
			return ""
		}
		return strconv.FormatFloat(*o.Overlap, 'g', -1, 64)
	case "shifts":
		if o.Shifts == nil {
			return ""
		}
		return strconv.Itoa(*o.Shifts)
	default:
		return *o.text(name)
	}
}

func stemsOK(stems []string) bool {
	for i, stem := range stems {
		if !slices.Contains(Stems(), stem) || slices.Contains(stems[:i], stem) {
			return false
		}
	}
	return true
}

// overlapOK is false for what is no number, too.
func overlapOK(x float64) bool { return x >= 0 && x <= MostOverlap }

func shiftsOK(n int) bool { return n >= 0 && n <= MostShifts }
