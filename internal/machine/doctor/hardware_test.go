package doctor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAssessProcessor(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		arch     string
		features []string
		level    Result
		part     string
	}{
		"avx-512":   {"amd64", []string{"avx2", "avx512f", "fma"}, OK, "AVX-512"},
		"avx2":      {"amd64", []string{"avx2", "fma"}, OK, "with AVX2"},
		"no fma":    {"amd64", []string{"avx2"}, Warn, "without AVX2"},
		"old":       {"amd64", []string{}, Warn, "separations work, and take several times as long fix: in a virtual machine"},
		"arm":       {"arm64", []string{"asimd"}, OK, "NEON"},
		"other":     {"riscv64", []string{}, Warn, "only available for amd64 and arm64"},
		"not known": {"amd64", nil, OK, "not known"},
	} {
		expect(t, name, assessProcessor(c.arch, c.features), c.level, c.part)
	}
}

func TestAssessGPU(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		found gpus
		level Result
		part  string
	}{
		"none":            {gpus{}, OK, "none on this machine; the engine has no NVIDIA runtime; separations use the processor"},
		"not asked for":   {gpus{devices: []string{"/dev/nvidia0"}, runtime: true}, OK, "/dev/nvidia0 on this machine; the engine has NVIDIA's runtime; separations use"},
		"asked for":       {gpus{devices: []string{"/dev/nvidia0"}, runtime: true, askers: []string{"g"}}, OK, "g reserves one (docs/gpu.md"},
		"without runtime": {gpus{devices: []string{"/dev/dri/renderD128"}, askers: []string{"g"}}, Warn, "may refuse to start it fix: install NVIDIA's container toolkit"},
	} {
		expect(t, name, assessGPU(c.found), c.level, c.part)
	}
}

func TestGPUDevices(t *testing.T) {
	t.Parallel()
	dev := t.TempDir()
	for _, name := range []string{"nvidia0", "nvidiactl", "nvidia-uvm", "dri/card0", "dri/renderD128", "null"} {
		path := filepath.Join(dev, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := filepath.Join(dev, "nvidia0") + " " + filepath.Join(dev, "dri/renderD128")
	if got := strings.Join(gpuDevices(dev), " "); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := gpuDevices(filepath.Join(dev, "nowhere")); len(got) > 0 {
		t.Errorf("got %s", got)
	}
}

func TestAskersAreThoseThatReserveADevice(t *testing.T) {
	t.Parallel()
	const reserved = "{image: x, deploy: {resources: {reservations: {devices: [{driver: %, count: 1, capabilities: [gpu]}]}}}}"
	p := open(t, map[string]string{"docker-compose.yml": "services:\n  a: " + strings.Replace(reserved, "%", "nvidia", 1) +
		"\n  b: {image: x}\n  c: " + strings.Replace(reserved, "%", "other", 1) + "\n  d: {image: x, gpus: all}\n  e: {profiles: [off], image: x, gpus: all}\n"})
	if got := strings.Join(askers(p), " "); got != "a d" {
		t.Errorf("got %q", got)
	}
	if got := askers(nil); len(got) > 0 {
		t.Errorf("got %q", got)
	}
}
