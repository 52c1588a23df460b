//go:build unix

package main

import (
	"flag"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/spool"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

// parsed are the settings of these flags.
func parsed(t *testing.T, args ...string) *settings {
	t.Helper()
	s := &settings{}
	flags := flag.NewFlagSet("demucs", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	s.addTo(flags)
	spooltest.Must(t, flags.Parse(args))
	return s
}

func TestOptionsComeFromFlagsAndTheEnvironment(t *testing.T) {
	t.Setenv("DEMUCS_FORMAT", "flac")
	t.Setenv("DEMUCS_BITS", "24")
	s := parsed(t, "-bits=16", "-two-stems=vocals")
	spooltest.Must(t, s.readOptions())
	if got, want := s.options.String(), "-twoStems=vocals -format=flac -bits=16 -model=htdemucs"; got != want {
		t.Errorf("options = %q; want %q", got, want)
	}
	t.Setenv("DEMUCS_FORMAT", "ogg")
	if err := parsed(t).readOptions(); err == nil || err.Error() != "-format \"ogg\": it must be wav, flac or mp3; set DEMUCS_FORMAT in .env.local and run `mage up`" {
		t.Errorf("error = %v", err)
	}
}

func TestOptionsThatCannotBeUsedStopTheService(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		`-stems "vocals,guitars": it must be a list`:  {"-stems=vocals,guitars"},
		`-overlap "1": it must be a number from 0 to`: {"-overlap=1"},
		`-shifts "-1": it must be a whole number`:     {"-shifts=-1"},
		"the flags contradict each other: stems and":  {"-stems=vocals", "-two-stems=drums"},
		"an mp3 file has none; leave them out, or":    {"-format=mp3", "-bits=24"},
		`-model "a/b": no model can have that name`:   {"-model=a/b"},
	} {
		if err := parsed(t, args...).check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q", args, err, want)
		}
	}
	spooltest.Must(t, parsed(t).check())
}

// A song's own options are over those of the service, and both over the defaults.
func TestTheSettingsOfAJob(t *testing.T) {
	t.Parallel()
	s := parsed(t, "-two-stems=vocals", "-format=flac", "-bits=24")
	spooltest.Must(t, s.check())
	stems := options.DefaultStems
	for want, asked := range map[string]options.Options{
		"-twoStems=vocals -format=flac -bits=24": {},
		"-stems=drums -format=flac -bits=24":     {Stems: []string{"drums"}},
		"-twoStems=vocals -format=mp3":           {Format: options.MP3},
		"-twoStems=vocals -format=wav -bits=24":  {Format: options.WAV},
		// FLAC has no float.
		"-twoStems=vocals -format=wav -bits=float": {Bits: options.BitsFloat},
	} {
		j := &spool.Job{Record: job.Record{Options: asked}}
		got, err := s.settingsOf(j, stems)
		if want += " -clip=rescale -overlap=0.25 -shifts=0 -model=htdemucs -sum=model -rate=44100 -output=stems"; err != nil || got.String() != want {
			t.Errorf("settings = %q, %v; want %q", got, err, want)
		}
	}
}

func TestASongThatAsksForWhatCannotBeDoneIsRejected(t *testing.T) {
	t.Parallel()
	b := newBench(t, "ffmpeg", "engine")
	j := b.add("song.mp3", "sound")
	j.Options.Stems = []string{"vocals", "piano"}
	spooltest.Must(t, j.Save())
	_, err := b.turn(t.Context())
	spooltest.Must(t, err)
	rejected := b.in(job.Rejected, j.ID)
	if want := `the model has no stem "piano": it has vocals, drums, bass, other. They were -stems=vocals,piano;`; !strings.Contains(rejected.Error, want) {
		t.Errorf("reason = %q; want %q", rejected.Error, want)
	}
}

// What was asked for is in the record, and what was done.
func TestTheRecordHasTheSettings(t *testing.T) {
	t.Parallel()
	b := newBench(t, "ffmpeg", "engine")
	j := b.add("song.mp3", "sound")
	j.Options.Sum = options.SumExact
	spooltest.Must(t, j.Save())
	_, err := b.turn(t.Context())
	spooltest.Must(t, err)
	done := b.in(job.Separated, j.ID)
	if done.Options.String() != "-sum=exact" || done.Settings.Sum != options.SumExact || done.Settings.Format != options.WAV {
		t.Errorf("record = %+v", done.Record)
	}
}

// What a song asks for is refused where it is the work of weeks, with what to lower; not for a usual song, nor for a day with the
// defaults.
func TestTheWorkOfASongHasAnEnd(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		plays   time.Duration
		overlap float64
		shifts  int
		want    string
	}{
		{longestTrack, 0.25, 0, ""},
		{longestTrack, 0.25, 15, ""},
		{10 * time.Minute, options.MostOverlap, options.MostShifts, ""},
		{longestTrack, options.MostOverlap, options.MostShifts, "it plays for 24h0m0s, which is the work of 48000.0 hours with -overlap=0.99 and -shifts=20, and at most 500.0 may be (-max-work). Put"},
		{longestTrack, options.MostOverlap, 0, "the work of 2400.0 hours with -overlap=0.99 and -shifts=0,"},
		{longestTrack, 0.25, 20, "the work of 640.0 hours"},
	} {
		err := parsed(t).checkWork("song", framesOf(c.plays), options.Options{Overlap: &c.overlap, Shifts: &c.shifts})
		if (c.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestASongOfWeeksOfWorkIsRejected(t *testing.T) {
	t.Parallel()
	b := newBench(t, "ffmpeg", "engine")
	b.settings.maxWork = time.Minute // The song plays for a tenth of a second.
	b.engine = engineFunc(func() error { t.Error("the engine was started"); return nil })
	j := b.add("song.mp3", "sound")
	overlap, shifts := options.MostOverlap, options.MostShifts
	j.Options.Overlap, j.Options.Shifts = &overlap, &shifts
	spooltest.Must(t, j.Save())
	_, err := b.turn(t.Context())
	spooltest.Must(t, err)
	if reason := b.in(job.Rejected, j.ID).Error; !strings.Contains(reason, `"song.mp3" would take too long: it plays for 100ms, which is the work of 0.1 hours`) {
		t.Errorf("reason = %q", reason)
	}
}
