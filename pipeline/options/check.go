package options

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Longest is how many bytes of JSON Parse takes.
const Longest = 4 << 10

// Check says what is wrong with the options, alone and together. known are the stems of the model,
// nil where it is not known which that is. It may be given what was asked, or what comes of that
// over defaults.
func (o Options) Check(known []string) error {
	if !stemsOK(o.Stems) { // Get would join what is one wrong name.
		f, _ := field("stems")
		return &FieldError{f, strings.Join(o.Stems, ",")}
	}
	for _, f := range Fields {
		var probe Options
		if err := probe.Set(f.Name, o.Get(f.Name)); err != nil {
			return err
		}
	}
	if known == nil {
		known = Stems
	}
	needed := append(slices.Clone(o.Stems), o.TwoStems)
	if o.Instrumental() {
		needed = append(needed, vocals)
	}
	for _, stem := range needed {
		if stem != "" && !slices.Contains(known, stem) {
			return fmt.Errorf("the model has no stem %q: it has %s", stem, strings.Join(inOrder(known), ", "))
		}
	}
	switch {
	case len(o.Stems) > 0 && o.TwoStems != "":
		return errors.New("stems and two stems contradict each other: give one of them")
	case o.Output == OutputInstrumental && (len(o.Stems) > 0 || o.TwoStems != ""):
		return errors.New("output instrumental has no stems: leave stems and two stems out, or choose the output both")
	case o.Format == MP3 && o.Bits != "":
		return fmt.Errorf("bits %q: an mp3 file has none; leave them out, or choose the format wav or flac", o.Bits)
	case !fits(o.Format, o.Bits):
		return fmt.Errorf("bits %q: a %s file cannot have them; choose the format wav, or 16 or 24 bits", o.Bits, o.Format)
	}
	return nil
}

// Parse reads options that somebody wrote: one JSON object of at most Longest bytes with nothing but
// options, each at most once, and correct. Stems may be in any order.
func Parse(data []byte) (Options, error) {
	if len(data) > Longest {
		return Options{}, fmt.Errorf("reading options: more than %d bytes", Longest)
	}
	var o Options
	if err := o.read(data); err != nil {
		return Options{}, fmt.Errorf("reading options: %w", err)
	}
	if err := o.Check(nil); err != nil {
		return Options{}, fmt.Errorf("reading options: %w", err)
	}
	return o.canonical(), nil
}

// read reads the object key by key: encoding/json alone takes the last of two equal keys, keys in
// other letters, and null for anything.
func (o *Options) read(data []byte) error {
	left := slices.Clone(Fields)
	in := json.NewDecoder(bytes.NewReader(data))
	if start, err := in.Token(); err != nil || start != json.Delim('{') {
		return errors.New(`not a JSON object such as {"stems": ["vocals"]}`)
	}
	for in.More() {
		token, err := in.Token()
		if err != nil {
			return err
		}
		key, _ := token.(string)
		i := slices.IndexFunc(left, func(f Field) bool { return f.Name == key })
		if i < 0 {
			var names []string
			for _, f := range Fields {
				names = append(names, f.Name)
			}
			return fmt.Errorf("%q is not an option, or is given twice; the options are %s", key, strings.Join(names, ", "))
		}
		f := left[i]
		left = slices.Delete(left, i, i+1)
		var value json.RawMessage
		if err := in.Decode(&value); err != nil {
			return err
		}
		if bytes.Equal(value, []byte("null")) {
			return fmt.Errorf("%s is null: leave it out, or give a value", key)
		}
		if err := json.Unmarshal(value, f.of(o)); err != nil {
			return fmt.Errorf("%s: it must be %s, in JSON %s", key, f.Allowed, f.kind())
		}
	}
	if _, err := in.Token(); err != nil { // The brace at the end.
		return err
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is text after the object")
	}
	return nil
}

func (f Field) kind() string {
	switch f.of(&Options{}).(type) {
	case *[]string:
		return "a list of strings"
	case *string:
		return "a string"
	default:
		return "a number"
	}
}
