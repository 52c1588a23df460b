package onnxruntime

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"
)

// An Environment is a loaded library with one pool of threads for all of its sessions.
type Environment struct {
	lib    *library
	handle uintptr
	memory uintptr
}

// ThreadOptions says how the sessions of an Environment use the processor.
type ThreadOptions struct {
	// Threads is how many threads a run uses, the caller's among them; at least 1.
	Threads int
}

// Open loads the shared library at path and makes an environment. Numbers too small for a normal
// float32 count as zero in all of its threads: they cost a hundred times as much, and are silence.
//
// The error wraps ErrLibrary when the library is missing, damaged or too old.
func Open(path string, opt ThreadOptions) (*Environment, error) {
	lib, err := load(path)
	if err != nil {
		return nil, err
	}
	e := &Environment{lib: lib}
	if err := e.create(opt); err != nil {
		e.Close()
		return nil, err
	}
	return e, nil
}

func (e *Environment) create(opt ThreadOptions) error {
	var pins runtime.Pinner
	defer pins.Unpin()
	const doing = "starting ONNX Runtime"
	var threads uintptr
	if err := e.lib.call(doing, fnCreateThreadingOptions, addressOf(&pins, &threads)); err != nil {
		return err
	}
	defer e.lib.release(fnReleaseThreadingOptions, threads)
	for _, set := range []struct {
		fn   function
		args []uintptr
	}{
		{fnSetGlobalIntraOpNumThreads, []uintptr{threads, uintptr(max(opt.Threads, 1))}},
		{fnSetGlobalInterOpNumThreads, []uintptr{threads, 1}},
		{fnSetGlobalSpinControl, []uintptr{threads, 0}}, // Idle threads leave the processors to others.
		{fnSetGlobalDenormalAsZero, []uintptr{threads}},
	} {
		if err := e.lib.call(doing, set.fn, set.args...); err != nil {
			return err
		}
	}
	const onlyErrors = 3 // ORT_LOGGING_LEVEL_ERROR
	name := newCString("im2")
	if err := e.lib.call(doing, fnCreateEnvWithGlobalThreadPools, onlyErrors, name.address(&pins), threads, addressOf(&pins, &e.handle)); err != nil {
		return err
	}
	const deviceAllocator, defaultMemory = 0, 0 // OrtDeviceAllocator, OrtMemTypeDefault
	return e.lib.call(doing, fnCreateCPUMemoryInfo, deviceAllocator, defaultMemory, addressOf(&pins, &e.memory))
}

// Close frees the environment. Its sessions must be closed before. The library stays loaded: it
// cannot be unloaded safely.
func (e *Environment) Close() {
	e.lib.release(fnReleaseMemoryInfo, e.memory)
	e.lib.release(fnReleaseEnv, e.handle)
	e.memory, e.handle = 0, 0
}

// SessionOptions says how a network is computed.
type SessionOptions struct {
	// Provider is an execution provider by the name that ONNX Runtime knows it by ("WebGPU");
	// empty for the processor.
	Provider string
	// Config are further settings by their keys (onnxruntime_session_options_config_keys.h).
	Config map[string]string
}

// A Session is a network that can be computed.
type Session struct {
	env     *Environment
	handle  uintptr
	inputs  []cString
	outputs []cString
}

// NewSession makes a session of a network in ONNX's format. Inputs and outputs are given to Run
// in the order of the names. The network is copied as far as it is needed later.
func (e *Environment) NewSession(network []byte, inputs, outputs []string, opt SessionOptions) (*Session, error) {
	if len(network) == 0 || len(outputs) == 0 {
		return nil, errors.New("reading a network: it is empty, or has no outputs")
	}
	var pins runtime.Pinner
	defer pins.Unpin()
	const doing = "reading a network"
	var options uintptr
	if err := e.lib.call(doing, fnCreateSessionOptions, addressOf(&pins, &options)); err != nil {
		return nil, err
	}
	defer e.lib.release(fnReleaseSessionOptions, options)
	if err := e.configure(options, opt); err != nil {
		return nil, err
	}
	s := &Session{env: e}
	pins.Pin(&network[0])
	if err := e.lib.call(doing, fnCreateSessionFromArray, e.handle, uintptr(unsafe.Pointer(&network[0])), uintptr(len(network)),
		options, addressOf(&pins, &s.handle)); err != nil {
		return nil, err
	}
	for _, name := range inputs {
		s.inputs = append(s.inputs, newCString(name))
	}
	for _, name := range outputs {
		s.outputs = append(s.outputs, newCString(name))
	}
	return s, nil
}

