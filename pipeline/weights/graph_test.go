package weights

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// near compares numbers that were computed by hand to six digits.
func near(a float32, b float64) bool { return math.Abs(float64(a)-b) < 2e-6 }

// The numbers in here were computed by hand from the definitions in demucs/transformer.py, for
// angles that are simple: sines and cosines of a position times 10000^(-2i/256), and for samples, by
// 10000^(-i/255).
func TestPositionsAreTheDefinition(t *testing.T) {
	t.Parallel()
	p := position2D(8, 336)
	if len(p) != 8*336*512 {
		t.Fatalf("it has %d numbers", len(p))
	}
	for _, c := range []struct {
		row, frame, channel int
		want                float64
	}{
		{0, 0, 0, 0},
		{0, 0, 1, 1},
		{0, 0, 256, 0},
		{0, 0, 257, 1},
		{0, 1, 0, 0.841471},
		{0, 1, 1, 0.540302},
		{0, 1, 256, 0},
		{0, 1, 257, 1}, // sin 1, cos 1 in the half of the frames
		{1, 0, 256, 0.841471},
		{1, 0, 257, 0.540302},
		{1, 0, 0, 0}, // in the half of the rows
		{7, 0, 256, 0.656987},
		{7, 335, 257, 0.753902},    // sin 7, cos 7
		{3, 100, 128, 0.841471},    // 100/10000^(1/2) = 1
		{3, 200, 129, -0.416147},   // cos 2
		{5, 0, 384, 0.049979},      // sin(5/100)
		{0, 335, 254, 0.035993},    // sin(335*10000^(-254/256)), the lowest
		{0, 335, 255, 0.999352},    // and its cosine
		{7, 0, 511, 0.99999971714}, // cos(7*10000^(-254/256))
	} {
		if got := p[(c.row*336+c.frame)*512+c.channel]; !near(got, c.want) {
			t.Errorf("row %d, frame %d, channel %d is %v, not %v", c.row, c.frame, c.channel, got, c.want)
		}
	}
	p = position1D(1344)
	if len(p) != 1344*512 {
		t.Fatalf("it has %d numbers", len(p))
	}
	for _, c := range []struct {
		at, channel int
		want        float64
	}{
		{0, 0, 1},
		{0, 255, 1},
		{0, 256, 0},
		{0, 511, 0},
		{1, 0, 0.540302},
		{1, 256, 0.841471},
		{2, 0, -0.416147},
		{2, 256, 0.909297},
		{1, 255, 0.999999995},
		{1, 511, 0.0001}, // 1/10000
		{1000, 511, 0.099833},
		{1000, 255, 0.995004}, // sin 0.1, cos 0.1
		{100, 341, -0.997495}, // a third of the channels: sin(100*10000^(-1/3)) = sin 4.641589
	} {
		if got := p[c.at*512+c.channel]; !near(got, c.want) {
			t.Errorf("sample %d, channel %d is %v, not %v", c.at, c.channel, got, c.want)
		}
	}
}

func TestQuantiseRoundsToHalfAStep(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	const rows, columns = 40, 7
	m := make([]float32, rows*columns)
	for i := range m {
		m[i] = float32(random.NormFloat64() * math.Pow(10, float64(i%columns)-3))
		if i%columns == 4 {
			m[i] = 0
		}
	}
	q, scales := quantise(m, columns)
	for c := range columns {
		largest := float32(0)
		reached := false
		for r := range rows {
			largest = max(largest, float32(math.Abs(float64(m[r*columns+c]))))
			reached = reached || int8(q[r*columns+c]) == 127 || int8(q[r*columns+c]) == -127
		}
		if math.Abs(float64(scales[c])*127-float64(largest)) > 1e-6*float64(largest) || reached != (c != 4) {
			t.Errorf("column %d: scale %v for %v", c, scales[c], largest)
		}
		for r := range rows {
			v, back := m[r*columns+c], float64(int8(q[r*columns+c]))*float64(scales[c])
			if math.Abs(back-float64(v)) > float64(scales[c])*0.5001 {
				t.Errorf("column %d: %v became %v, with steps of %v", c, v, back, scales[c])
			}
		}
	}
	if q, scales := quantise([]float32{2.54, -1.27, 0.635, 1.27}, 2); !slices.Equal(q, []byte{127, 0x81, 32, 127}) || !near(scales[0], 0.02) || !near(scales[1], 0.01) {
		t.Errorf("by hand: %v, %v", q, scales) // 0.635/0.02 = 31.75
	}
}

