//go:build unix

package network

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// newArena maps memory for the buffers. It is not Go's: the collector need not know of it, and
// large pages, where the system has them, make it faster.
func newArena(spans map[string]*span) (*arena, error) {
	size := arenaSize(spans)
	mapped, err := unix.Mmap(-1, 0, int(size)*4, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, fmt.Errorf("getting %d MB of memory for the network: %w", size*4/1_000_000, err)
	}
	_ = unix.Madvise(mapped, 14) // MADV_HUGEPAGE
	return &arena{memory: unsafe.Slice((*float32)(unsafe.Pointer(&mapped[0])), size), spans: spans, mapped: mapped}, nil
}

func (a *arena) free() error {
	mapped := a.mapped
	a.memory, a.mapped = nil, nil
	if mapped == nil {
		return nil
	}
	if err := unix.Munmap(mapped); err != nil {
		return fmt.Errorf("giving back the memory of the network: %w", err)
	}
	return nil
}
