package project_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/project"
)

func TestSeparation(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		env     string
		environ []string
		want    string // the options, or the error after "!"
	}{
		{"", nil, "-model=htdemucs"},
		{"DEMUCS_STEMS=drums,vocals\nDEMUCS_SHIFTS=2\n", nil, "-stems=vocals,drums -shifts=2 -model=htdemucs"},
		{"DEMUCS_FORMAT=mp3\n", []string{"DEMUCS_FORMAT="}, "-model=htdemucs"},
		{"A=1\nDEMUCS_BITS=12\n", nil, `!DEMUCS_BITS is "12" in .env:2: it must be 16, 24 or float, or empty for the default`},
		{"", []string{"DEMUCS_OVERLAP=lots"}, `!DEMUCS_OVERLAP is "lots" in the environment: it must be a number from 0 to 0.99`},
		{
			"DEMUCS_STEMS=vocals\n",
			[]string{"DEMUCS_TWO_STEMS=drums"},
			"!contradict each other: stems and two stems contradict each other: give one of them (DEMUCS_STEMS in .env:1, DEMUCS_TWO_STEMS in the environment)",
		},
		{"DEMUCS_STEMS=guitar\n", nil, `!the model has no stem "guitar": it has vocals, drums, bass, other (DEMUCS_STEMS in .env:1)`},
		{"DEMUCS_TWO_STEMS=piano\n", nil, `!the model has no stem "piano"`},
		{"DEMUCS_STEMS=guitar\nDEMUCS_MODEL=six\n", nil, "-stems=guitar -model=six"},
	} {
		s, err := project.ReadSettings(write(t, map[string]string{".env": tt.env}), tt.environ)
		if err != nil {
			t.Fatal(err)
		}
		o, err := s.Separation()
		want, wrong := strings.CutPrefix(tt.want, "!")
		var coded *exit.Error
		switch {
		case !wrong && (err != nil || o.String() != want):
			t.Errorf("%q, %q: %v, %v; want %q", tt.env, tt.environ, o, err, want)
		case wrong && (!errors.As(err, &coded) || coded.Code != exit.Unusable || !strings.Contains(err.Error(), want)):
			t.Errorf("%q, %q: %v; want %q", tt.env, tt.environ, err, want)
		}
	}
	s, err := project.ReadSettings(t.TempDir(), []string{"DEMUCS_RATE=48000"})
	if err != nil || s.SeparationProblem("DEMUCS_RATE") == nil || s.SeparationProblem("DEMUCS_SUM") != nil || s.SeparationProblem("BASE_IMAGE") != nil {
		t.Errorf("problems: %v, %v", s.SeparationProblem("DEMUCS_RATE"), err)
	}
}
