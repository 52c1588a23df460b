//go:build !unix

package network

// newArena makes memory for the buffers.
func newArena(spans map[string]*span) (*arena, error) {
	return &arena{memory: make([]float32, arenaSize(spans)), spans: spans}, nil
}

func (a *arena) free() error {
	a.memory = nil
	return nil
}
