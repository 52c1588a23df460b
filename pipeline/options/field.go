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
	// of is where Options have it: a pointer to a string, a list, or a pointer to a number.
	of func(*Options) any
}

// Fields are all options.
var Fields = []Field{
	{
		Name: "stems", Flag: "stems", Setting: "DEMUCS_STEMS", About: "the only stems that are kept",
		Allowed: "a list, separated by commas, of " + strings.Join(Stems, ", "), Values: Stems, of: func(o *Options) any { return &o.Stems },
	},
	{
		Name: "two_stems", Flag: "twoStems", Setting: "DEMUCS_TWO_STEMS", About: "one stem, and all others as one",
		Allowed: "one of " + strings.Join(Stems, ", "), Values: Stems, of: func(o *Options) any { return &o.TwoStems },
	},
	few("format", "DEMUCS_FORMAT", "the kind of the files", func(o *Options) any { return &o.Format }, WAV, FLAC, MP3),
	few("bits", "DEMUCS_BITS", "the bits of each sample", func(o *Options) any { return &o.Bits }, Bits16, Bits24, BitsFloat),
	few("clip", "DEMUCS_CLIP", "what is done where stems are louder than a file can be",
		func(o *Options) any { return &o.Clip }, Rescale, Clamp, ClipNone),
	{
		Name: "overlap", Flag: "overlap", Setting: "DEMUCS_OVERLAP", About: "how much of each segment the next one covers",
		Allowed: fmt.Sprintf("a number from 0 to %g", MostOverlap), of: func(o *Options) any { return &o.Overlap },
	},
	{
		Name: "shifts", Flag: "shifts", Setting: "DEMUCS_SHIFTS", About: "how often each song is separated, for the mean",
		Allowed: fmt.Sprintf("a whole number from 0 to %d", MostShifts), of: func(o *Options) any { return &o.Shifts },
	},
	{
		Name: "model", Flag: "model", Setting: "DEMUCS_MODEL", About: "the model",
		Allowed: `the name of a prepared model: up to 64 of a-z, 0-9, ".", "_" and "-"`, of: func(o *Options) any { return &o.Model },
	},
	few("sum", "DEMUCS_SUM", "whether the stems add up to the song", func(o *Options) any { return &o.Sum }, SumModel, SumExact),
	few("rate", "DEMUCS_RATE", "the sample rate of the files", func(o *Options) any { return &o.Rate }, Rate44100, RateSource),
	few("output", "DEMUCS_OUTPUT", "which files are made", func(o *Options) any { return &o.Output }, OutputStems, OutputInstrumental, OutputBoth),
}

func few(name, setting, about string, of func(*Options) any, values ...string) Field {
	last := len(values) - 1
	allowed := strings.Join(values[:last], ", ") + " or " + values[last]
	return Field{Name: name, Flag: name, Setting: setting, About: about, Allowed: allowed, Values: values, of: of}
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
	i := slices.IndexFunc(Fields, func(f Field) bool { return f.Name == name })
	if i < 0 {
		return Field{}, false
	}
	return Fields[i], true
}

// Set gives the option of that JSON name the value that a person typed; an empty text unsets it. The
// error is a FieldError. Only this one value is checked; Check checks all of them together.
func (o *Options) Set(name, text string) error {
	f, ok := field(name)
	if !ok {
		return fmt.Errorf("there is no option %q", name)
	}
	if !f.set(o, text) {
		return &FieldError{f, text}
	}
	return nil
}

func (f Field) set(o *Options, text string) (ok bool) {
	switch value := f.of(o).(type) {
	case *[]string:
		*value = nil
		if text != "" {
			*value = inOrder(strings.Split(text, ","))
		}
		return stemsOK(*value)
	case **float64:
		*value = nil
		if text == "" {
			return true
		}
		x, err := strconv.ParseFloat(text, 64)
		*value = &x
		return err == nil && x >= 0 && x <= MostOverlap // NaN is neither.
	case **int:
		*value = nil
		if text == "" {
			return true
		}
		n, err := strconv.Atoi(text)
		*value = &n
		return err == nil && n >= 0 && n <= MostShifts
	case *string:
		*value = text
	}
	if f.Name == "model" {
		return text == "" || weights.ValidName(text)
	}
	return text == "" || slices.Contains(f.Values, text)
}

// Get returns the value of the option of that JSON name as Set takes it; "" where nothing was said.
func (o Options) Get(name string) string {
	f, ok := field(name)
	if !ok {
		return ""
	}
	switch value := f.of(&o).(type) {
	case *[]string:
		return strings.Join(inOrder(*value), ",")
	case **float64:
		if *value != nil {
			return strconv.FormatFloat(**value, 'g', -1, 64)
		}
	case **int:
		if *value != nil {
			return strconv.Itoa(**value)
		}
	case *string:
		return *value
	}
	return ""
}

func stemsOK(stems []string) bool {
	for i, stem := range stems {
		if !slices.Contains(Stems, stem) || slices.Contains(stems[:i], stem) {
			return false
		}
	}
	return true
}
