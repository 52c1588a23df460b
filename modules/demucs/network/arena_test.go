package network

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/im2-audio/im2/pipeline/weights"
)

// program makes pieces that read and write at random: what a piece reads was written completely by
// earlier pieces, or by none at all.
func program(random *rand.Rand) weights.Manifest {
	var m weights.Manifest
	number := func(from, to int) int64 { return int64(from + random.IntN(to-from)) }
	written := map[string][]weights.Range{}
	// view is a random part of a buffer, such that all runs stay within.
	view := func(buffer string, size int64, runs int) weights.View {
		n := number(1, 4)
		step := number(0, int(n)+3)
		room := size - n - step*int64(runs-1)
		if room < 0 {
			step, room = 0, size-n
		}
		return weights.View{Name: "v", Buffer: buffer, Offset: number(0, int(room)+1), Step: step, Shape: []int64{n}}
	}
	var names []string
	sizes := map[string]int64{}
	add := func() string {
		name := fmt.Sprintf("b%d", len(names))
		names = append(names, name)
		sizes[name] = number(4, 60)
		m.Buffers = append(m.Buffers, weights.Buffer{Name: name, Size: sizes[name]})
		return name
	}
	first := add()
	m.Mix, m.Spectrum = view(first, sizes[first], 1), view(add(), sizes[names[1]], 1)
	for range 3 + random.IntN(12) {
		p := weights.Piece{Runs: 1 + random.IntN(3)}
		for range 1 + random.IntN(3) {
			from := names[random.IntN(len(names))]
			p.Inputs = append(p.Inputs, view(from, sizes[from], p.Runs))
		}
		to := add()
		for range 1 + random.IntN(2) {
			v := view(to, sizes[to], p.Runs)
			p.Outputs = append(p.Outputs, v)
			for run := range p.Runs {
				written[to] = append(written[to], weights.Range{Buffer: to, Offset: v.Offset + v.Step*int64(run), Size: v.Values()})
			}
		}
		if random.IntN(2) == 0 {
			p.Clear = append(p.Clear, written[to][random.IntN(len(written[to]))])
		}
		m.Pieces = append(m.Pieces, p)
	}
	last := names[len(names)-1]
	m.Wave, m.Spectra = view(last, sizes[last], 1), view(names[len(names)-2], sizes[names[len(names)-2]], 1)
	return m
}

// A machine computes a program without ONNX Runtime: each number that a piece writes follows from all
// that it reads.
type machine struct {
	part      func(buffer string, offset, size int64) []float32
	beginning func()
	before    func(piece int)
}

func (c machine) run(m weights.Manifest, seed float32) []float32 {
	view := func(v weights.View, run int) []float32 {
		return c.part(v.Buffer, v.Offset+v.Step*int64(run), v.Values())
	}
	c.beginning()
	for k, v := range []weights.View{m.Mix, m.Spectrum} {
		for i := range view(v, 0) {
			view(v, 0)[i] = seed + float32(10*k+i)
		}
	}
	for at, p := range m.Pieces {
		c.before(at)
		for run := range p.Runs {
			sum := float32(at + run)
			for _, in := range p.Inputs {
				for i, x := range view(in, run) {
					sum += x * float32(i+1)
				}
			}
			sum = float32(math.Mod(float64(sum), 1009))
			for k, out := range p.Outputs {
				for i := range view(out, run) {
					view(out, run)[i] = sum + float32(100*k+i+1)
				}
			}
		}
		for _, r := range p.Clear {
			clear(c.part(r.Buffer, r.Offset, r.Size))
		}
	}
	return append(slices.Clone(view(m.Wave, 0)), view(m.Spectra, 0)...)
}

// TestBuffersShareMemoryWithoutMeeting compares random programs in an arena full of rubbish, twice in
// a row, with the same ones where each buffer has memory of its own, all zeros at first.
func TestBuffersShareMemoryWithoutMeeting(t *testing.T) {
	t.Parallel()
	shared, needed := int64(0), int64(0)
	for seed := range uint64(2000) {
		m := program(rand.New(rand.NewPCG(seed, 1)))
		spans, err := plan(m)
		if err != nil {
			t.Fatalf("program %d: %v", seed, err)
		}
		meeting(t, m, spans)
		a, err := newArena(spans)
		if err != nil {
			t.Fatal(err)
		}
		for i := range a.memory {
			a.memory[i] = float32(math.NaN())
		}
		zero := func(piece int) {
			for _, part := range a.untouched(piece) {
				clear(part)
			}
		}
		here := machine{part: a.part, beginning: func() { zero(-1) }, before: zero}
		var own map[string][]float32
		there := machine{
			part: func(buffer string, offset, size int64) []float32 { return own[buffer][offset : offset+size] },
			beginning: func() {
				own = map[string][]float32{}
				for _, b := range m.Buffers {
					own[b.Name] = make([]float32, b.Size)
				}
			},
			before: func(int) {},
		}
		for round := range 2 {
			got, want := here.run(m, float32(round)), there.run(m, float32(round))
			if !slices.Equal(got, want) {
				t.Fatalf("program %d, round %d: %v in the arena, %v in memory of their own", seed, round, got, want)
			}
		}
		shared += int64(len(a.memory))
		for _, b := range m.Buffers {
			needed += b.Size
		}
		if err := a.free(); err != nil {
			t.Fatal(err)
		}
	}
	if shared > needed*9/10 {
		t.Errorf("the arenas have %d numbers, and the buffers %d", shared, needed)
	}
}

