package usage

import (
	"os"
	"testing"
)

// BenchmarkRead is what every start of a target pays.
func BenchmarkRead(b *testing.B) {
	sources := os.DirFS(magefiles)
	for b.Loop() {
		if _, err := Read(sources); err != nil {
			b.Fatal(err)
		}
	}
}
