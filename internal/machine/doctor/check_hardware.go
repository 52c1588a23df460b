package doctor

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/im2-audio/im2/internal/project"
)

// checkProcessor checks the processors as a container sees them: in a virtual machine that may be less than what
// this machine's can do.
func checkProcessor(_ context.Context, _ *Doctor, f *facts) answer {
	var features []string
	if f.sight != nil {
		features = f.sight.Features
	}
	return assessProcessor(f.engine.Server.GoArch(), features)
}

func assessProcessor(arch string, features []string) answer {
	has := func(name string) bool { return slices.Contains(features, name) }
	switch {
	case features == nil:
		return ok("%s; its features are not known", arch)
	case arch == "arm64":
		return ok("arm64, with NEON")
	case arch != "amd64":
		return warned("run the engine on an amd64 or arm64 machine", "%s: ONNX Runtime's library is only available for amd64 and arm64", arch)
	case has("avx512f"):
		return ok("amd64, with AVX-512")
	case has("avx2") && has("fma"):
		return ok("amd64, with AVX2")
	}
	return warned("in a virtual machine, give it the processor of its host (QEMU: -cpu host)",
		"amd64, without AVX2: separations work, and take several times as long")
}

// gpus is what is known of GPUs.
type gpus struct {
	// devices are the files of those on this machine.
	devices []string
	// runtime says that the engine has NVIDIA's runtime.
	runtime bool
	// askers are the enabled services that reserve an NVIDIA device.
	askers []string
}

func checkGPU(_ context.Context, _ *Doctor, f *facts) answer {
	found := gpus{askers: askers(f.project)}
	_, found.runtime = f.engine.Server.Runtimes["nvidia"]
	if runtime.GOOS == "linux" {
		found.devices = gpuDevices("/dev")
	}
	return assessGPU(found)
}

func gpuDevices(dev string) []string {
	var found []string
	for _, pattern := range []string{"nvidia[0-9]*", "dri/renderD*"} {
		paths, _ := filepath.Glob(filepath.Join(dev, pattern)) // the patterns are right
		for _, path := range paths {
			if info, err := os.Lstat(path); err == nil && !info.IsDir() {
				found = append(found, path)
			}
		}
	}
	return found
}

func askers(p *project.Project) []string {
	var names []string
	if p == nil {
		return nil
	}
	for _, name := range p.Services() {
		s := p.Compose.Services[name]
		devices := s.Gpus
		if s.Deploy != nil && s.Deploy.Resources.Reservations != nil {
			devices = append(slices.Clone(devices), s.Deploy.Resources.Reservations.Devices...)
		}
		if slices.ContainsFunc(devices, func(d types.DeviceRequest) bool { return d.Driver == "nvidia" || d.Driver == "" }) {
			names = append(names, name)
		}
	}
	return names
}

func assessGPU(found gpus) answer {
	text := "none on this machine"
	if len(found.devices) > 0 {
		text = strings.Join(found.devices, ", ") + " on this machine"
	}
	if found.runtime {
		text += "; the engine has NVIDIA's runtime"
	} else {
		text += "; the engine has no NVIDIA runtime"
	}
	switch {
	case len(found.askers) == 0:
		return ok("%s; separations use the processor", text)
	case !found.runtime:
		return warned("install NVIDIA's container toolkit, or take the service's profile out of COMPOSE_PROFILES",
			"%s, and %s reserves a device of NVIDIA's: the engine may refuse to start it", text, strings.Join(found.askers, ", "))
	}
	return ok("%s; %s reserves one (docs/gpu.md tells which were tried)", text, strings.Join(found.askers, ", "))
}
