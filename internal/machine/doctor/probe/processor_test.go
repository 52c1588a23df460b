package probe_test

import (
	"strings"
	"testing"

	"github.com/im2-audio/im2/internal/machine/doctor/probe"
)

func TestProcessor(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"processor\t: 0\nmodel name\t: X\nflags\t\t: fpu sse2 fma avx avx2 avx512f avx512bw\n\nprocessor: 1\nflags: fpu\n": "avx2 avx512f fma",
		"processor\t: 0\nflags\t\t: fpu sse2\n":                            "",
		"processor\t: 0\nFeatures\t: fp asimd evtstrm aes\n":               "asimd",
		"processor\t: 0\nvmx flags\t: avx2\nflags\t: fpu avx2 avx2_more\n": "avx2",
	} {
		got := probe.Processor(strings.NewReader(text))
		if got == nil || strings.Join(got, " ") != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	for _, text := range []string{"", "processor: 0\n", "flags", strings.Repeat("x", 1<<20) + "\nflags: avx2\n"} {
		if got := probe.Processor(strings.NewReader(text)); got != nil {
			t.Errorf("%.20q: %q, want nothing", text, got)
		}
	}
}
