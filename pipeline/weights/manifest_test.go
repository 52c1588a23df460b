package weights_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/im2-audio/im2/pipeline/weights"
	"github.com/im2-audio/im2/pipeline/weights/weightstest"
)

func TestManifestRoundTrip(t *testing.T) {
	t.Parallel()
	m := weightstest.Make(t, t.TempDir(), "mine", weights.FP32)
	again, err := weights.ReadManifest(m.Bytes())
	if err != nil || again.Digest() != m.Digest() || again.Folder() != "mine-fp32" {
		t.Errorf("read %+v, %v", again, err)
	}
	text := string(m.Bytes())
	for _, text := range []string{
		"", "{}", "null", "[]", text[:len(text)-1], text + " ", text + text,
		strings.Replace(text, `"model"`, `"Model"`, 1),
		strings.Replace(text, `"model"`, `"extra": 1, "model"`, 1),
		strings.Replace(text, `"model"`, "\"model\": \"mine\",\n\t\"model\"", 1),
		strings.Repeat(" ", weights.MaxManifest) + text,
	} {
		var refused *weights.ManifestError
		if _, err := weights.ReadManifest([]byte(text)); !errors.As(err, &refused) {
			t.Errorf("%.60q: %v", text, err)
		}
	}
}

func TestManifestIsRefused(t *testing.T) {
	t.Parallel()
	good := weightstest.Make(t, t.TempDir(), "mine", weights.FP32)
	for want, change := range map[string]func(m *weights.Manifest){
		"format 2":                            func(m *weights.Manifest) { m.Format = 2 },
		"what prepared":                       func(m *weights.Manifest) { m.Builder = 0 },
		"model name":                          func(m *weights.Manifest) { m.Model = "../evil" },
		"precision":                           func(m *weights.Manifest) { m.Precision = "fp16" },
		"the sources":                         func(m *weights.Manifest) { m.Sources[1] = "drums" },
		"digest of the source":                func(m *weights.Manifest) { m.SourceSHA256 = "x" },
		"0 pieces":                            func(m *weights.Manifest) { m.Pieces = nil },
		"usable digest, size":                 func(m *weights.Manifest) { m.Pieces[0].Size = 0 },
		"together, and a model":               func(m *weights.Manifest) { m.Pieces[0].Size, m.Pieces[1].Size = weights.MaxSource, weights.MaxSource+1 },
		"runs, inputs":                        func(m *weights.Manifest) { m.Pieces[0].Runs = 0 },
		"not so large":                        func(m *weights.Manifest) { m.Pieces[1].Runs = 3 },
		"no plain name":                       func(m *weights.Manifest) { m.Pieces[0].File = "../p00.onnx" },
		"names a piece twice":                 func(m *weights.Manifest) { m.Pieces[1].File = "p00.onnx" },
		"not there by then":                   func(m *weights.Manifest) { m.Pieces[0].Inputs[0].Buffer = "out" },
		"network\" read \"out":                func(m *weights.Manifest) { m.Wave.Shape = []int64{65, 1} },
		"read \"nowhere\"":                    func(m *weights.Manifest) { m.Spectra.Buffer = "nowhere" },
		"write more than the buffer \"half\"": func(m *weights.Manifest) { m.Pieces[0].Outputs[0].Shape = []int64{1 << 40, 1 << 40} },
		"more than the buffer":                func(m *weights.Manifest) { m.Pieces[0].Outputs[0].Offset = 1 },
		"read \"half\", which":                func(m *weights.Manifest) { m.Pieces[1].Inputs[0].Offset = -1 },
		"p01.onnx\" read":                     func(m *weights.Manifest) { m.Pieces[1].Inputs[0].Step = 1 << 62 },
		"p01.onnx\" read \"half":              func(m *weights.Manifest) { m.Pieces[1].Inputs[0].Name = "" },
		"more than the buffer \"out":          func(m *weights.Manifest) { m.Pieces[1].Clear[0].Size = 5 },
		"buffer \"in\" twice":                 func(m *weights.Manifest) { m.Buffers[1].Name = "in" },
		"0 buffers":                           func(m *weights.Manifest) { m.Buffers = nil },
	} {
		var m weights.Manifest
		if err := json.Unmarshal(good.Bytes(), &m); err != nil {
			t.Fatal(err)
		}
		change(&m)
		if _, err := weights.ReadManifest(m.Bytes()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"htdemucs": true, "my_model-6s.v2": true, strings.Repeat("a", 64): true, strings.Repeat("a", 65): false,
		"": false, ".hidden": false, "-x": false, "A": false, "a/b": false, "a b": false, "..": false, "ä": false, "a\n": false,
	} {
		if weights.ValidName(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
}

// Each case damages a prepared model in a way that must be noticed.
func TestCheckNotices(t *testing.T) { //nolint:funlen // a table of cases
	t.Parallel()
	write := func(t *testing.T, path string, data []byte) {
		t.Helper()
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	read := func(t *testing.T, path string) []byte {
		t.Helper()
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	for name, c := range map[string]struct {
		damage func(t *testing.T, dir string, m weights.Manifest)
		want   string
	}{
		"nothing": {func(*testing.T, string, weights.Manifest) {}, ""},
		"noise": {func(t *testing.T, dir string, _ weights.Manifest) {
			t.Helper()
			data := read(t, dir+"/p01.onnx")
			copy(data[20_000:], bytes.Repeat([]byte{7}, 4096))
			write(t, dir+"/p01.onnx", data)
		}, "p01.onnx does not have the content"},
		"truncated": {func(t *testing.T, dir string, _ weights.Manifest) {
			t.Helper()
			if err := os.Truncate(dir+"/p00.onnx", 1000); err != nil {
				t.Fatal(err)
			}
		}, "has 1000 bytes, not 40000"},
		"longer": {func(t *testing.T, dir string, _ weights.Manifest) {
			t.Helper()
			write(t, dir+"/p00.onnx", append(read(t, dir+"/p00.onnx"), 0))
		}, "has 40001 bytes"},
		"swapped": {func(t *testing.T, dir string, _ weights.Manifest) {
			t.Helper()
			first, second := read(t, dir+"/p00.onnx"), read(t, dir+"/p01.onnx")
			write(t, dir+"/p00.onnx", second)
			write(t, dir+"/p01.onnx", first)
		}, "p00.onnx does not have the content"},
		"missing": {func(t *testing.T, dir string, _ weights.Manifest) {
			t.Helper()
			if err := os.Remove(dir + "/p01.onnx"); err != nil {
				t.Fatal(err)
			}
		}, "p01.onnx is missing"},
		"a link": {func(t *testing.T, dir string, _ weights.Manifest) {
			t.Helper()
			if err := errors.Join(os.Rename(dir+"/p01.onnx", dir+"/real"), os.Symlink("real", dir+"/p01.onnx")); err != nil {
				t.Skip(err)
			}
		}, "is not a regular file"},
		"no manifest": {func(t *testing.T, dir string, _ weights.Manifest) {
			t.Helper()
			if err := os.Remove(filepath.Join(dir, weights.ManifestFile)); err != nil {
				t.Fatal(err)
			}
		}, "manifest is missing"},
		"manifest edited to match": {func(t *testing.T, dir string, m weights.Manifest) {
			t.Helper()
			m.Pieces[0], m.Pieces[1] = m.Pieces[1], m.Pieces[0]
			m.Pieces[0].File, m.Pieces[1].File = "p00.onnx", "p01.onnx"
			m.Pieces[0].Inputs, m.Pieces[1].Inputs = m.Pieces[1].Inputs, m.Pieces[0].Inputs
			m.Pieces[0].Outputs, m.Pieces[1].Outputs = m.Pieces[1].Outputs, m.Pieces[0].Outputs
			first, second := read(t, dir+"/p00.onnx"), read(t, dir+"/p01.onnx")
			write(t, dir+"/p00.onnx", second)
			write(t, dir+"/p01.onnx", first)
			write(t, filepath.Join(dir, weights.ManifestFile), m.Bytes())
		}, "is not the one that was written"},
		"another model's": {func(t *testing.T, dir string, m weights.Manifest) {
			t.Helper()
			m.Model = "other"
			write(t, filepath.Join(dir, weights.ManifestFile), m.Bytes())
		}, "is for other-fp32"},
		"older": {func(t *testing.T, dir string, m weights.Manifest) {
			t.Helper()
			m.Builder += 1000
			write(t, filepath.Join(dir, weights.ManifestFile), m.Bytes())
		}, "another version of IM2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cache := t.TempDir()
			m := weightstest.Make(t, cache, "mine", weights.FP32)
			digest := m.Digest()
			c.damage(t, filepath.Join(cache, m.Folder()), m)
			root := open(t, cache)
			_, err := weights.Check(t.Context(), root, "mine", weights.FP32, digest)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

func TestCheckOfWhatIsNotThere(t *testing.T) {
	t.Parallel()
	cache := t.TempDir()
	root := open(t, cache)
	if _, err := weights.Check(t.Context(), root, "mine", weights.FP32, ""); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	m := weightstest.Make(t, cache, "mine", weights.FP32)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := weights.Check(ctx, root, "mine", weights.FP32, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	if err := errors.Join(os.Rename(filepath.Join(cache, m.Folder()), filepath.Join(cache, "real")), os.Symlink("real", filepath.Join(cache, m.Folder()))); err != nil {
		t.Skip(err)
	}
	var damage *weights.DamageError
	if _, err := weights.Check(t.Context(), root, "mine", weights.FP32, ""); !errors.As(err, &damage) {
		t.Errorf("a link to a folder: %v", err)
	}
}

// A change that keeps the size and sets the time back is still another state.
func TestStateChanges(t *testing.T) {
	t.Parallel()
	cache := t.TempDir()
	m := weightstest.Make(t, cache, "mine", weights.FP32)
	root := open(t, cache)
	before, err := weights.State(root, m)
	if again, errAgain := weights.State(root, m); err != nil || errAgain != nil || again != before {
		t.Fatalf("twice: %q, %q, %v, %v", before, again, err, errAgain)
	}
	time.Sleep(20 * time.Millisecond) // some systems' clocks for files are coarse
	path := filepath.Join(cache, m.Folder(), "p01.onnx")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt([]byte{1, 2, 3}, 100)
	if err := errors.Join(err, f.Close(), os.Chtimes(path, info.ModTime(), info.ModTime())); err != nil {
		t.Fatal(err)
	}
	after, err := weights.State(root, m)
	if err != nil || after == before && !strings.HasSuffix(before, " \n") { // elsewhere than on Linux nothing tells
		t.Errorf("the change left no trace: %v", err)
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	cache := t.TempDir()
	for _, name := range []string{"b", "a"} {
		weightstest.Make(t, cache, name, weights.FP32)
	}
	weightstest.Make(t, cache, "c", weights.INT8)
	if err := errors.Join(os.Mkdir(cache+"/.b-fp32", 0o700), os.WriteFile(cache+"/d-fp32", nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	models, err := weights.List(open(t, cache), weights.FP32)
	if err != nil || strings.Join(models, " ") != "a b" {
		t.Errorf("%q, %v", models, err)
	}
}

func open(t *testing.T, dir string) *os.Root {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() })
	return root
}

// FuzzManifest: what is accepted names only files in its folder, and is written as it was read.
func FuzzManifest(f *testing.F) {
	f.Add(weightstest.Make(f, f.TempDir(), "mine", weights.FP32).Bytes())
	f.Add([]byte(`{"format":2,"model":"../x","pieces":[{"file":"../../x"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := weights.ReadManifest(text)
		if err != nil {
			return
		}
		for _, p := range m.Pieces {
			if filepath.Base(p.File) != p.File || !filepath.IsLocal(p.File) {
				t.Errorf("accepted the file %q", p.File)
			}
		}
		if again, err := weights.ReadManifest(m.Bytes()); err != nil || again.Digest() != m.Digest() {
			t.Errorf("%v, or it changed when written", err)
		}
	})
}
