package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/spool"
)

func (s *settings) addOptions(flags *flag.FlagSet) {
	s.texts = make(map[string]*string)
	for _, f := range options.Fields() {
		if f.Name == "model" {
			continue
		}
		s.texts[f.Name] = flags.String(flagOf(f), os.Getenv(f.Setting),
			fmt.Sprintf("%s: %s; its default is $%s", f.About, f.Allowed, f.Setting))
	}
}

func flagOf(f options.Field) string { return strings.ReplaceAll(f.Name, "_", "-") }

// readOptions reads what was given with these flags. What is said nowhere is options.Default's, once a
// song's own options are over it.
func (s *settings) readOptions() error {
	s.options = options.Options{Model: s.model}
	for _, f := range options.Fields() {
		text, ok := s.texts[f.Name]
		if !ok {
			continue
		}
		var wrong *options.FieldError
		if err := s.options.Set(f.Name, *text); errors.As(err, &wrong) {
			return fmt.Errorf("-%s %.60q: it must be %s; set %s in .env and run `mage up`", flagOf(f), *text, f.Allowed, f.Setting)
		}
	}
	if err := s.options.Over(options.Default()).Check(nil); err != nil {
		return fmt.Errorf("the flags contradict each other: %w; set DEMUCS_STEMS and the like in .env and run `mage up`", err)
	}
	return nil
}

func (s *settings) checkStems(model prepared) error {
	if err := s.options.Over(options.Default()).Check(model.stems()); err != nil {
		return fmt.Errorf("the settings ask for what the model %s cannot do: %w; set DEMUCS_STEMS and DEMUCS_TWO_STEMS in .env and run `mage up`",
			model.name, err)
	}
	return nil
}

// settingsOf are what a job is separated with: what was asked for with it, over what the service was
// told, over the defaults. stems are those that the model makes; nil where that is not known. Where
// that cannot be done, the error is a rejection.
func (s *settings) settingsOf(j *spool.Job, stems []string) (options.Options, error) {
	all := j.Options.Over(s.options).Over(options.Default())
	if err := all.Check(stems); err != nil {
		return all, &rejection{fmt.Sprintf("%q cannot be separated with its options: %v. They were %s; "+
			"put it into input/ again with other options, as docs/song.md describes.", j.Name, err, cmp.Or(j.Options.String(), "no options"))}
	}
	return all, nil
}