func TestMatricesAreTakenApart(t *testing.T) {
	t.Parallel()
	m := []float32{1, 2, 3, 4, 5, 6} // [2, 3]
	if got := columns(m, 3, 1, 2); !slices.Equal(got, []float32{2, 3, 5, 6}) {
		t.Errorf("columns 1 and 2 are %v", got)
	}
	if got := transpose(m, 2, 3); !slices.Equal(got, []float32{1, 4, 2, 5, 3, 6}) {
		t.Errorf("transposed, it is %v", got)
	}
	if got := scaleColumns(m, []float32{1, 10, 100}); !slices.Equal(got, []float32{1, 20, 300, 4, 50, 600}) {
		t.Errorf("scaled, it is %v", got)
	}
	if got := repeat([]float32{1, 2}, 3); !slices.Equal(got, []float32{1, 1, 1, 2, 2, 2}) {
		t.Errorf("repeated, it is %v", got)
	}
	for n, want := range map[int]int{1: 1, 43: 43, 44: 22, 47: 1, 513: 27, 129: 43, 33: 33} {
		if got := groupsAtOnce(n); got != want {
			t.Errorf("of %d, %d at once and not %d", n, got, want)
		}
	}
}

// small makes a graph with parameters of all kinds.
func small() *graph {
	g := newGraph()
	x := g.input("in0", 2, 3)
	y := g.op("Add", []string{x, g.constant([]int{2, 3}, []float32{1, 2, 3, 4, 5, 6})}, attr("axis", -1), attr("alpha", 0.5), attr("mode", "x"), attr("pads", []int{0, 1}))
	y = g.msop("Gelu", []string{y})
	g.output("out0", g.op("Reshape", []string{y, g.shape(3, 2)}), 3, 2)
	return g
}

func TestWhatIsEncodedIsReadAgain(t *testing.T) {
	t.Parallel()
	data := small().encode("small")
	if !bytes.Equal(data, small().encode("small")) {
		t.Error("the same graph has other bytes the second time")
	}
	s, err := readSource(data)
	if err != nil {
		t.Fatal(err)
	}
	if s.opset != opset || s.outputs != 1 || !slices.Equal(s.inputs["in0"], []int64{2, 3}) {
		t.Errorf("opset %d, %d outputs, inputs %v", s.opset, s.outputs, s.inputs)
	}
	if n := s.nodes["Add_v1"]; n.op != "Add" || !slices.Equal(n.inputs, []string{"in0", "c0"}) || s.ops["Gelu"] != 1 || s.ops["Identity"] != 1 {
		t.Errorf("nodes %v, operations %v", s.nodes, s.ops)
	}
	if c := s.tensors["c0"]; len(s.tensors) != 1 || !slices.Equal(c.dims, []int64{2, 3}) || !slices.Equal(c.floats(), []float32{1, 2, 3, 4, 5, 6}) {
		t.Errorf("tensors %v", s.tensors)
	}
}

func TestSmallConstantsAreKeptOnce(t *testing.T) {
	t.Parallel()
	g := newGraph()
	first := g.constant([]int{2}, []float32{1, 2})
	if again := g.constant([]int{2}, []float32{1, 2}); again != first {
		t.Error("the same numbers are kept twice")
	}
	for name, other := range map[string]string{
		"another shape":   g.constant([]int{2, 1}, []float32{1, 2}),
		"other numbers":   g.constant([]int{2}, []float32{1, 3}),
		"whole numbers":   g.shape(1, 2),
		"the other zero":  g.constant([]int{1}, []float32{float32(math.Copysign(0, -1))}),
		"8 bits":          g.raw(int8Type, []int{8}, binary.LittleEndian.AppendUint64(nil, 1)),
		"no dimension":    g.scalar(1),
		"a shape of same": g.constant([]int{1, 2}, []float32{1, 2}),
	} {
		if other == first {
			t.Errorf("%s: taken for the first", name)
		}
	}
	if zero := g.constant([]int{1}, []float32{0}); zero == g.constant([]int{1}, []float32{float32(math.Copysign(0, -1))}) {
		t.Error("0 and -0 are one constant")
	}
	count := len(g.initializers)
	large := make([]float32, sharedSize/4)
	first = g.constant([]int{len(large)}, large)
	if again := g.constant([]int{len(large)}, large); again == first || len(g.initializers) != count+2 {
		t.Error("large ones were compared")
	}
}

