package separator_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/im2-audio/im2/modules/demucs/separator"
	"github.com/im2-audio/im2/modules/internal/enginetest"
	"github.com/im2-audio/im2/pipeline/weights"
	"github.com/im2-audio/im2/pipeline/weights/weightstest"
)

// request is one whose library is a text and whose model is of random bytes.
func request(t *testing.T) separator.Request {
	t.Helper()
	cache := t.TempDir()
	weightstest.Make(t, cache, "htdemucs", weights.FP32)
	library := filepath.Join(cache, "library.so")
	if err := os.WriteFile(library, []byte("no library\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return separator.Request{
		Library: library, Model: filepath.Join(cache, weights.Folder("htdemucs", weights.FP32)),
		Mix: writeMix(t, enginetest.Stereo{{1, 2, 3}, {4, 5, 6}}), Frames: 3, Out: t.TempDir(), Overlap: 0.25, Threads: 1,
	}
}

func TestExitCodesSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(t *testing.T, r *separator.Request)
		code   int
		want   string
	}{
		"a library that is none": {func(*testing.T, *separator.Request) {}, separator.ExitEnvironment, "library.so"},
		"no library":             {func(_ *testing.T, r *separator.Request) { r.Library += "x" }, separator.ExitEnvironment, "library.sox"},
		"no mix":                 {func(_ *testing.T, r *separator.Request) { r.Mix += "x" }, separator.ExitFailed, "mix.f32x"},
		"a mix with half a frame": {func(t *testing.T, r *separator.Request) {
			t.Helper()
			if err := os.WriteFile(r.Mix, make([]byte, 20), 0o600); err != nil {
				t.Fatal(err)
			}
		}, separator.ExitFailed, "its last frame is incomplete"},
		"a mix that was exchanged for days of holes": {func(t *testing.T, r *separator.Request) {
			t.Helper()
			if err := os.Truncate(r.Mix, 1<<40); err != nil {
				t.Fatal(err)
			}
		}, separator.ExitFailed, "it has 137438953472 frames, not 3"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := request(t)
			c.change(t, &r)
			stdout, stderr, code := run(t, r)
			lines := strings.Split(strings.TrimSpace(stderr), "\n")
			if code != c.code || stdout != "" || !strings.HasPrefix(lines[len(lines)-1], "Error: ") || !strings.Contains(stderr, c.want) {
				t.Errorf("exit code %d, %q, %q", code, stdout, stderr)
			}
			if files, err := os.ReadDir(r.Out); err != nil || len(files) > 0 {
				t.Errorf("left behind %v, %v", files, err)
			}
		})
	}
}

func TestArgumentsAreRefused(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-overlap", "much"}, {"-nothing"}, {"song.mp3"}, {"-threads", "1.5"}, {"-shifts"}} {
		var stdout, stderr strings.Builder
		if code := separator.Main(args, &stdout, &stderr); code != separator.ExitUsage || stdout.String() != "" || stderr.String() == "" {
			t.Errorf("%q: exit code %d, %q, %q", args, code, stdout.String(), stderr.String())
		}
	}
}

// TestEngineRefusesModels needs the library: without it, no model is read.
func TestEngineRefusesModels(t *testing.T) {
	library := enginetest.Library(t)
	for name, c := range map[string]struct {
		change func(t *testing.T, r *separator.Request)
		want   string
	}{
		"a model of random bytes": {func(*testing.T, *separator.Request) {}, "p00.onnx"},
		"no model":                {func(_ *testing.T, r *separator.Request) { r.Model += "x" }, "htdemucs-fp32x"},
		"no manifest": {func(t *testing.T, r *separator.Request) {
			t.Helper()
			if err := os.Remove(filepath.Join(r.Model, weights.ManifestFile)); err != nil {
				t.Fatal(err)
			}
		}, "manifest is missing"},
		"a piece that is cut": {func(t *testing.T, r *separator.Request) {
			t.Helper()
			if err := os.Truncate(filepath.Join(r.Model, "p00.onnx"), 100); err != nil {
				t.Fatal(err)
			}
		}, "100 bytes"},
		"a piece that is a link": {func(t *testing.T, r *separator.Request) {
			t.Helper()
			piece := filepath.Join(r.Model, "p00.onnx")
			if err := os.Rename(piece, piece+".away"); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink("p00.onnx.away", piece); err != nil {
				t.Fatal(err)
			}
		}, "is not a regular file"},
	} {
		t.Run(name, func(t *testing.T) {
			r := request(t)
			r.Library = library
			c.change(t, &r)
			stdout, stderr, code := run(t, r)
			if code != separator.ExitEnvironment || stdout != "" || !strings.Contains(stderr, c.want) {
				t.Errorf("exit code %d, %q, %q", code, stdout, stderr)
			}
		})
	}
}
