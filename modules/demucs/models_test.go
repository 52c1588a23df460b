//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/spooltest"
	"github.com/im2-audio/im2/pipeline/weights"
	"github.com/im2-audio/im2/pipeline/weights/weightstest"
)

// exchange prepares other weights in place of a model's, with a manifest that fits.
func exchange(t *testing.T, dir, model string) {
	t.Helper()
	m, err := weightstest.Write(t.Context(), weights.Manifest{Model: model, Precision: weights.FP32, Sources: weightstest.Sources()},
		[]byte("evil"), func(name string) (io.WriteCloser, error) { return os.Create(filepath.Join(dir, name)) })
	spooltest.Must(t, err)
	spooltest.Must(t, os.WriteFile(filepath.Join(dir, weights.ManifestFile), m.Bytes(), 0o600))
}

// noise writes over 4 KiB in the middle of a piece and puts its times back.
func noise(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	spooltest.Must(t, err)
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	spooltest.Must(t, err)
	_, err = f.WriteAt(bytes.Repeat([]byte{0xa5}, 4096), 20_000)
	spooltest.Must(t, errors.Join(err, f.Close(), os.Chtimes(path, info.ModTime(), info.ModTime())))
}

func TestAWorkerWithAWrongModelClaimsNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		damage func(t *testing.T, cache, dir string)
		want   string
	}{
		"missing":           {func(t *testing.T, _, dir string) { t.Helper(); spooltest.Must(t, os.RemoveAll(dir)) }, "there is no folder "},
		"4 KiB of noise":    {func(t *testing.T, _, dir string) { t.Helper(); noise(t, dir+"/p01.onnx") }, "p01.onnx does not have the content"},
		"truncated":         {func(t *testing.T, _, dir string) { t.Helper(); spooltest.Must(t, os.Truncate(dir+"/p00.onnx", 500)) }, "p00.onnx has 500 bytes"},
		"a piece less":      {func(t *testing.T, _, dir string) { t.Helper(); spooltest.Must(t, os.Remove(dir+"/p00.onnx")) }, "no such file"},
		"without manifest":  {func(t *testing.T, _, dir string) { t.Helper(); spooltest.Must(t, os.Remove(dir+"/manifest.json")) }, "manifest is missing"},
		"exchanged, fits":   {func(t *testing.T, _, dir string) { t.Helper(); exchange(t, dir, "htdemucs") }, "is not the one that was written"},
		"pieces exchanged":  {swapPieces, "p00.onnx does not have the content"},
		"another's":         {func(t *testing.T, _, dir string) { t.Helper(); exchange(t, dir, "other") }, "its manifest is for other-fp32"},
		"one's own, broken": {func(t *testing.T, cache, _ string) { t.Helper(); brokenOwn(t, cache) }, "mage demucs-cache -model=FILE` with its ONNX file, or remove the folder"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, "ffmpeg", "engine")
			time.Sleep(20 * time.Millisecond) // some systems' clocks for files are coarse
			dir := filepath.Join(b.settings.weights, "htdemucs-fp32")
			c.damage(t, b.settings.weights, dir)
			id := b.add("song", "sound").ID
			for range 2 {
				_, err := b.turn(t.Context())
				if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "mage demucs-cache") {
					t.Errorf("turn = %v; want %q", err, c.want)
				}
			}
			b.in(job.Pending, id)
		})
	}
}

// A damaged model, which may have gigabytes, is read once, and again when it changed.
func TestADamagedModelIsReadOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t, "ffmpeg", "engine")
	time.Sleep(20 * time.Millisecond) // some systems' clocks for files are coarse
	piece := filepath.Join(b.settings.weights, "htdemucs-fp32", "p01.onnx")
	whole, err := os.ReadFile(piece)
	spooltest.Must(t, err)
	noise(t, piece)
	b.log.Reset()
	said := ""
	for range 3 {
		_, err := b.turn(t.Context())
		if err == nil || said != "" && err.Error() != said {
			t.Errorf("turn = %v; want %q", err, said)
		}
		said = fmt.Sprint(err)
	}
	if n := strings.Count(b.log.String(), "checking a model"); n != 1 {
		t.Errorf("it was read %d times", n)
	}
	spooltest.Must(t, os.WriteFile(piece, whole, 0o600))
	_, err = b.turn(t.Context())
	spooltest.Must(t, err)
}

func swapPieces(t *testing.T, _, dir string) {
	t.Helper()
	spooltest.Must(t, os.Rename(dir+"/p00.onnx", dir+"/x"))
	spooltest.Must(t, os.Rename(dir+"/p01.onnx", dir+"/p00.onnx"))
	spooltest.Must(t, os.Rename(dir+"/x", dir+"/p01.onnx"))
}

func brokenOwn(t *testing.T, cache string) {
	t.Helper()
	m := weightstest.Make(t, cache, "mine", weights.FP32)
	noise(t, filepath.Join(cache, m.Folder(), "p00.onnx"))
}

func TestUnprivilegedModelThatCannotBeRead(t *testing.T) {
	t.Parallel()
	spooltest.NeedUnprivileged(t)
	b := newBench(t, "ffmpeg", "engine")
	time.Sleep(20 * time.Millisecond)
	spooltest.Must(t, os.Chmod(filepath.Join(b.settings.weights, "htdemucs-fp32", "p00.onnx"), 0))
	id := b.add("song", "sound").ID
	if _, err := b.turn(t.Context()); err == nil || !strings.Contains(err.Error(), "cannot be read by ") ||
		!strings.Contains(err.Error(), "mage reset-permissions") {
		t.Errorf("turn = %v", err)
	}
	b.in(job.Pending, id)
}

