package options

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func number[T any](x T) *T { return &x }

func TestDefaultIsWhole(t *testing.T) {
	t.Parallel()
	o := Default()
	if err := o.Check([]string{"drums", "bass", "other", "vocals"}); err != nil {
		t.Error(err)
	}
	for _, f := range Fields {
		if open := f.Name == "stems" || f.Name == "two_stems"; (o.Get(f.Name) == "") != open {
			t.Errorf("%s is %q", f.Name, o.Get(f.Name))
		}
	}
	if want := "-format=wav -bits=16 -clip=rescale -overlap=0.25 -shifts=0 -model=htdemucs -sum=model -rate=44100 -output=stems"; o.String() != want {
		t.Errorf("String = %q, want %q", o.String(), want)
	}
	if got, want := o.Files([]string{"drums", "bass", "other", "vocals"}), []string{"vocals.wav", "drums.wav", "bass.wav", "other.wav"}; !slices.Equal(got, want) {
		t.Errorf("Files = %q, want %q", got, want)
	}
}

// Every field is in the table, under the name that it has in JSON.
func TestFieldsAreThoseOfTheStruct(t *testing.T) {
	t.Parallel()
	kind := reflect.TypeFor[Options]()
	all := Fields
	if len(all) != kind.NumField() {
		t.Fatalf("%d fields, and %d in the table", kind.NumField(), len(all))
	}
	for i, f := range all {
		if name, _, _ := strings.Cut(kind.Field(i).Tag.Get("json"), ","); name != f.Name {
			t.Errorf("field %d is %q, and %q in the table", i, name, f.Name)
		}
	}
}

