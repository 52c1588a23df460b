// Package weights describes a prepared model: a separation network that was cut into pieces, each
// an ONNX file, in a folder of the model cache with a manifest beside them.
//
// Both sides share it: the targets prepare models and check them, the demucs service checks them
// again before it works. What is in the folder is believed only as far as digests reach: each
// piece must be what the manifest says, and the manifest of a model that IM2 knows must be what
// Pinned says. The same source, prepared by the same Builder, gives the same bytes everywhere.
package weights

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"slices"
)

const (
	// ManifestFile is the manifest's name in the folder of a prepared model.
	ManifestFile = "manifest.json"
	// Format is the version of the manifest.
	Format = 1
	// Builder is the version of what prepares models. It goes up with every change of the bytes
	// that come out; models that an older one prepared are then prepared again.
	Builder = 1
	// MaxManifest is how many bytes a manifest may have.
	MaxManifest = 1 << 20
	// FP32 is the precision of a model with all weights as 32-bit numbers.
	FP32 = "fp32"
	// INT8 is the precision of a model whose linear layers have 8-bit integers.
	INT8 = "int8"

	maxPieces  = 256
	maxViews   = 64 // inputs, and outputs, of one piece
	maxBuffers = 256
	maxRuns    = 1 << 16
	maxDims    = 8             // of a view
	maxValues  = 1 << 32       // numbers in a buffer
	maxModel   = 2 * MaxSource // bytes of all pieces, which are made of one source
	maxFolders = 1024          // of the model cache
)

// Manifest is what a prepared folder holds. Its JSON has one form only, that of Bytes.
type Manifest struct {
	// Format and Builder are the versions of this file and of what prepared the model.
	Format  int `json:"format"`
	Builder int `json:"builder"`
	// Model is the model's name, and Precision FP32 or INT8.
	Model     string `json:"model"`
	Precision string `json:"precision"`
	// Sources are the stems that come out, in the network's order.
	Sources []string `json:"sources"`
	// SourceSHA256 is the digest of the ONNX file that was prepared.
	SourceSHA256 string `json:"source_sha256"`
	// Buffers are the memory that the pieces work in.
	Buffers []Buffer `json:"buffers"`
	// Mix and Spectrum are where the input goes: [2, samples] and [bins, 4, frames], each
	// normalised. Wave and Spectra are where the output is: [2 for each source, samples] and
	// [bins, 4 for each source, frames].
	Mix      View `json:"mix"`
	Spectrum View `json:"spectrum"`
	Wave     View `json:"wave"`
	Spectra  View `json:"spectra"`
	// Pieces run in this order.
	Pieces []Piece `json:"pieces"`
}

// Piece is one ONNX file.
type Piece struct {
	File   string `json:"file"`
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
	// Runs is how often the piece runs, one part of its buffers after the other.
	Runs    int    `json:"runs"`
	Inputs  []View `json:"inputs"`
	Outputs []View `json:"outputs"`
	// Clear are set to zero after the last run.
	Clear []Range `json:"clear,omitempty"`
}

// ManifestError says why a manifest cannot be used.
type ManifestError struct{ Reason string }

func (e *ManifestError) Error() string { return "the model's manifest " + e.Reason }

// DamageError names a piece that is not what the manifest says.
type DamageError struct{ File, Reason string }

func (e *DamageError) Error() string { return e.File + " " + e.Reason }

// The patterns say nothing of lengths: one with a counted repetition takes most of a millisecond to compile, at every
// start of every program that links this package.
var (
	modelName  = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]*$`)
	sourceName = regexp.MustCompile(`^[a-z0-9][a-z0-9_]*$`)
	pieceName  = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]*\.onnx$`)
	hexDigits  = regexp.MustCompile(`^[0-9a-f]+$`)
)

// Precisions are the values that Precision can have.
func Precisions() []string { return []string{FP32, INT8} }

// ValidName reports whether a model may have this name, which becomes the beginning of its
// folder's: up to 64 of a-z, 0-9, ".", "_" and "-", the first a letter or a digit.
func ValidName(model string) bool { return len(model) <= 64 && modelName.MatchString(model) }

// Folder is the name of a prepared model's folder in the model cache.
func Folder(model, precision string) string { return model + "-" + precision }