// meeting finds the times of use of all buffers again, and compares each two.
func meeting(t *testing.T, m weights.Manifest, spans map[string]*span) {
	t.Helper()
	used := map[string][]int{m.Mix.Buffer: {-1}}
	note := func(at int, views ...weights.View) {
		for _, v := range views {
			used[v.Buffer] = append(used[v.Buffer], at)
		}
	}
	note(-1, m.Spectrum)
	for i, p := range m.Pieces {
		note(i, p.Inputs...)
		note(i, p.Outputs...)
	}
	note(len(m.Pieces), m.Wave, m.Spectra)
	for a, usesA := range used {
		for b, usesB := range used {
			atOnce := slices.Min(usesA) <= slices.Max(usesB) && slices.Min(usesB) <= slices.Max(usesA)
			sa, sb := spans[a], spans[b]
			if a < b && atOnce && sa.offset < sb.offset+sb.size && sb.offset < sa.offset+sa.size {
				t.Errorf("%s and %s are used at the same time and overlap: %+v, %+v", a, b, *sa, *sb)
			}
		}
		if spans[a].offset%align != 0 {
			t.Errorf("%s begins at %d", a, spans[a].offset)
		}
	}
}

func TestPlanRefusesViewsOutsideOfTheirBuffers(t *testing.T) {
	t.Parallel()
	view := func(buffer string, offset, step int64, n int64) weights.View {
		return weights.View{Name: "v", Buffer: buffer, Offset: offset, Step: step, Shape: []int64{n}}
	}
	good := weights.Manifest{
		Buffers: []weights.Buffer{{Name: "a", Size: 10}, {Name: "b", Size: 10}},
		Mix:     view("a", 0, 0, 10), Spectrum: view("a", 0, 0, 1), Wave: view("b", 0, 0, 10), Spectra: view("b", 9, 0, 1),
		Pieces: []weights.Piece{{File: "p", Runs: 2, Inputs: []weights.View{view("a", 0, 5, 5)}, Outputs: []weights.View{view("b", 0, 5, 5)}}},
	}
	if _, err := plan(good); err != nil {
		t.Fatal(err)
	}
	for _, change := range []func(m *weights.Manifest){
		func(m *weights.Manifest) { m.Pieces[0].Inputs[0].Step = 6 },
		func(m *weights.Manifest) { m.Pieces[0].Outputs[0].Buffer = "c" },
		func(m *weights.Manifest) { m.Pieces[0].Runs = 3 },
		func(m *weights.Manifest) { m.Wave.Offset = 1 },
		func(m *weights.Manifest) { m.Mix.Shape = []int64{11} },
	} {
		m := good
		p := m.Pieces[0]
		p.Inputs, p.Outputs = slices.Clone(p.Inputs), slices.Clone(p.Outputs)
		m.Pieces = []weights.Piece{p}
		change(&m)
		if _, err := plan(m); err == nil || !strings.Contains(err.Error(), "do not fit together") {
			t.Errorf("planned %+v: %v", m, err)
		}
	}
}

func TestNormaliseIsTheDefinition(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 3))
	for _, n := range []int{2, 5, 63, 64, 65, 10_007} {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(3 + 0.5*random.NormFloat64())
		}
		mean, squares := 0.0, 0.0
		for _, v := range x {
			mean += float64(v) / float64(n)
		}
		for _, v := range x {
			squares += (float64(v) - mean) * (float64(v) - mean)
		}
		deviation := math.Sqrt(squares / float64(n-1))
		var before []float32
		for _, threads := range []int{1, 2, 3, 100} {
			y := slices.Clone(x)
			m, d := normalise(y, threads)
			if math.Abs(m-mean) > 1e-9 || math.Abs(d-deviation) > 1e-9 {
				t.Errorf("%d numbers, %d threads: mean %v and deviation %v, not %v and %v", n, threads, m, d, mean, deviation)
			}
			for i, v := range y {
				if want := (float64(x[i]) - mean) / (deviation + 1e-5); math.Abs(float64(v)-want) > 1e-5 {
					t.Fatalf("%d numbers: %v became %v, not %v", n, x[i], v, want)
				}
			}
			if before != nil && !slices.Equal(before, y) {
				t.Errorf("%d numbers: %d threads give other numbers", n, threads)
			}
			before = slices.Clone(y)
			denormalise(y, m, d, threads)
			for i := range y { // The same but for the 1e-5 that keeps silence from a division by zero.
				if math.Abs(float64(y[i]-x[i])) > 1e-4 {
					t.Fatalf("%v came back as %v", x[i], y[i])
				}
			}
		}
	}
	silence := make([]float32, 100)
	if m, d := normalise(silence, 2); m != 0 || d != 0 || slices.ContainsFunc(silence, func(v float32) bool { return v != 0 }) {
		t.Errorf("silence became %v with mean %v and deviation %v", silence[:3], m, d)
	}
}
