package onnxruntime_test

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/im2-audio/im2/modules/demucs/onnxruntime"
	"github.com/im2-audio/im2/modules/internal/enginetest"
)

func matMul() []byte {
	return enginetest.Operation("MatMul", []int64{2, 3}, []int64{3, 2}, []int64{2, 2})
}

func open(t *testing.T, threads int) *onnxruntime.Environment {
	t.Helper()
	env, err := onnxruntime.Open(enginetest.Library(t), onnxruntime.ThreadOptions{Threads: threads})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(env.Close)
	return env
}

func session(t *testing.T, env *onnxruntime.Environment, network []byte) *onnxruntime.Session {
	t.Helper()
	s, err := env.NewSession(network, []string{"a", "b"}, []string{"c"}, onnxruntime.SessionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func tensor(shape []int64, data ...float32) onnxruntime.Tensor {
	return onnxruntime.Tensor{Data: data, Shape: shape}
}

func TestEngineComputes(t *testing.T) {
	for _, threads := range []int{0, 1, 2, 5} {
		t.Run(strconv.Itoa(threads), func(t *testing.T) {
			env := open(t, threads)
			for _, c := range []struct {
				op                     string
				shapeA, shapeB, shapeC []int64
				a, b, want             []float32
			}{
				{"Add", []int64{3}, []int64{3}, []int64{3}, []float32{1, 2, -3}, []float32{10, 0.5, 3}, []float32{11, 2.5, 0}},
				{"Add", []int64{2, 2}, []int64{1}, []int64{2, 2}, []float32{1, 2, 3, 4}, []float32{-1}, []float32{0, 1, 2, 3}},
				{"MatMul", []int64{2, 3}, []int64{3, 2}, []int64{2, 2}, []float32{1, 2, 3, 4, 5, 6}, []float32{1, 0, 0, 1, 2, -1}, []float32{7, -1, 16, -1}},
			} {
				out := []float32{99, 99, 99, 99, 99, 99}
				s := session(t, env, enginetest.Operation(c.op, c.shapeA, c.shapeB, c.shapeC))
				err := s.Run([]onnxruntime.Tensor{{Data: c.a, Shape: c.shapeA}, {Data: c.b, Shape: c.shapeB}}, []onnxruntime.Tensor{{Data: out, Shape: c.shapeC}})
				if err != nil || !slices.Equal(out[:len(c.want)], c.want) || out[len(c.want)] != 99 {
					t.Errorf("%s: %v, %v", c.op, out, err)
				}
			}
		})
	}
}

// TestEngineRunsOneSessionTwiceAtOnce uses one session from two goroutines, each with its numbers.
func TestEngineRunsOneSessionTwiceAtOnce(t *testing.T) {
	const n = 64
	shape := []int64{n, n}
	s := session(t, open(t, 2), enginetest.Operation("MatMul", shape, shape, shape))
	one := make([]float32, n*n) // The identity.
	for i := range n {
		one[i*n+i] = 1
	}
	var all sync.WaitGroup
	for g := range 2 {
		all.Go(func() {
			a, out := make([]float32, n*n), make([]float32, n*n)
			for round := range 100 {
				for i := range a {
					a[i] = float32(i*(g+1) + round)
				}
				err := s.Run([]onnxruntime.Tensor{{Data: a, Shape: shape}, {Data: one, Shape: shape}}, []onnxruntime.Tensor{{Data: out, Shape: shape}})
				if err != nil || !slices.Equal(a, out) {
					t.Errorf("goroutine %d, round %d: the product with the identity is another matrix; %v", g, round, err)
					return
				}
			}
		})
	}
	all.Wait()
}

func TestEngineRefusesWrongTensors(t *testing.T) {
	s := session(t, open(t, 1), matMul())
	a, b, c := tensor([]int64{2, 3}, 1, 2, 3, 4, 5, 6), tensor([]int64{3, 2}, 1, 2, 3, 4, 5, 6), tensor([]int64{2, 2}, 0, 0, 0, 0)
	for _, wrong := range []struct {
		ins, outs []onnxruntime.Tensor
		status    bool
		want      string
	}{
		{[]onnxruntime.Tensor{b, b}, []onnxruntime.Tensor{c}, true, "dimension"},
		{[]onnxruntime.Tensor{a, tensor([]int64{6}, 1, 2, 3, 4, 5, 6)}, []onnxruntime.Tensor{c}, true, "rank"},
		{[]onnxruntime.Tensor{a, b}, []onnxruntime.Tensor{tensor([]int64{4}, 0, 0, 0, 0)}, true, "rank"},
		{[]onnxruntime.Tensor{a}, []onnxruntime.Tensor{c}, false, "got 1 inputs and 1 outputs, want 2 and 1"},
		{[]onnxruntime.Tensor{a, b}, nil, false, "0 outputs"},
		{[]onnxruntime.Tensor{a, tensor([]int64{3, 2}, 1, 2, 3, 4, 5)}, []onnxruntime.Tensor{c}, false, "5 numbers for a tensor of the shape [3 2]"},
		{[]onnxruntime.Tensor{a, tensor([]int64{0, 2})}, []onnxruntime.Tensor{c}, false, "0 numbers"},
		{[]onnxruntime.Tensor{a, tensor([]int64{-3, -2}, 1, 2, 3, 4, 5, 6)}, []onnxruntime.Tensor{c}, false, "[-3 -2]"},
		{[]onnxruntime.Tensor{a, tensor(nil)}, []onnxruntime.Tensor{c}, false, "0 numbers"},
		{[]onnxruntime.Tensor{a, tensor(nil, 1)}, []onnxruntime.Tensor{c}, true, "rank"},
	} {
		err := s.Run(wrong.ins, wrong.outs)
		var status *onnxruntime.StatusError
		if err == nil || errors.As(err, &status) != wrong.status || !strings.Contains(strings.ToLower(err.Error()), wrong.want) {
			t.Errorf("want %q: %v", wrong.want, err)
		}
	}
	if err := s.Run([]onnxruntime.Tensor{a, b}, []onnxruntime.Tensor{c}); err != nil || c.Data[0] != 22 {
		t.Errorf("afterwards: %v, %v", c.Data, err)
	}
}

func TestEngineRefusesDamagedNetworks(t *testing.T) {
	env := open(t, 1)
	good := matMul()
	for name, network := range map[string][]byte{
		"half of it":        good[:len(good)/2],
		"a text":            []byte("this is not a network"),
		"zeros":             make([]byte, 100),
		"no such operation": enginetest.Operation("MatMuI", []int64{2, 3}, []int64{3, 2}, []int64{2, 2}),
		"other sizes":       enginetest.Operation("MatMul", []int64{2, 3}, []int64{4, 2}, []int64{2, 2}),
	} {
		s, err := env.NewSession(network, []string{"a", "b"}, []string{"c"}, onnxruntime.SessionOptions{})
		var status *onnxruntime.StatusError
		if s != nil || !errors.As(err, &status) || status.Message == "" || status.Doing != "reading a network" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if s, err := env.NewSession(nil, nil, []string{"c"}, onnxruntime.SessionOptions{}); s != nil || err == nil {
		t.Error("took a network of no bytes")
	}
	if s, err := env.NewSession(good, []string{"a", "b"}, nil, onnxruntime.SessionOptions{}); s != nil || err == nil {
		t.Error("took a network without outputs")
	}
	s, err := env.NewSession(good, []string{"a", "x"}, []string{"c"}, onnxruntime.SessionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var status *onnxruntime.StatusError
	err = s.Run([]onnxruntime.Tensor{tensor([]int64{2, 3}, 1, 2, 3, 4, 5, 6), tensor([]int64{3, 2}, 1, 2, 3, 4, 5, 6)}, []onnxruntime.Tensor{tensor([]int64{2, 2}, 0, 0, 0, 0)})
	if !errors.As(err, &status) || !strings.Contains(status.Message, "x") {
		t.Errorf("an input that the network does not have: %v", err)
	}
}

func TestEngineRefusesAnUnknownProvider(t *testing.T) {
	env := open(t, 1)
	var status *onnxruntime.StatusError
	s, err := env.NewSession(matMul(), []string{"a", "b"}, []string{"c"}, onnxruntime.SessionOptions{Provider: "Abacus"})
	if s != nil || !errors.As(err, &status) || !strings.Contains(status.Doing, "Abacus") {
		t.Errorf("a provider that there is not: %v", err)
	}
	s, err = env.NewSession(matMul(), []string{"a", "b"}, []string{"c"}, onnxruntime.SessionOptions{Config: map[string]string{"session.intra_op.allow_spinning": "0"}})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	s.Close()
}