// FuzzReadSource reads what is no ONNX file. Nothing may end in a panic, and the memory must be in
// proportion to the file.
func FuzzReadSource(f *testing.F) {
	good := small().encode("small")
	f.Add([]byte(nil))
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Add([]byte("a text"))
	tensor := func(fields ...[]byte) []byte {
		graph := appendMessage(nil, graphInitializer, bytes.Join(fields, nil))
		return appendMessage(nil, modelGraph, graph)
	}
	f.Add(tensor(appendNumber(nil, tensorType, float32Type), appendNumber(nil, tensorDims, 1<<40), appendNumber(nil, tensorDims, 1<<40)))
	f.Add(tensor(appendNumber(nil, tensorType, float32Type), appendNumber(nil, tensorDims, -1), appendMessage(nil, tensorRaw, []byte("1234"))))
	f.Add(tensor(appendNumber(nil, tensorType, float32Type), appendMessage(nil, tensorDims, bytes.Repeat([]byte{0xff}, 20))))
	f.Add(tensor(appendNumber(nil, tensorType, float32Type), appendMessage(nil, tensorDims, bytes.Repeat([]byte{0}, 2000))))
	f.Add(appendMessage(nil, modelOpset, appendNumber(nil, opsetVersion, -1)))
	f.Add(protowire.AppendVarint(protowire.AppendTag(nil, modelGraph, protowire.BytesType), 1<<62))
	f.Add(bytes.Repeat([]byte{modelGraph<<3 | 2, 0}, 1000))
	f.Add(appendMessage(nil, modelGraph, bytes.Repeat([]byte{graphNode<<3 | 2, 0}, 1000)))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := readSource(data)
		if err != nil {
			return
		}
		for name, tensor := range s.tensors {
			if got := len(tensor.floats()); got != size(tensor.dims) || got > len(data) {
				t.Errorf("%q has %d numbers and the shape %v in a file of %d bytes", name, got, tensor.dims, len(data))
			}
		}
		b := &builder{ctx: t.Context(), src: s, used: map[string]bool{}}
		b.checkSource()
		if b.err == nil {
			t.Error("taken for HTDemucs")
		}
	})
}

// TestHostileFilesNeedLittleMemory reads files of a megabyte that say they have much in them.
func TestHostileFilesNeedLittleMemory(t *testing.T) {
	const million = 1 << 20
	wrap := func(n protowire.Number, inner []byte) []byte {
		return appendMessage(nil, modelGraph, appendMessage(nil, n, inner))
	}
	for name, data := range map[string][]byte{
		"a million dimensions":  wrap(graphInitializer, appendMessage(appendNumber(nil, tensorType, float32Type), tensorDims, make([]byte, million))),
		"nodes of nothing":      appendMessage(nil, modelGraph, bytes.Repeat([]byte{graphNode<<3 | 2, 0}, million/2)),
		"tensors of nothing":    appendMessage(nil, modelGraph, bytes.Repeat([]byte{graphInitializer<<3 | 2, 0}, million/2)),
		"inputs of a node":      wrap(graphNode, bytes.Repeat([]byte{nodeInput<<3 | 2, 0}, million/2)),
		"a large shape":         wrap(graphInitializer, appendNumber(appendNumber(appendNumber(nil, tensorType, float32Type), tensorDims, 1<<30), tensorDims, 1<<30)),
		"an end that is beyond": protowire.AppendVarint(protowire.AppendTag(nil, modelGraph, protowire.BytesType), 1<<40),
		"a long name":           wrap(graphNode, appendText(nil, nodeName, strings.Repeat("x", million))),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _ = readSource(data)
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > 64*million {
			t.Errorf("%s: reading it took %d MB", name, used/million)
		}
	}
}