// ReadManifest reads what Bytes wrote, and nothing else. The error is a *ManifestError.
func ReadManifest(text []byte) (Manifest, error) {
	if len(text) > MaxManifest {
		return Manifest{}, &ManifestError{fmt.Sprintf("has more than %d bytes", MaxManifest)}
	}
	var m Manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return Manifest{}, &ManifestError{fmt.Sprintf("cannot be read: %v", err)}
	}
	if err := m.check(); err != nil {
		return Manifest{}, err
	}
	if !bytes.Equal(text, m.Bytes()) {
		return Manifest{}, &ManifestError{"has something in it that does not belong there"}
	}
	return m, nil
}

// Bytes is the manifest as it is written.
func (m Manifest) Bytes() []byte {
	text, _ := json.MarshalIndent(m, "", "\t") // Numbers and texts always have a form.
	return append(text, '\n')
}

// Digest is the SHA-256 of Bytes in lower-case hexadecimal.
func (m Manifest) Digest() string {
	sum := sha256.Sum256(m.Bytes())
	return hex.EncodeToString(sum[:])
}

// Folder is the name of the prepared model's folder.
func (m Manifest) Folder() string { return Folder(m.Model, m.Precision) }

// Size is how many bytes all pieces have, which Verify reads.
func (m Manifest) Size() (bytes int64) {
	for _, p := range m.Pieces {
		bytes += p.Size
	}
	return bytes
}

func (m Manifest) check() error {
	switch {
	case m.Format != Format:
		return &ManifestError{fmt.Sprintf("has format %d and not %d", m.Format, Format)}
	case m.Builder < 1:
		return &ManifestError{"does not say what prepared the model"}
	case !ValidName(m.Model):
		return &ManifestError{fmt.Sprintf("has the model name %.80q", m.Model)}
	case !slices.Contains(Precisions(), m.Precision):
		return &ManifestError{fmt.Sprintf("has the precision %.80q", m.Precision)}
	case len(m.Sources) < 1 || len(m.Sources) > 16 || !unique(m.Sources, 32, sourceName):
		return &ManifestError{fmt.Sprintf("has the sources %.200q", m.Sources)}
	case !isDigest(m.SourceSHA256):
		return &ManifestError{"has no digest of the source"}
	case len(m.Pieces) < 1 || len(m.Pieces) > maxPieces:
		return &ManifestError{fmt.Sprintf("has %d pieces", len(m.Pieces))}
	}
	return m.checkFlow()
}

// checkFlow makes sure that each piece stays within its buffers, and reads nothing that was not
// written.
func (m Manifest) checkFlow() error {
	if len(m.Buffers) < 1 || len(m.Buffers) > maxBuffers {
		return &ManifestError{fmt.Sprintf("has %d buffers", len(m.Buffers))}
	}
	f := flow{sizes: map[string]int64{}, written: map[string]bool{}}
	for _, b := range m.Buffers {
		if _, twice := f.sizes[b.Name]; twice || b.Name == "" || len(b.Name) > 64 || b.Size < 1 || b.Size > maxValues {
			return &ManifestError{fmt.Sprintf("has the buffer %.80q twice, or of no usable size", b.Name)}
		}
		f.sizes[b.Name] = b.Size
	}
	if err := f.write("the network", []View{m.Mix, m.Spectrum}, 1); err != nil {
		return err
	}
	var files []string
	for _, p := range m.Pieces {
		files = append(files, p.File)
		if err := f.piece(p); err != nil {
			return err
		}
	}
	if size := m.Size(); size > maxModel {
		return &ManifestError{fmt.Sprintf("has pieces of %d bytes together, and a model has at most %d", size, maxModel)}
	}
	if !unique(files, 32+len(".onnx"), pieceName) {
		return &ManifestError{"names a piece twice, or by something that is no plain name"}
	}
	return f.read("the network", []View{m.Wave, m.Spectra}, 1)
}

// A flow follows what pieces write and read.
type flow struct {
	sizes   map[string]int64
	written map[string]bool
}