func TestAJobMayNameAModel(t *testing.T) {
	t.Parallel()
	b := newBench(t, "ffmpeg", "engine")
	weightstest.Make(t, b.settings.weights, "mine", weights.FP32)
	weightstest.Make(t, b.settings.weights, "small", weights.INT8)
	ids := make(map[string]string)
	for _, name := range []string{"", "mine", "small", "none"} {
		j, err := b.spool.Create("watcher")
		spooltest.Must(t, err)
		j.SetName("song-" + name)
		j.Options.Model = name
		spooltest.Must(t, os.WriteFile(j.Path(job.SourceFile), []byte("sound"), 0o600))
		spooltest.Must(t, j.Move(job.Pending))
		ids[name] = j.ID
	}
	for range ids {
		if _, err := b.turn(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{"": "htdemucs", "mine": "mine"} {
		if j := b.in(job.Separated, ids[name]); j.Model != want {
			t.Errorf("%q was separated with %q", name, j.Model)
		}
	}
	for _, name := range []string{"small", "none"} {
		want := `there is no model "` + name + `" in fp32: known are htdemucs, mine. Choose one of them`
		if j := b.in(job.Rejected, ids[name]); !strings.HasPrefix(j.Error, want) {
			t.Errorf("%q: %q; want %q", name, j.Error, want)
		}
	}
}

// What changes while a song is separated makes its result worthless, and is not the song's fault.
func TestAModelThatChangesMeanwhile(t *testing.T) {
	t.Parallel()
	for name, fails := range map[string]error{"and the engine works": nil, "and the engine fails": errors.New("crash")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, "ffmpeg", "engine")
			time.Sleep(20 * time.Millisecond)
			path := filepath.Join(b.settings.weights, "htdemucs-fp32", "p00.onnx")
			good, err := os.ReadFile(path)
			spooltest.Must(t, err)
			unchanged := b.engine
			b.engine = &changing{Engine: unchanged, change: func() { noise(t, path) }, err: fails}
			id := b.add("song.mp3", "sound").ID
			if _, err := b.turn(t.Context()); err == nil || !strings.Contains(err.Error(), "was changed while a song was separated") {
				t.Errorf("turn = %v", err)
			}
			if j := b.in(job.Pending, id); j.Attempt != 0 {
				t.Errorf("it was charged to the song: %+v", j.Record)
			}
			b.engine = unchanged
			if _, err := b.turn(t.Context()); err == nil || !strings.Contains(err.Error(), "p00.onnx does not have the content") {
				t.Errorf("the next turn = %v", err)
			}
			spooltest.Must(t, os.WriteFile(path, good, 0o600))
			if _, err := b.turn(t.Context()); err != nil {
				t.Errorf("once it is right again: %v", err)
			}
			b.in(job.Separated, id)
		})
	}
}

// changing is an engine that something happens to.
type changing struct {
	Engine
	change func()
	err    error
}

func (c *changing) Separate(ctx context.Context, mix string, frames int64, out string, o options.Options, progress func(done, total int)) error {
	c.change()
	return errors.Join(c.Engine.Separate(ctx, mix, frames, out, o, progress), c.err)
}

// What others can put into the model cache is read as far as a model goes, and no service that reads it looks dead, or outlives a stop.
func TestACacheOfHugeModels(t *testing.T) {
	t.Parallel()
	b := newBench(t, "ffmpeg", "engine")
	m := weightstest.Make(t, b.settings.weights, "mine", weights.FP32)
	dir := filepath.Join(b.settings.weights, m.Folder())
	put := func(size int64) {
		t.Helper()
		for i := range m.Pieces { // Both are one file of holes.
			m.Pieces[i].Size = size
			path := filepath.Join(dir, m.Pieces[i].File)
			spooltest.Must(t, os.Remove(path))
			if i == 0 {
				spooltest.Must(t, os.WriteFile(path, nil, 0o600))
				spooltest.Must(t, os.Truncate(path, size))
			} else {
				spooltest.Must(t, os.Link(filepath.Join(dir, m.Pieces[0].File), path))
			}
		}
		spooltest.Must(t, os.WriteFile(filepath.Join(dir, weights.ManifestFile), m.Bytes(), 0o600))
	}
	ready := func() (took time.Duration, err error) {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		spooltest.Must(t, os.RemoveAll(b.health))
		begun := time.Now()
		err = b.models.ready(ctx)
		return time.Since(begun), err
	}
	put(weights.MaxSource + 1)
	if _, err := ready(); err == nil || !strings.Contains(err.Error(), "has pieces of 2147483650 bytes together, and a model has at most 2147483648") {
		t.Errorf("of more than a model has: %v", err)
	}
	put(weights.MaxSource)
	if took, err := ready(); !errors.Is(err, context.DeadlineExceeded) || took > 5*time.Second {
		t.Errorf("of as much as a model has: %v after %s", err, took)
	}
	if _, err := os.Stat(b.health); err != nil {
		t.Errorf("nobody heard of the worker meanwhile: %v", err)
	}
	for i := range mostModels {
		weightstest.Make(t, b.settings.weights, fmt.Sprintf("mine%d", i), weights.FP32)
	}
	if _, err := ready(); err == nil || !strings.Contains(err.Error(), "has 34 models in fp32, and at most 32 are used: remove the folders") {
		t.Errorf("of many models: %v", err)
	}
}
