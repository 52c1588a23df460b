package separator

import (
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// numbers are samples of all kinds, other ones on both sides.
func numbers(n int) (left, right []float32) {
	for i := range n {
		left = append(left, float32(i)-0.5)
		right = append(right, -1/float32(i+1))
	}
	if n > 3 {
		left[0], left[1], right[2], right[3] = float32(math.Inf(1)), math.SmallestNonzeroFloat32, math.MaxFloat32, float32(math.Copysign(0, -1))
	}
	return left, right
}

// TestWhatIsWrittenIsReadAgain writes stems in pieces of odd lengths and reads them as mixes are read.
func TestWhatIsWrittenIsReadAgain(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 7, readAtOnce - 1, readAtOnce, 3*readAtOnce + 5} {
		folder := t.TempDir()
		s, err := createStems(folder, []string{"one", "other"})
		if err != nil {
			t.Fatal(err)
		}
		left, right := numbers(n)
		for from, step := 0, 1; from < n; from, step = from+step, 3*step+1 {
			step = min(step, n-from)
			if err := errors.Join(s.WriteFrames(0, left[from:from+step], right[from:from+step]), s.WriteFrames(1, right[from:from+step], left[from:from+step])); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.close(); err != nil {
			t.Fatal(err)
		}
		for i, name := range []string{"one", "other"} {
			m, err := openMix(filepath.Join(folder, name+Extension), int64(n))
			if err != nil || m.Frames() != int64(n) {
				t.Fatalf("%d frames: %v, %v", n, m, err)
			}
			l, r := make([]float32, n), make([]float32, n)
			if err := m.ReadFrames(l, r, 0); err != nil {
				t.Fatal(err)
			}
			if i == 1 {
				l, r = r, l
			}
			if !slices.Equal(l, left) || !slices.Equal(r, right) {
				t.Errorf("%d frames of %s came back as others", n, name)
			}
			if n > 5 {
				l, r := make([]float32, 5), make([]float32, 5)
				if err := m.ReadFrames(l, r, int64(n-5)); err != nil || i == 0 && !slices.Equal(l, left[n-5:]) {
					t.Errorf("the last 5 of %d: %v, %v", n, l, err)
				}
			}
			if err := m.ReadFrames(make([]float32, 1), make([]float32, 1), int64(n)); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("frame %d of %d: %v", n, n, err)
			}
			m.close()
		}
	}
}

func TestStemsAreNotWrittenOverOthers(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	there := filepath.Join(folder, "other"+Extension)
	if err := os.WriteFile(there, []byte("here before"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := createStems(folder, []string{"one", "other"}); s != nil || !errors.Is(err, fs.ErrExist) {
		t.Errorf("created them: %v", err)
	}
	if text, err := os.ReadFile(there); err != nil || string(text) != "here before" {
		t.Errorf("it became %q, %v", text, err)
	}
	if err := os.Symlink(filepath.Join(folder, "elsewhere"), filepath.Join(folder, "link"+Extension)); err != nil {
		t.Fatal(err)
	}
	if s, err := createStems(folder, []string{"link"}); s != nil || !errors.Is(err, fs.ErrExist) {
		t.Errorf("followed a link: %v", err)
	}
	if s, err := createStems(filepath.Join(folder, "nowhere"), []string{"one"}); s != nil || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a folder: %v", err)
	}
}
