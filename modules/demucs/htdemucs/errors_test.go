package htdemucs_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/im2-audio/im2/modules/demucs/htdemucs"
)

func TestErrorsEndIt(t *testing.T) {
	t.Parallel()
	errNetwork := errors.New("the network is broken")
	for name, test := range map[string]struct {
		prepare func(net *fakeNetwork, mix *song, out *stems, cancel func())
		want    error
		runs    int // how often the network may run
	}{
		"first reading of the mix": {func(_ *fakeNetwork, mix *song, _ *stems, _ func()) { mix.fail = 300000 }, errDisk, 0},
		"second reading of the mix": {func(net *fakeNetwork, mix *song, _ *stems, _ func()) {
			net.run = func(context.Context, int) error { mix.fail = 300000; return nil }
		}, errDisk, 1},
		"network": {func(net *fakeNetwork, _ *song, _ *stems, _ func()) {
			net.run = func(_ context.Context, runs int) error {
				if runs == 2 {
					return errNetwork
				}
				return nil
			}
		}, errNetwork, 2},
		"sink":          {func(_ *fakeNetwork, _ *song, out *stems, _ func()) { out.fail = 1000 }, errDisk, 1},
		"cancel before": {func(_ *fakeNetwork, _ *song, _ *stems, cancel func()) { cancel() }, context.Canceled, 0},
		"cancel in the network": {func(net *fakeNetwork, _ *song, _ *stems, cancel func()) {
			net.run = func(context.Context, int) error { cancel(); return nil }
		}, context.Canceled, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "second reading of the mix" || name == "cancel in the network" { // ends as "network" does
				notUnderRaceDetector(t)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			net, mix, out := newNetwork(1, mixOnly), music(400000), new(stems)
			test.prepare(net, mix, out, cancel)
			err := htdemucs.Separate(ctx, net, mix, out, htdemucs.Options{Overlap: 0.25}, nil)
			if !errors.Is(err, test.want) || net.runs != test.runs {
				t.Errorf("after %d runs: %v; want %v after %d", net.runs, err, test.want, test.runs)
			}
		})
	}
}

func TestWrongUseIsAnError(t *testing.T) {
	t.Parallel()
	short := func([]float32, []float32) (outSpec, outWave []float32) { return make([]float32, 5), make([]float32, 5) }
	narrow := newNetwork(1, mixOnly)
	narrow.spec = narrow.spec[1:]
	tiny := newNetwork(1, mixOnly)
	tiny.mix = nil
	for name, test := range map[string]struct {
		net  *fakeNetwork
		mix  *song
		opt  htdemucs.Options
		want string
	}{
		"overlap 1":      {newNetwork(1, mixOnly), music(9), htdemucs.Options{Overlap: 1}, "separating: overlap 1 is not between 0 and 1 (1 excluded)"},
		"overlap -1":     {newNetwork(1, mixOnly), music(9), htdemucs.Options{Overlap: -1}, "separating: overlap -1 is not between 0 and 1 (1 excluded)"},
		"overlap NaN":    {newNetwork(1, mixOnly), music(9), htdemucs.Options{Overlap: math.NaN()}, "separating: overlap NaN is not between 0 and 1 (1 excluded)"},
		"overlap 1-1e-9": {newNetwork(1, mixOnly), music(9), htdemucs.Options{Overlap: 1 - 1e-9}, "separating: overlap 0.999999999 leaves no distance between segments of 343980 frames"},
		"shifts":         {newNetwork(1, mixOnly), music(9), htdemucs.Options{Shifts: -1}, "separating: shifts -1 are not between 0 and 1000"},
		"empty":          {newNetwork(1, mixOnly), music(0), htdemucs.Options{}, "separating: the mix has no frames"},
		"no sources":     {newNetwork(0, mixOnly), music(9), htdemucs.Options{}, "separating: the network has no sources"},
		"outputs":        {newNetwork(1, short), music(9), htdemucs.Options{}, "separating: the network gave 5 values of the transform and 5 samples for 1 sources, not 2752512 and 687960"},
		"inputs":         {narrow, music(9), htdemucs.Options{}, "separating: the network takes 687960 samples and 2752511 of the transform, not 2*343980 and 4*2048*336"},
		"no inputs":      {tiny, music(9), htdemucs.Options{}, "separating: the network takes 0 samples, not 2*343980"},
	} {
		err := htdemucs.Separate(t.Context(), test.net, test.mix, new(stems), test.opt, nil)
		if err == nil || err.Error() != test.want {
			t.Errorf("%s: %v; want %s", name, err, test.want)
		}
	}
}

// The first reading of a long mix tells that it goes on.
func TestReadingALongMixIsProgress(t *testing.T) {
	t.Parallel()
	notUnderRaceDetector(t)
	net, told := newNetwork(1, mixOnly), 0
	net.run = func(context.Context, int) error { return errDisk }
	err := htdemucs.Separate(t.Context(), net, silence(601*htdemucs.SampleRate), new(stems), htdemucs.Options{Threads: 1}, func(done, _ int) {
		if done == 0 {
			told++
		}
	})
	if !errors.Is(err, errDisk) || told != 3 {
		t.Errorf("told %d times, %v; want twice and at the first segment", told, err)
	}
}

// silence is a mix of so many frames of zeros.
type silence int64

func (s silence) Frames() int64 { return int64(s) }

func (silence) ReadFrames(left, right []float32, _ int64) error {
	clear(left)
	clear(right)
	return nil
}
