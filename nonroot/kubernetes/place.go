package kubernetes

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/im2-audio/im2/internal/compose/composefile"
)

// pod is a pod that was refused, and where its spec is.
type pod struct {
	spec     composefile.Place
	template corev1.PodTemplateSpec
}

// keys are the keys that a check is about, below a container and below the spec.
var keys = map[string]struct{ container, spec [][]string }{
	"allowPrivilegeEscalation":   {container: [][]string{{"securityContext", "allowPrivilegeEscalation"}}},
	"appArmorProfile":            {[][]string{{"securityContext", "appArmorProfile"}}, [][]string{{"securityContext", "appArmorProfile"}}},
	"capabilities_restricted":    {container: [][]string{{"securityContext", "capabilities", "add"}, {"securityContext", "capabilities"}}},
	"hostNamespaces":             {spec: [][]string{{"hostPID"}, {"hostIPC"}, {"hostNetwork"}}},
	"hostPorts":                  {container: [][]string{{"ports"}}},
	"hostProbesAndHostLifecycle": {container: [][]string{{"livenessProbe"}, {"readinessProbe"}, {"startupProbe"}, {"lifecycle"}}},
	"privileged":                 {container: [][]string{{"securityContext", "privileged"}}},
	"procMount_restricted":       {container: [][]string{{"securityContext", "procMount"}}},
	"restrictedVolumes":          {spec: [][]string{{"volumes"}}},
	"runAsNonRoot":               {[][]string{{"securityContext", "runAsNonRoot"}}, [][]string{{"securityContext", "runAsNonRoot"}}},
	"runAsUser":                  {[][]string{{"securityContext", "runAsUser"}}, [][]string{{"securityContext", "runAsUser"}}},
	"seLinuxOptions":             {[][]string{{"securityContext", "seLinuxOptions"}}, [][]string{{"securityContext", "seLinuxOptions"}}},
	"seccompProfile_restricted":  {[][]string{{"securityContext", "seccompProfile"}}, [][]string{{"securityContext", "seccompProfile"}}},
	"sysctls":                    {spec: [][]string{{"securityContext", "sysctls"}}},
	"windowsHostProcess":         {[][]string{{"securityContext", "windowsOptions"}}, [][]string{{"securityContext", "windowsOptions"}}},
}

// place is where a check's reason is: a key of the container that is refused even alone, a key of the spec, the container that lacks
// a key, or the spec.
func (p pod) place(check string) composefile.Place {
	guilty, found := p.guilty(check)
	if found {
		if at, ok := first(guilty, keys[check].container); ok {
			return at
		}
	}
	if at, ok := first(p.spec, keys[check].spec); ok {
		return at
	}
	if found {
		return guilty
	}
	return p.spec
}

// first is the first of several keys that is there.
func first(at composefile.Place, paths [][]string) (composefile.Place, bool) {
	for _, path := range paths {
		if found, ok := at.Below(path...); ok {
			return found, true
		}
	}
	return composefile.Place{}, false
}

// guilty is the first container with which alone the pod is refused for a check.
func (p pod) guilty(check string) (composefile.Place, bool) {
	try := func(key string, i int, spec corev1.PodSpec) (composefile.Place, bool) {
		if !slices.ContainsFunc(Refusals(&p.template.ObjectMeta, &spec), func(r Refusal) bool { return r.Check == check }) {
			return composefile.Place{}, false
		}
		list, ok := p.spec.Below(key)
		if items := list.Items(); ok && i < len(items) {
			return items[i], true
		}
		return composefile.Place{}, false
	}
	alone := p.template.Spec
	alone.InitContainers, alone.Containers, alone.EphemeralContainers = nil, nil, nil
	for i, c := range p.template.Spec.InitContainers {
		spec := alone
		spec.InitContainers = []corev1.Container{c}
		if at, ok := try("initContainers", i, spec); ok {
			return at, true
		}
	}
	for i, c := range p.template.Spec.Containers {
		spec := alone
		spec.Containers = []corev1.Container{c}
		if at, ok := try("containers", i, spec); ok {
			return at, true
		}
	}
	return composefile.Place{}, false
}
