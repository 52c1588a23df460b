package onnxruntime_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/im2-audio/im2/modules/demucs/onnxruntime"
)

func TestALibraryThatCannotBeUsedIsNamed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text, empty := filepath.Join(dir, "text.so"), filepath.Join(dir, "empty.so")
	for path, content := range map[string]string{text: "no library\n", empty: ""} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	other := "libc.so.6"
	if runtime.GOOS == "darwin" {
		other = "/usr/lib/libSystem.B.dylib"
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "missing.so"): "missing.so",
		text:                             "text.so",
		empty:                            "empty.so",
		dir:                              dir,
		other:                            "OrtGetApiBase",
	} {
		env, err := onnxruntime.Open(path, onnxruntime.ThreadOptions{Threads: 1})
		if env != nil || !errors.Is(err, onnxruntime.ErrLibrary) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("opening %s: %v", path, err)
		}
	}
}

func TestSize(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		shape []int64
		want  int
	}{
		{nil, 1},
		{[]int64{}, 1},
		{[]int64{7}, 7},
		{[]int64{2, 3, 4}, 24},
		{[]int64{2, 0}, -1},
		{[]int64{-1, -1}, -1},
		{[]int64{1 << 20, 1 << 20}, 1 << 40},
		{[]int64{1 << 20, 1<<20 + 1}, -1},
		{[]int64{1 << 62, 4}, -1},
	} {
		if got := onnxruntime.Size(c.shape); got != c.want {
			t.Errorf("Size(%v) = %d, not %d", c.shape, got, c.want)
		}
	}
}
