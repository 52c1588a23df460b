package network

import (
	"cmp"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"

	"github.com/im2-audio/im2/pipeline/weights"
)

// align is in float32 values. Every buffer starts at a multiple of it: one cache line, which AVX-512
// prefers.
const align = 16

// A span is the time in which a buffer is used, in pieces: from -1, before the first one, to the
// number of pieces, after the last.
type span struct {
	name        string
	size        int64
	first, last int
	offset      int64
	written     []weights.Range
}

// plan finds out where each buffer lies in the arena, so that two buffers overlap only when one is
// no longer used before the other one is. The largest are placed first, each as low as it can be.
func plan(m weights.Manifest) (map[string]*span, error) {
	spans := map[string]*span{}
	for _, b := range m.Buffers {
		spans[b.Name] = &span{name: b.Name, size: b.Size, first: len(m.Pieces), last: -1}
	}
	use := func(piece, runs int, views []weights.View, write bool) error {
		for _, v := range views {
			s, ok := spans[v.Buffer]
			if !ok || v.Offset+v.Step*int64(runs-1)+v.Values() > s.size {
				return fmt.Errorf("the model's pieces do not fit together: %q is not within the buffer %q", v.Name, v.Buffer)
			}
			s.first, s.last = min(s.first, piece), max(s.last, piece)
			for i := range runs {
				if write {
					s.written = append(s.written, weights.Range{Offset: v.Offset + v.Step*int64(i), Size: v.Values()})
				}
			}
		}
		return nil
	}
	if err := use(-1, 1, []weights.View{m.Mix, m.Spectrum}, true); err != nil {
		return nil, err
	}
	for i, p := range m.Pieces {
		if err := use(i, p.Runs, p.Inputs, false); err != nil {
			return nil, err
		}
		if err := use(i, p.Runs, p.Outputs, true); err != nil {
			return nil, err
		}
	}
	if err := use(len(m.Pieces), 1, []weights.View{m.Wave, m.Spectra}, false); err != nil {
		return nil, err
	}
	place(spans)
	return spans, nil
}

func place(spans map[string]*span) {
	var order []*span
	for _, s := range spans {
		order = append(order, s)
	}
	slices.SortFunc(order, func(a, b *span) int { return cmp.Or(cmp.Compare(b.size, a.size), cmp.Compare(a.name, b.name)) })
	for i, s := range order {
		var beside []*span // Those that are used at the same time, from the lowest on.
		for _, o := range order[:i] {
			if o.first <= s.last && s.first <= o.last {
				beside = append(beside, o)
			}
		}
		slices.SortFunc(beside, func(a, b *span) int { return cmp.Compare(a.offset, b.offset) })
		for _, o := range beside {
			if s.offset+s.size <= o.offset {
				break
			}
			s.offset = max(s.offset, (o.offset+o.size+align-1)/align*align)
		}
	}
}

// An arena is the memory of all buffers.
type arena struct {
	memory []float32
	spans  map[string]*span
	mapped []byte
}

// arenaSize is how many numbers an arena has room for.
func arenaSize(spans map[string]*span) int64 {
	size := int64(0)
	for _, s := range spans {
		size = max(size, s.offset+s.size)
	}
	return size
}

func (a *arena) part(buffer string, offset, size int64) []float32 {
	from := a.spans[buffer].offset + offset
	return a.memory[from : from+size : from+size]
}

// view is the memory of a view in one of its runs.
func (a *arena) view(v weights.View, run int) []float32 {
	return a.part(v.Buffer, v.Offset+v.Step*int64(run), v.Values())
}

// untouched are the parts, that no piece writes, of the buffers that are first used by a piece.
func (a *arena) untouched(piece int) [][]float32 {
	var parts [][]float32
	for _, name := range slices.Sorted(maps.Keys(a.spans)) {
		s := a.spans[name]
		if s.first != piece {
			continue
		}
		slices.SortFunc(s.written, func(x, y weights.Range) int { return cmp.Compare(x.Offset, y.Offset) })
		end := int64(0)
		for _, w := range s.written {
			if w.Offset > end {
				parts = append(parts, a.part(name, end, w.Offset-end))
			}
			end = max(end, w.Offset+w.Size)
		}
		if end < s.size {
			parts = append(parts, a.part(name, end, s.size-end))
		}
	}
	return parts
}

// A reader reads the files of pieces, one after the other, into the same memory.
type reader struct {
	folder fs.FS
	buf    []byte
}

// piece reads a file, which must be as large as the manifest says. What it returns is valid until the
// next call.
func (r *reader) piece(p weights.Piece) ([]byte, error) {
	f, err := r.folder.Open(p.File)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // It was only read.
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() != p.Size {
		return nil, fmt.Errorf("the file has %d bytes, want %d", info.Size(), p.Size)
	}
	if int64(len(r.buf)) < p.Size {
		r.buf = make([]byte, p.Size)
	}
	if _, err := io.ReadFull(f, r.buf[:p.Size]); err != nil {
		return nil, err
	}
	return r.buf[:p.Size], nil
}
