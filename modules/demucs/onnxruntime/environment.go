package onnxruntime

import (
	"fmt"
	"runtime"
	"unsafe"

	"github.com/ebitengine/purego"
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
	// Spin makes idle threads wait in a loop. That saves microseconds where the processors are
	// this process's alone, and takes them from others where they are not.
	Spin bool
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
	spin := uintptr(0)
	if opt.Spin {
		spin = 1
	}
	for _, set := range []struct {
		fn   function
		args []uintptr
	}{
		{fnSetGlobalIntraOpNumThreads, []uintptr{threads, uintptr(max(opt.Threads, 1))}},
		{fnSetGlobalInterOpNumThreads, []uintptr{threads, 1}},
		{fnSetGlobalSpinControl, []uintptr{threads, spin}},
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

// Version is the library's own, such as "1.30.0".
func (e *Environment) Version() string { return e.lib.version }

// Providers are the execution providers that the library has: what it can compute with.
func (e *Environment) Providers() ([]string, error) {
	var pins runtime.Pinner
	defer pins.Unpin()
	var list uintptr
	var count int32
	const doing = "listing the execution providers"
	if err := e.lib.call(doing, fnGetAvailableProviders, addressOf(&pins, &list), addressOf(&pins, &count)); err != nil {
		return nil, err
	}
	defer func() {
		_, _, _ = purego.SyscallN(e.lib.table[fnReleaseAvailableProviders], list, uintptr(count))
	}()
	const mostProviders = 64
	if count < 0 || count > mostProviders {
		return nil, fmt.Errorf("%s: %d of them is no sensible answer", doing, count)
	}
	names := make([]string, 0, count)
	for _, name := range unsafe.Slice((*uintptr)(pointer(list)), count) {
		names = append(names, goString(name))
	}
	return names, nil
}

// Close frees the environment. Its sessions must be closed before. The library stays loaded: it
// cannot be unloaded safely.
func (e *Environment) Close() {
	e.lib.release(fnReleaseMemoryInfo, e.memory)
	e.lib.release(fnReleaseEnv, e.handle)
	e.memory, e.handle = 0, 0
}
