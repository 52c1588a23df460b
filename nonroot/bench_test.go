package nonroot_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/im2-audio/im2/nonroot"
)

// BenchmarkOwnProject is what "mage up" waits for.
func BenchmarkOwnProject(b *testing.B) {
	in := open(b, "..")
	for b.Loop() {
		if _, err := nonroot.Audit(b.Context(), in.Project, in.Options); err != nil {
			b.Fatal(err)
		}
	}
}

// manyServices are n services, each with a Dockerfile of its own that ends as root.
func manyServices(n int) map[string]string {
	files := map[string]string{".env": goodEnv}
	var compose strings.Builder
	compose.WriteString(own + "services:\n")
	for i := range n {
		fmt.Fprintf(&compose, "  s%d:\n    build: m%d\n    volumes: [\"./data:/data\"]\n", i, i)
		files[fmt.Sprintf("m%d/Dockerfile", i)] = "FROM debian:trixie-slim\nRUN groupadd -g 5 x && useradd -u 5 x\nUSER root\n"
	}
	files["docker-compose.yml"] = compose.String()
	return files
}

// Benchmark200Services checks, and Benchmark200Fixed fixes.
func Benchmark200Services(b *testing.B) {
	in := open(b, write(b, manyServices(200)))
	for b.Loop() {
		if r, err := nonroot.Audit(b.Context(), in.Project, in.Options); err != nil || r.Count(nonroot.Error) != 200 {
			b.Fatal(r.Count(nonroot.Error), err)
		}
	}
}

func Benchmark200Fixed(b *testing.B) {
	in := open(b, write(b, manyServices(200)))
	for b.Loop() {
		if changed, err := nonroot.Fix(b.Context(), in.Project, in.Options, nonroot.Warning); err != nil || len(changed) != 201 {
			b.Fatal(len(changed), err)
		}
	}
}