func (f flow) piece(p Piece) error {
	if !isDigest(p.SHA256) || p.Size < 1 || p.Size > maxModel || p.Runs < 1 || p.Runs > maxRuns ||
		len(p.Inputs) > maxViews || len(p.Outputs) < 1 || len(p.Outputs) > maxViews || len(p.Clear) > maxViews {
		return &ManifestError{fmt.Sprintf("has no usable digest, size, runs, inputs or outputs for %.80q", p.File)}
	}
	if err := f.read(p.File, p.Inputs, p.Runs); err != nil {
		return err
	}
	for _, r := range p.Clear {
		if !f.within(r.Buffer, r.Offset, r.Size) {
			return &ManifestError{fmt.Sprintf("lets %.80q clear more than the buffer %.80q has", p.File, r.Buffer)}
		}
	}
	return f.write(p.File, p.Outputs, p.Runs)
}

func (f flow) read(who string, views []View, runs int) error {
	for _, v := range views {
		if !f.written[v.Buffer] || !f.fits(v, runs) {
			return &ManifestError{fmt.Sprintf("lets %.80q read %.80q, which is not there by then or not so large", who, v.Buffer)}
		}
	}
	return nil
}

func (f flow) write(who string, views []View, runs int) error {
	for _, v := range views {
		if !f.fits(v, runs) {
			return &ManifestError{fmt.Sprintf("lets %.80q write more than the buffer %.80q has", who, v.Buffer)}
		}
		f.written[v.Buffer] = true
	}
	return nil
}

// fits reports whether a view stays in its buffer in all runs.
func (f flow) fits(v View, runs int) bool {
	return v.Name != "" && len(v.Name) <= 64 && validShape(v.Shape) && v.Step >= 0 && v.Step <= maxValues &&
		f.within(v.Buffer, v.Offset, v.Step*int64(runs-1)+v.Values())
}

func (f flow) within(buffer string, offset, size int64) bool {
	return offset >= 0 && offset <= maxValues && size >= 1 && offset+size <= f.sizes[buffer]
}

func validShape(shape []int64) bool {
	if len(shape) < 1 || len(shape) > maxDims {
		return false
	}
	values := int64(1)
	for _, n := range shape {
		if n < 1 || n > maxValues/values {
			return false
		}
		values *= n
	}
	return true
}

func isDigest(text string) bool { return len(text) == 2*sha256.Size && hexDigits.MatchString(text) }

// unique reports whether no text is there twice, and each has at most so many bytes and matches the rule.
func unique(texts []string, longest int, rule *regexp.Regexp) bool {
	sorted := slices.Sorted(slices.Values(texts))
	return len(slices.Compact(sorted)) == len(texts) &&
		!slices.ContainsFunc(texts, func(s string) bool { return len(s) > longest || !rule.MatchString(s) })
}

// Verify reads all pieces in a prepared folder and compares them with the manifest. The error is
// a *DamageError for the first one that is not right, or that of ctx or of reading. It never
// reads more of a piece than its size.
func (m Manifest) Verify(ctx context.Context, folder fs.FS) error {
	for _, p := range m.Pieces {
		if err := p.verify(ctx, folder); err != nil {
			return err
		}
	}
	return nil
}

func (p Piece) verify(ctx context.Context, folder fs.FS) error {
	f, err := folder.Open(p.File)
	if errors.Is(err, fs.ErrNotExist) {
		return &DamageError{p.File, "is missing"}
	}
	if err != nil {
		return fmt.Errorf("checking the model: %w", err)
	}
	defer func() { _ = f.Close() }() // It was only read.
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("checking the model: %w", err)
	}
	if !info.Mode().IsRegular() {
		return &DamageError{p.File, "is not a regular file"}
	}
	if info.Size() != p.Size {
		return &DamageError{p.File, fmt.Sprintf("has %d bytes, not %d", info.Size(), p.Size)}
	}
	sum := sha256.New()
	n, err := io.Copy(sum, &ctxReader{ctx, io.LimitReader(f, p.Size)})
	if err != nil {
		return fmt.Errorf("checking the model: %s: %w", p.File, err)
	}
	if n != p.Size || hex.EncodeToString(sum.Sum(nil)) != p.SHA256 {
		return &DamageError{p.File, "does not have the content it must have"}
	}
	return nil
}

// ctxReader ends with the error of its context.
type ctxReader struct {
	ctx context.Context // it lives as long as one call
	r   io.Reader
}

func (r *ctxReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