func TestOver(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ song, service, want Options }{
		"nothing said":                    {Options{}, Options{}, Options{}},
		"the song wins":                   {Options{Format: FLAC, Overlap: number(0.5)}, Options{Format: MP3, Overlap: number(0.1), Shifts: number(2)}, Options{Format: FLAC, Overlap: number(0.5), Shifts: number(2)}},
		"bits that the format has not":    {Options{Bits: BitsFloat}, Options{Format: FLAC, Bits: Bits24}, Options{Bits: BitsFloat}},
		"bits where the format has none":  {Options{Bits: Bits16}, Options{Format: MP3}, Options{Bits: Bits16}},
		"bits that the format has":        {Options{Bits: Bits16}, Options{Format: FLAC, Bits: Bits24}, Options{Format: FLAC, Bits: Bits16}},
		"zero was said":                   {Options{Overlap: number(0.0), Shifts: number(0)}, Options{Overlap: number(0.1), Shifts: number(2)}, Options{Overlap: number(0.0), Shifts: number(0)}},
		"two stems over some":             {Options{TwoStems: "vocals"}, Options{Stems: []string{"drums"}}, Options{TwoStems: "vocals"}},
		"some over two":                   {Options{Stems: []string{"drums"}}, Options{TwoStems: "vocals"}, Options{Stems: []string{"drums"}}},
		"no stems over some":              {Options{Output: OutputInstrumental}, Options{Stems: []string{"drums"}}, Options{Output: OutputInstrumental}},
		"both over some":                  {Options{Output: OutputBoth}, Options{Stems: []string{"drums"}}, Options{Output: OutputBoth, Stems: []string{"drums"}}},
		"some over no stems":              {Options{Stems: []string{"drums"}}, Options{Output: OutputInstrumental}, Options{Stems: []string{"drums"}}},
		"two over both":                   {Options{TwoStems: "bass"}, Options{Output: OutputBoth}, Options{Output: OutputBoth, TwoStems: "bass"}},
		"those of the service":            {Options{}, Options{TwoStems: "vocals"}, Options{TwoStems: "vocals"}},
		"mp3 over bits":                   {Options{Format: MP3}, Options{Bits: Bits24}, Options{Format: MP3}},
		"flac over float":                 {Options{Format: FLAC}, Options{Bits: BitsFloat}, Options{Format: FLAC}},
		"flac keeps 24":                   {Options{Format: FLAC}, Options{Bits: Bits24}, Options{Format: FLAC, Bits: Bits24}},
		"a contradiction of the song own": {Options{Format: MP3, Bits: Bits24}, Options{}, Options{Format: MP3, Bits: Bits24}},
	}
	for name, tt := range tests {
		if got := tt.song.Over(tt.service); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %+v, want %+v", name, got, tt.want)
		}
	}
	mp3 := Options{Format: MP3}.Over(Options{Bits: Bits24}).Over(Default())
	if err := mp3.Check(nil); err != nil || mp3.Bits != "" {
		t.Errorf("mp3 over all defaults: %v, %v", mp3, err)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	four := []string{"drums", "bass", "other", "vocals"}
	for want, o := range map[string]Options{
		"": {Stems: []string{"bass", "vocals"}, Bits: BitsFloat, Overlap: number(MostOverlap), Shifts: number(MostShifts), Model: "my_model-2.1", Rate: RateSource, Sum: SumExact, Clip: ClipNone},
		`stems "vocals,voclas": it must be a list, separated by commas, of vocals, drums, bass, other, guitar, piano`: {Stems: []string{"vocals", "voclas"}},
		`stems "bass,bass": it must be`:                                 {Stems: []string{"bass", "bass"}},
		`stems "vocals,drums": it must be`:                              {Stems: []string{"vocals,drums"}},
		`stems "": it must be`:                                          {Stems: []string{""}},
		`two_stems "no_vocals": it must be one of vocals,`:              {TwoStems: "no_vocals"},
		`the model has no stem "piano": it has vocals, drums, bass`:     {TwoStems: "piano"},
		`the model has no stem "guitar": it has`:                        {Stems: []string{"vocals", "guitar"}},
		`format "ogg": it must be wav, flac or mp3`:                     {Format: "ogg"},
		`format "WAV": it must be wav, flac or mp3`:                     {Format: "WAV"},
		`bits "32": it must be 16, 24 or float`:                         {Bits: "32"},
		`clip "soft": it must be rescale, clamp or none`:                {Clip: "soft"},
		`overlap "1": it must be a number from 0 to 0.99`:               {Overlap: number(1.0)},
		`overlap "-0.1": it must be`:                                    {Overlap: number(-0.1)},
		`shifts "21": it must be a whole number from 0 to 20`:           {Shifts: number(21)},
		`shifts "-1": it must be`:                                       {Shifts: number(-1)},
		`model "../up": it must be the name of a prepared model`:        {Model: "../up"},
		`model "A": it must be`:                                         {Model: "A"},
		`model ".": it must be`:                                         {Model: "."},
		`sum "all": it must be model or exact`:                          {Sum: "all"},
		`rate "48000": it must be 44100 or source`:                      {Rate: "48000"},
		`output instrumental has no stems: leave stems and two stems`:   {Output: OutputInstrumental, TwoStems: "bass"},
		`output "karaoke": it must be stems, instrumental or both`:      {Output: "karaoke"},
		`stems and two stems contradict each other: give one of them`:   {Stems: []string{"bass"}, TwoStems: "bass"},
		`bits "24": an mp3 file has none; leave them out, or choose`:    {Format: MP3, Bits: Bits24},
		`bits "float": a flac file cannot have them; choose the format`: {Format: FLAC, Bits: BitsFloat},
	} {
		err := o.Check(four)
		if (want == "") != (err == nil) || (err != nil && !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("Check(%+v) = %v, want %q", o, err, want)
		}
	}
	if err := (Options{Output: OutputBoth}).Check([]string{"drums", "other"}); err == nil || !strings.Contains(err.Error(), `no stem "vocals"`) {
		t.Errorf("without vocals: %v", err)
	}
	if err := (Options{TwoStems: "piano"}).Check(nil); err != nil {
		t.Errorf("of an unknown model: %v", err)
	}
}

