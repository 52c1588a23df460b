// Package execution is how a separation is computed: on which device, with how much memory, and
// with how many threads. The targets refuse with it what the worker would refuse, before anything
// is started.
package execution

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// CPU is the provider that every machine has.
const CPU = "cpu"

// Providers are the values of DEMUCS_PROVIDER: what ONNX Runtime computes with. docs/gpu.md says
// what is known of those that are not cpu.
func Providers() []string { return []string{CPU, "webgpu", "cuda"} }

// Memory is how much memory an engine takes in exchange for speed.
type Memory string

// The values of DEMUCS_MEMORY.
const (
	// Normal keeps memory that it used, for the next layer.
	Normal Memory = "normal"
	// Low gives it back at once, which costs time.
	Low Memory = "low"
)

// Memories are the values of DEMUCS_MEMORY.
func Memories() []string { return []string{string(Normal), string(Low)} }

// Need is how much memory, in bytes, worker and engine have together at their peak, as measured:
// for a song of any length.
func (m Memory) Need() int64 {
	if m == Low {
		return 600_000_000
	}
	return 750_000_000
}

// MaxThreads is the most that may be asked for: the worker's container has a limit on processes
// (pids_limit in docker-compose.yml) that counts threads, too.
const MaxThreads = 128

// CheckProvider returns an error for an unknown provider.
func CheckProvider(name string) error { return oneOf("provider", name, Providers()) }

// CheckMemory returns an error for an unknown mode.
func CheckMemory(mode string) error { return oneOf("memory mode", mode, Memories()) }

// ParseThreads reads how many threads compute; 0, for "", means as many as there are processors.
func ParseThreads(text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > MaxThreads {
		return 0, fmt.Errorf("%q is not a number of threads: set 1 to %d, or nothing for one per processor", text, MaxThreads)
	}
	return n, nil
}

func oneOf(what, value string, known []string) error {
	if slices.Contains(known, value) {
		return nil
	}
	return fmt.Errorf("unknown %s %q: known are %s", what, value, strings.Join(known, ", "))
}
