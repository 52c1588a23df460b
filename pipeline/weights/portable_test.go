package weights

import (
	"math"
	"testing"
)

func TestPortableFunctions(t *testing.T) {
	t.Parallel()
	for x := 0.0; x < 2000; x += 0.0371 {
		sin, cos := sincos(x)
		if math.Abs(sin-math.Sin(x)) > 1e-12 || math.Abs(cos-math.Cos(x)) > 1e-12 {
			t.Fatalf("sincos(%v) = %v, %v, want %v, %v", x, sin, cos, math.Sin(x), math.Cos(x))
		}
	}
	for x := -20.0; x <= 0; x += 0.0113 {
		if got, want := exp(x), math.Exp(x); math.Abs(got-want) > 1e-12*want {
			t.Fatalf("exp(%v) = %v, want %v", x, got, want)
		}
	}
}

// The values are those of create_2d_sin_embedding and create_sin_embedding, computed by hand.
func TestPositions(t *testing.T) {
	t.Parallel()
	two, one := position2D(8, 336), position1D(1344)
	for _, c := range []struct {
		name string
		got  float32
		want float64
	}{
		{"the first frame, sine", two[0], 0},
		{"the first frame, cosine", two[1], 1},
		{"frame 5, channel 0", two[5*512], -0.9589242746631385},     // sin 5
		{"frame 5, channel 1", two[5*512+1], 0.28366218546322625},   // cos 5
		{"frame 5, channel 128", two[5*512+128], 0.049979169270678}, // sin(5/100)
		{"row 3, channel 256", two[3*336*512+256], 0.1411200080598672},
		{"row 3, channel 257", two[3*336*512+257], -0.9899924966004454},
		{"sample 7, channel 0", one[7*512], 0.7539022543433046},       // cos 7
		{"sample 7, channel 256", one[7*512+256], 0.6569865987187891}, // sin 7
		{"sample 1343, channel 255", one[1343*512+255], 0.9909951},    // cos(1343/10000)
	} {
		if math.Abs(float64(c.got)-c.want) > 1e-6 {
			t.Errorf("%s: %v, want %v", c.name, c.got, c.want)
		}
	}
}