func TestSetAndGet(t *testing.T) {
	t.Parallel()
	var o Options
	for name, text := range map[string]string{
		"stems": "drums,vocals", "format": "flac", "bits": "24", "clip": "none", "overlap": "0.1", "shifts": "3",
		"model": "mine", "sum": "exact", "rate": "source", "output": "both",
	} {
		if err := o.Set(name, text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if want := "-stems=vocals,drums -format=flac -bits=24 -clip=none -overlap=0.1 -shifts=3 -model=mine -sum=exact -rate=source -output=both"; o.String() != want {
		t.Errorf("String = %q, want %q", o.String(), want)
	}
	for _, f := range Fields {
		if err := o.Set(f.Name, ""); err != nil || o.Get(f.Name) != "" {
			t.Errorf("%s was not unset: %v, %q", f.Name, err, o.Get(f.Name))
		}
	}
	if !reflect.DeepEqual(o, Options{}) {
		t.Errorf("what is left: %+v", o)
	}
	for name, text := range map[string]string{
		"stems": "vocals,,drums", "two_stems": "vocals,drums", "overlap": "NaN", "shifts": "1.5", "model": "a/b", "rate": "44.1k",
	} {
		var wrong *FieldError
		if err := o.Set(name, text); !errors.As(err, &wrong) || wrong.Name != name || wrong.Value != text {
			t.Errorf("%s %q: %v", name, text, err)
		}
	}
	if err := o.Set("colour", "red"); err == nil {
		t.Error("an option that does not exist was set")
	}
}

func TestEqual(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a, b Options
		want bool
	}{
		{Options{}, Options{}, true},
		{Options{Stems: []string{"drums", "vocals"}}, Options{Stems: []string{"vocals", "drums"}}, true},
		{Options{Stems: []string{}}, Options{}, true},
		{Options{Overlap: number(0.5)}, Options{Overlap: number(0.5)}, true},
		{Options{Overlap: number(0.0)}, Options{}, false},
		{Options{Format: WAV}, Options{}, false},
		{Options{TwoStems: "vocals"}, Options{Stems: []string{"vocals"}}, false},
	} {
		if tt.a.Equal(tt.b) != tt.want || tt.b.Equal(tt.a) != tt.want {
			t.Errorf("%+v and %+v: %v", tt.a, tt.b, !tt.want)
		}
	}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	six := []string{"drums", "bass", "other", "vocals", "guitar", "piano"}
	for want, o := range map[string]Options{
		"vocals.wav drums.wav bass.wav other.wav guitar.wav piano.wav": {Format: WAV},
		"drums.mp3 other.mp3":        {Format: MP3, Stems: []string{"other", "drums"}},
		"vocals.flac no_vocals.flac": {Format: FLAC, TwoStems: "vocals"},
		"":                           {Format: FLAC, Output: OutputInstrumental},
	} {
		files := o.Files(six)
		if strings.Join(files, " ") != want {
			t.Errorf("Files of %v = %q, want %q", o, files, want)
		}
		for _, file := range files {
			if !IsFile(file) {
				t.Errorf("%q is none of its own files", file)
			}
		}
	}
	for _, name := range []string{
		"", ".", "vocals", "vocals.", "vocals.WAV", "vocals.wav.wav", "no_.wav", "no_no_vocals.wav", "../vocals.wav", "vocals.wav/", "track.json", "mix.wav",
		" (Instrumental).wav", "a (Instrumental).exe", "../a (Instrumental).wav", "a/b (Instrumental).wav", ".a (Instrumental).wav", "-a (Instrumental).mp3",
		"a\nb (Instrumental).wav", "a\u202eb (Instrumental).wav", strings.Repeat("a", 201) + " (Instrumental).wav", "CON (Instrumental).wav", "a (instrumental).wav",
	} {
		if IsFile(name) {
			t.Errorf("%q is taken for a file of stems", name)
		}
	}
}

// Whatever a song's title is, the file without its vocals has a name that every system can have, and that is known again.
func TestInstrumentalName(t *testing.T) {
	t.Parallel()
	for _, title := range []string{"Song", "", "..", "../../x", "-rf", "AC/DC: v1.2.mp3", "\xff", "a\x1b[2Jb", "CON", "x (Instrumental)", strings.Repeat("é", 300)} {
		name := InstrumentalName(title)
		for _, ext := range []string{WAV, FLAC, MP3} {
			if file := name + "." + ext; StemOf(file) != OutputInstrumental || len(file) > 255 || strings.ContainsAny(file, "/\\\x1b") {
				t.Errorf("%q becomes %q", title, file)
			}
		}
	}
	if got := InstrumentalName("AC/DC: v1.2.mp3"); got != "AC_DC_ v1.2.mp3 (Instrumental)" {
		t.Errorf("%q", got)
	}
	if got := StemOf("no_vocals.flac"); got != "no_vocals" {
		t.Errorf("StemOf = %q", got)
	}
}

// The song without its vocals is FLAC, unless something else is said that FLAC is not.
func TestComplete(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		o            Options
		format, bits string
	}{
		{Options{}, WAV, Bits16},
		{Options{Output: OutputStems}, WAV, Bits16},
		{Options{Output: OutputInstrumental}, FLAC, Bits16},
		{Options{Output: OutputBoth, Bits: Bits24}, FLAC, Bits24},
		{Options{Output: OutputBoth, Bits: BitsFloat}, WAV, BitsFloat},
		{Options{Output: OutputInstrumental, Format: MP3}, MP3, ""},
		{Options{Output: OutputInstrumental, Format: WAV}, WAV, Bits16},
	} {
		if got := tt.o.Complete(); got.Format != tt.format || got.Bits != tt.bits || got.Check(nil) != nil {
			t.Errorf("%v: %v", tt.o, got)
		}
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	o, err := Parse([]byte(` {"stems": ["drums", "vocals"], "overlap": 0.5, "shifts": 0, "format": "flac"} ` + "\n"))
	if want := (Options{Stems: []string{"vocals", "drums"}, Overlap: number(0.5), Shifts: number(0), Format: FLAC}); err != nil || !reflect.DeepEqual(o, want) {
		t.Errorf("Parse = %+v, %v; want %+v", o, err, want)
	}
	for text, want := range map[string]string{
		"":                                  `not a JSON object such as {"stems": ["vocals"]}`,
		"[]":                                "not a JSON object",
		"{":                                 "EOF",
		`{"stems":["vocals"]`:               "EOF",
		"{} {}":                             "there is text after the object",
		"{}x":                               "there is text after the object",
		`{"colour":1}`:                      `"colour" is not an option, or is given twice; the options are stems, two_stems, format`,
		`{"Format":"wav"}`:                  `"Format" is not an option`,
		`{"format":"wav","format":"mp3"}`:   `"format" is not an option, or is given twice`,
		`{"format":null}`:                   "format is null",
		`{"bits":16}`:                       "bits: it must be 16, 24 or float, in JSON a string",
		`{"shifts":1.5}`:                    "shifts: it must be a whole number from 0 to 20, in JSON a number",
		`{"stems":"vocals"}`:                "stems: it must be a list, separated by commas, of vocals, drums, bass, other, guitar, piano, in JSON a list of strings",
		`{"stems":[null]}`:                  `stems "": it must be`,
		`{"overlap":2}`:                     `overlap "2": it must be`,
		`{"format":"mp3","bits":"16"}`:      "an mp3 file has none",
		strings.Repeat(" ", Longest) + "{}": "more than 4096 bytes",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%.40q) = %v, want %q", text, err, want)
		}
	}
}

// Whatever is taken is correct, and is taken again as what it was.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"{}", `{"stems":["drums","vocals"],"bits":"24"}`, `{"two_stems":"bass","format":"mp3","clip":"clamp"}`,
		`{"overlap":1e-3,"shifts":20,"model":"my.model","sum":"exact","rate":"source"}`, `{"stems":[""],"overlap":-0}`, `{"format":null}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		o, err := Parse(data)
		if err != nil {
			return
		}
		if err := o.Check(nil); err != nil {
			t.Fatalf("%q was taken, and is wrong: %v", data, err)
		}
		written, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(written)
		if err != nil || !again.Equal(o) {
			t.Fatalf("%q became %s, and that %+v, %v", data, written, again, err)
		}
		for _, file := range o.Over(Default()).Files(Stems) {
			if !IsFile(file) {
				t.Fatalf("%q makes a file %q", data, file)
			}
		}
	})
}
