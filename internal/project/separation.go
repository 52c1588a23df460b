package project

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/pipeline/options"
)

// Separation returns what the settings ask of every separation; a song's own options win over it. The
// error has the exit code Unusable and names the setting and where it is set.
func (s Settings) Separation() (options.Options, error) {
	var o options.Options
	var given []string
	for _, f := range options.Fields {
		setting := s.Get(f.Setting)
		if err := separationProblem(setting, f); err != nil {
			return options.Options{}, err
		}
		_ = o.Set(f.Name, setting.Value) // It was checked.
		if setting.Source != FromDefault && setting.Value != "" {
			given = append(given, fmt.Sprintf("%s in %s", setting.Name, setting.Where()))
		}
	}
	all, stems := o.Complete(), []string(nil)
	if all.Model == options.Default().Model {
		stems = options.DefaultStems
	}
	if err := all.Check(stems); err != nil {
		return options.Options{}, exit.Errorf(exit.Unusable, "the settings of the separation contradict each other: %w (%s)", err, strings.Join(given, ", "))
	}
	return o, nil
}

// SeparationProblem says what is wrong with one of the settings of the separation by itself; nil for
// another setting.
func (s Settings) SeparationProblem(name string) error {
	all := options.Fields
	i := slices.IndexFunc(all, func(f options.Field) bool { return f.Setting == name })
	if i < 0 {
		return nil
	}
	return separationProblem(s.Get(name), all[i])
}

func separationProblem(setting Setting, f options.Field) error {
	var probe options.Options
	var wrong *options.FieldError
	if err := probe.Set(f.Name, setting.Value); errors.As(err, &wrong) {
		return exit.Errorf(exit.Unusable, "%s is %.60q in %s: it must be %s, or empty for the default",
			setting.Name, setting.Value, setting.Where(), wrong.Allowed)
	}
	return nil
}
