package weights

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
)

// MaxSource is how many bytes an ONNX file that is prepared may have.
const MaxSource = 1 << 30

// Request says what is to be prepared.
type Request struct {
	// Model and Precision go into the manifest.
	Model, Precision string
	// Sources are the stems in the network's order; nil takes those of SourcesOf for as many as
	// the network has.
	Sources []string
}

// SourcesOf are the stems of the HTDemucs networks that have so many, in the order of the
// original's models: htdemucs and htdemucs_ft have 4, htdemucs_6s has 6. It is nil for others.
func SourcesOf(n int) []string {
	all := []string{"drums", "bass", "other", "vocals", "guitar", "piano"}
	if n != 4 && n != 6 {
		return nil
	}
	return all[:n:n]
}

// GraphError says why a file is no HTDemucs network that can be prepared.
type GraphError struct{ Reason string }

func (e *GraphError) Error() string {
	return "this is not an ONNX export of HTDemucs that can be used: " + e.Reason
}

// Prepare reads the ONNX file of an HTDemucs network and writes the pieces that it is cut into,
// each through create, which is called with plain names. The manifest that it returns is not
// written. The error is a *GraphError where the file holds another network; pieces may have been
// written by then.
//
// The network is not taken apart: it is written again from its parameters, since its architecture
// is known. So the file must be HTDemucs with the sizes of the published models, as PyTorch
// exports it, and nothing in it may be left over.
func Prepare(ctx context.Context, source io.ReaderAt, size int64, req Request, create func(name string) (io.WriteCloser, error)) (Manifest, error) {
	if size < 1 || size > MaxSource {
		return Manifest{}, &GraphError{fmt.Sprintf("the file has %d bytes; it must have 1 to %d", size, MaxSource)}
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(&ctxReader{ctx, io.NewSectionReader(source, 0, size)}, data); err != nil {
		return Manifest{}, fmt.Errorf("reading the model: %w", err)
	}
	src, err := readSource(data)
	if err != nil {
		return Manifest{}, &GraphError{err.Error()}
	}
	sum := sha256.Sum256(data)
	b := &builder{ctx: ctx, create: create, src: src, int8: req.Precision == INT8, used: map[string]bool{}}
	b.manifest = Manifest{
		Format: Format, Builder: Builder, Model: req.Model, Precision: req.Precision,
		Sources: req.Sources, SourceSHA256: hex.EncodeToString(sum[:]),
	}
	b.build()
	if b.err != nil {
		return Manifest{}, b.err
	}
	return b.manifest, b.manifest.check()
}

func (b *builder) flush() {
	p := b.piece
	b.piece = nil
	if b.err == nil {
		b.err = b.ctx.Err()
	}
	if p == nil || b.err != nil {
		return
	}
	data := p.graph.encode(p.name)
	sum := sha256.Sum256(data)
	p.File, p.SHA256, p.Size = fmt.Sprintf("p%02d.onnx", len(b.manifest.Pieces)), hex.EncodeToString(sum[:]), int64(len(data))
	w, err := b.create(p.File)
	if err == nil {
		_, err = w.Write(data)
		err = errors.Join(err, w.Close())
	}
	if err != nil {
		b.err = fmt.Errorf("writing a piece of the model: %w", err)
	}
	b.manifest.Pieces = append(b.manifest.Pieces, p.Piece)
}

func (b *builder) build() {
	b.checkSource()
	if b.err != nil {
		return
	}
	const row = 2 * channels * frames
	m := &b.manifest
	m.Mix = at(b.buffer("t0", channels*segment), 0, 0).bind("mix", []int{channels, segment})
	m.Spectrum = at(b.buffer("x0", (bins+2*crop)*row), crop*row, 0).bind("spectrum", []int{bins, 2 * channels, frames})
	wave := "t0"
	for n := range depth {
		wave = b.tencoder(n, wave)
	}
	b.embedding()
	for n := range depth {
		b.encoder(n)
	}
	c, rows, length := outOf(depth-1), rowsAt(depth), lengthAt(depth)
	nx, nt := rows*frames, length
	x := b.up("", fmt.Sprintf("x%d", depth), crop*c*frames, rows, frames, position2D(rows, frames))
	t := b.up("_t", wave, 0, 1, length, position1D(length))
	for i := range layers {
		x, t = b.layer("", i, x, t, nx, nt), b.layer("_t", i, t, x, nt, nx)
	}
	t = b.down("_t", t, 1, length, 0)
	for n := range depth {
		t = b.tdecoder(n, t)
	}
	x = b.down("", x, rows, frames, 1)
	halo := 1
	for n := range depth {
		x, halo = b.decoder(n, x, halo)
	}
	out := 2 * channels * b.stems
	m.Wave = at(t, 0, 0).bind("wave", []int{channels * b.stems, segment})
	m.Spectra = at(x, crop*out*frames, 0).bind("spectra", []int{bins, out, frames})
	b.flush()
	b.checkUsed()
}

// checkSource makes sure that the file is of the kind that build knows.
func (b *builder) checkSource() {
	s := b.src
	if s.opset < 13 || s.opset > 30 {
		b.fail("it uses version %d of ONNX's operators, and 13 to 30 are known", s.opset)
	}
	if bias, ok := s.tensors["tdecoder.3.conv_tr.bias"]; ok {
		b.stems = size(bias.dims) / channels
	}
	if b.manifest.Sources == nil {
		b.manifest.Sources = SourcesOf(b.stems)
	}
	if b.stems == 0 || len(b.manifest.Sources) != b.stems {
		b.fail("it has %d stems, and 4 or 6 are known", b.stems)
		return
	}
	shapes := 0
	for _, dims := range s.inputs {
		if size(dims) == channels*segment || size(dims) == 2*channels*bins*frames {
			shapes++
		}
	}
	if shapes != 2 || s.outputs != 2 {
		b.fail("its inputs are not a mix of %d samples and a spectrum of %d by %d, and its outputs the same for each stem", segment, bins, frames)
	}
	for _, want := range []struct {
		op    string
		count int
	}{{"Conv", 92}, {"ConvTranspose", 8}, {"InstanceNormalization", 74}, {"LayerNormalization", 26}, {"Softmax", 10}, {"Erf", 56}, {"Sigmoid", 48}} {
		if s.ops[want.op] != want.count {
			b.fail("it has %d operations %s, and HTDemucs has %d", s.ops[want.op], want.op, want.count)
		}
	}
}

// checkUsed makes sure that nothing of the source was left out: then it is another network.
func (b *builder) checkUsed() {
	for _, name := range slices.Sorted(maps.Keys(b.src.tensors)) {
		if !b.used[name] {
			b.fail("it has a parameter %q that HTDemucs does not have", name)
		}
	}
}