// configure sets what holds for all sessions, and what opt asks for. Memory is not kept in an
// arena nor planned ahead: both hold on to several times what a network of this size needs.
func (e *Environment) configure(options uintptr, opt SessionOptions) error {
	var pins runtime.Pinner
	defer pins.Unpin()
	const doing = "configuring ONNX Runtime"
	const allOptimizations = 99 // ORT_ENABLE_ALL
	for _, set := range []struct {
		fn   function
		args []uintptr
	}{
		{fnDisablePerSessionThreads, []uintptr{options}},
		{fnDisableCPUMemArena, []uintptr{options}},
		{fnDisableMemPattern, []uintptr{options}},
		{fnSetGraphOptimizationLevel, []uintptr{options, allOptimizations}},
	} {
		if err := e.lib.call(doing, set.fn, set.args...); err != nil {
			return err
		}
	}
	config := map[string]string{"session.set_denormal_as_zero": "1"}
	for key, value := range opt.Config {
		config[key] = value
	}
	for key, value := range config {
		k, v := newCString(key), newCString(value)
		if err := e.lib.call(doing, fnAddSessionConfigEntry, options, k.address(&pins), v.address(&pins)); err != nil {
			return err
		}
	}
	if opt.Provider == "" {
		return nil
	}
	name := newCString(opt.Provider)
	return e.lib.call("using the execution provider "+opt.Provider, fnSessionOptionsAppendExecProvider,
		options, name.address(&pins), 0, 0, 0)
}

// A Tensor is a view of memory: Data holds the numbers of Shape, the last dimension closest
// together. It has as many numbers as the product of Shape, or more.
type Tensor struct {
	Data  []float32
	Shape []int64
}

// Size is how many numbers a shape has; -1 when it is not a shape.
func Size(shape []int64) int {
	n := 1
	for _, d := range shape {
		if d < 1 || int64(n) > (1<<40)/d {
			return -1
		}
		n *= int(d)
	}
	return n
}

// value makes the library's object for a tensor, which must be released.
func (s *Session) value(t Tensor, pins *runtime.Pinner) (uintptr, error) {
	n := Size(t.Shape)
	if n < 1 || n > len(t.Data) {
		return 0, fmt.Errorf("running a network: %d numbers for a tensor of the shape %v", len(t.Data), t.Shape)
	}
	const float = 1 // ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT
	var value uintptr
	pins.Pin(&t.Data[0])
	shape := uintptr(0) // A single number has no dimensions.
	if len(t.Shape) > 0 {
		shape = addressOf(pins, &t.Shape[0])
	}
	err := s.env.lib.call("running a network", fnCreateTensorWithDataAsOrtValue, s.env.memory,
		uintptr(unsafe.Pointer(&t.Data[0])), uintptr(n)*unsafe.Sizeof(t.Data[0]),
		shape, uintptr(len(t.Shape)), float, addressOf(pins, &value))
	return value, err
}

// Run computes the network once: it reads inputs and writes outputs, in the order of the names
// given to NewSession. Two goroutines may run one session at the same time, on memory of their own.
func (s *Session) Run(inputs, outputs []Tensor) error {
	if len(inputs) != len(s.inputs) || len(outputs) != len(s.outputs) {
		return fmt.Errorf("running a network: got %d inputs and %d outputs, want %d and %d",
			len(inputs), len(outputs), len(s.inputs), len(s.outputs))
	}
	var pins runtime.Pinner
	defer pins.Unpin()
	values := make([]uintptr, 0, len(inputs)+len(outputs))
	defer func() {
		for _, v := range values {
			s.env.lib.release(fnReleaseValue, v)
		}
	}()
	for _, tensors := range [][]Tensor{inputs, outputs} {
		for _, t := range tensors {
			v, err := s.value(t, &pins)
			if err != nil {
				return err
			}
			values = append(values, v)
		}
	}
	names := func(list []cString) uintptr {
		if len(list) == 0 {
			return 0
		}
		addresses := make([]uintptr, len(list))
		for i, name := range list {
			addresses[i] = name.address(&pins)
		}
		return addressOf(&pins, &addresses[0])
	}
	first := func(list []uintptr) uintptr {
		if len(list) == 0 {
			return 0
		}
		return addressOf(&pins, &list[0])
	}
	ins, outs := values[:len(inputs)], values[len(inputs):]
	const defaultOptions = 0
	return s.env.lib.call("running a network", fnRun, s.handle, defaultOptions, names(s.inputs), first(ins), uintptr(len(ins)),
		names(s.outputs), uintptr(len(outs)), first(outs))
}

// Close frees the session.
func (s *Session) Close() {
	s.env.lib.release(fnReleaseSession, s.handle)
	s.handle = 0
}
