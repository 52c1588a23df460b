package cluster

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/im2-audio/im2/nonroot/kubernetes"
	"github.com/im2-audio/im2/pipeline/notify"
	"github.com/im2-audio/im2/pipeline/proof"
)

const (
	// defaultGrace is how long Compose lets a container end, in seconds.
	defaultGrace = 10
	// awaySeconds is how long a pod stays on a node that is not reachable: its jobs are taken over after a minute, and the default of
	// five is long for somebody who waits for a song.
	awaySeconds = 10
)

// service renders a service as a Deployment, and notes what the admission library says of its pods.
func (r *renderer) service(s types.ServiceConfig) {
	p := &pod{renderer: r, service: s}
	p.container.Name = Name(s.Name)
	p.container.Image = Reference(r.project, s.Name)
	if image := r.options.Images[s.Name]; image != "" {
		p.container.Image = image
	}
	p.command()
	p.environment()
	p.security()
	p.resources()
	p.probes()
	p.volumes()
	p.ownVolumes()
	p.secrets()
	p.surroundings()
	p.counts()
	p.spec.Containers = []corev1.Container{p.container}
	labels := r.meta("", s.Name).Labels
	replicas := int32(r.replicas(s)) //nolint:gosec // Compose bounds it
	d := &appsv1.Deployment{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"},
		ObjectMeta: r.meta(Name(s.Name), s.Name),
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: r.selects(s.Name)},
			Strategy: r.strategy(s),
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: p.spec},
		},
	}
	if !r.scaled(s) { // otherwise the number is the autoscaler's
		d.Spec.Replicas = &replicas
	}
	r.add(d)
	r.admit(s.Name, &d.Spec.Template)
}

// admit asks the library that the API server asks, for what no other check has refused already.
func (r *renderer) admit(service string, t *corev1.PodTemplateSpec) {
	for _, refusal := range kubernetes.Refusals(&t.ObjectMeta, &t.Spec) {
		known := slices.IndexFunc(r.notes, func(n Note) bool { return n.Service == service && slices.Contains(n.Checks, refusal.Check) })
		if known >= 0 {
			r.notes[known].Baseline = r.notes[known].Baseline || refusal.Baseline
			continue
		}
		key := kubernetes.ComposeKey(refusal.Check)
		n := r.refuse(service, key, "remove "+key, "the restricted profile refuses the pod: %s", refusal)
		n.Checks, n.Baseline = []string{refusal.Check}, refusal.Baseline
	}
}

// replicas is how many pods a service has.
func (r *renderer) replicas(s types.ServiceConfig) int {
	if n, ok := r.options.Replicas[s.Name]; ok {
		return n
	}
	return s.GetScale()
}

// strategy tells the old pod to end before the new one starts. Both may run for stop_grace_period, except where a volume is one pod's:
// pods that are ending do not count for a rolling update.
func (r *renderer) strategy(s types.ServiceConfig) appsv1.DeploymentStrategy {
	for _, v := range s.Volumes {
		if c := r.claimOf(v); c != nil && c.mode() == corev1.ReadWriteOnce {
			return appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType}
		}
	}
	one, none := intstr.FromInt32(1), intstr.FromInt32(0)
	rolling := appsv1.RollingUpdateDeployment{MaxSurge: &none, MaxUnavailable: &one}
	if s.Deploy != nil && s.Deploy.UpdateConfig != nil {
		if n := s.Deploy.UpdateConfig.Parallelism; n != nil && *n > 0 && *n <= math.MaxInt32 {
			one = intstr.FromInt32(int32(*n))
		}
		if s.Deploy.UpdateConfig.Order == "start-first" {
			rolling.MaxSurge, rolling.MaxUnavailable = &one, &none
		}
	}
	return appsv1.DeploymentStrategy{Type: appsv1.RollingUpdateDeploymentStrategyType, RollingUpdate: &rolling}
}

// command maps Compose's entrypoint to command and its command to args. An empty entrypoint takes the image's away, which only a
// command of its own does in Kubernetes.
func (p *pod) command() {
	entrypoint, command := escapeAll(p.service.Entrypoint), escapeAll(p.service.Command)
	if p.service.Entrypoint != nil && len(entrypoint) == 0 {
		entrypoint, command = command, nil
	}
	p.container.Command, p.container.Args = entrypoint, command
	p.container.WorkingDir = p.service.WorkingDir
	p.container.TTY, p.container.Stdin = p.service.Tty, p.service.StdinOpen
}

func (p *pod) environment() {
	all := make(map[string]corev1.EnvVar)
	set := func(name, value string) { all[name] = corev1.EnvVar{Name: name, Value: escape(value)} }
	for name, value := range p.service.Environment {
		switch {
		case value == nil: // it is not set
		case name == notify.Setting && *value != "": // It may have a secret in it, and manifests are kept where many read them.
			secret := Name(p.service.Name) + "-notify"
			p.lack("environment."+name, "the Secret %s is not created: kubectl -n %s create secret generic %s --from-literal=%s=ADDRESS", secret, p.namespace, secret, name)
			key := &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: secret}, Key: name}
			all[name] = corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{SecretKeyRef: key}}
		default:
			set(name, *value)
		}
	}
	if p.project.Declared { // over what the Compose file says, which knows nothing of a cluster
		field := &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: "spec.nodeName"}
		all[proof.NodeVariable] = corev1.EnvVar{Name: proof.NodeVariable, ValueFrom: &corev1.EnvVarSource{FieldRef: field}}
		set(proof.ProjectVariable, p.project.Name())
		set(proof.EngineVariable, proof.Kubernetes)
		set(proof.ImageVariable, p.container.Image)
		if p.options.DataID != "" {
			set(proof.DataVariable, p.options.DataID)
		}
	}
	for _, name := range sortedKeys(all) {
		p.container.Env = append(p.container.Env, all[name])
	}
}

// resources maps limits and reservations. Compose has each of them in two places that must agree.
func (p *pod) resources() {
	limits, requests := corev1.ResourceList{}, corev1.ResourceList{}
	cpu := func(n float32) resource.Quantity {
		return *resource.NewMilliQuantity(int64(math.Ceil(float64(n)*1000)), resource.DecimalSI)
	}
	limit, reservation := int64(p.service.MemLimit), int64(p.service.MemReservation)
	cpus := p.service.CPUS
	if d := p.service.Deploy; d != nil {
		if l := d.Resources.Limits; l != nil {
			limit, cpus = max(limit, int64(l.MemoryBytes)), max(cpus, float32(l.NanoCPUs))
		}
		if r := d.Resources.Reservations; r != nil {
			reservation = max(reservation, int64(r.MemoryBytes))
			if r.NanoCPUs > 0 {
				requests[corev1.ResourceCPU] = cpu(float32(r.NanoCPUs))
			}
		}
	}
	if limit > 0 {
		limits[corev1.ResourceMemory] = *resource.NewQuantity(limit, resource.BinarySI)
	}
	if reservation > 0 {
		requests[corev1.ResourceMemory] = *resource.NewQuantity(reservation, resource.BinarySI)
	}
	if cpus > 0 {
		limits[corev1.ResourceCPU] = cpu(cpus)
	}
	p.gpus(limits)
	p.container.Resources = corev1.ResourceRequirements{Limits: limits, Requests: requests}
}

// surroundings are what a pod has beside its container.
func (p *pod) surroundings() {
	no := false
	grace := int64(defaultGrace)
	if p.service.StopGracePeriod != nil {
		grace = seconds(*p.service.StopGracePeriod)
	}
	p.spec.TerminationGracePeriodSeconds = &grace
	p.spec.AutomountServiceAccountToken, p.spec.EnableServiceLinks = &no, &no
	p.spec.Hostname = p.hostname()
	if system, architecture, ok := strings.Cut(cmp.Or(p.service.Platform, p.options.Platforms[p.service.Name]), "/"); ok {
		architecture, _, _ = strings.Cut(architecture, "/") // a variant is no label of nodes
		p.spec.NodeSelector = map[string]string{corev1.LabelOSStable: system, corev1.LabelArchStable: architecture}
	}
	away := int64(awaySeconds)
	for _, taint := range []string{corev1.TaintNodeNotReady, corev1.TaintNodeUnreachable} {
		p.spec.Tolerations = append(p.spec.Tolerations, corev1.Toleration{Key: taint, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: &away})
	}
	for _, host := range sortedKeys(p.service.ExtraHosts) {
		for _, ip := range p.service.ExtraHosts[host] {
			if ip == "host-gateway" {
				p.note(p.service.Name, "extra_hosts", "%s is not set: no pod has a way to its node", host)
				continue
			}
			p.spec.HostAliases = append(p.spec.HostAliases, corev1.HostAlias{IP: ip, Hostnames: []string{host}})
		}
	}
}

// hostname is what Compose sets, where Kubernetes takes it.
func (p *pod) hostname() string {
	if p.service.Hostname != "" && Name(p.service.Hostname) != p.service.Hostname {
		p.note(p.service.Name, "hostname", "the pod's name is its host name: Kubernetes does not take this one")
		return ""
	}
	return p.service.Hostname
}

// gpus asks for the GPUs that Compose reserves, or for one where x-im2 of the service says so.
func (p *pod) gpus(limits corev1.ResourceList) {
	key := "deploy.resources.reservations.devices"
	requests := slices.Clone(p.service.Gpus)
	if len(requests) > 0 {
		key = "gpus"
	}
	if d := p.service.Deploy; d != nil && d.Resources.Reservations != nil {
		requests = append(requests, d.Resources.Reservations.Devices...)
	}
	n, wanted := int64(0), []string(nil)
	for _, d := range requests {
		if !slices.Contains(d.Capabilities, "gpu") && key != "gpus" || d.Driver != "" && d.Driver != "nvidia" {
			p.refuse(p.service.Name, key, "reserve a GPU of the driver nvidia", "only GPUs of nvidia can be asked for")
			continue
		}
		switch {
		case len(d.IDs) > 0:
			p.note(p.service.Name, key, "Kubernetes chooses which %d: device_ids have no meaning there", len(d.IDs))
			n += int64(len(d.IDs))
		case d.Count < 0:
			p.note(p.service.Name, key, "it gets 1: Kubernetes has no \"all\"")
			n++
		default:
			n += max(int64(d.Count), 1)
		}
		wanted = append(wanted, slices.DeleteFunc(slices.Clone(d.Capabilities), func(c string) bool { return c == "gpu" })...)
	}
	if n == 0 && p.wantsGPU() {
		n = 1
	}
	if n == 0 {
		return
	}
	limits["nvidia.com/gpu"] = *resource.NewQuantity(n, resource.DecimalSI)
	p.spec.Tolerations = append(p.spec.Tolerations, corev1.Toleration{Key: "nvidia.com/gpu", Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoSchedule})
	if _, set := p.service.Environment[driverCapabilities]; len(wanted) > 0 && !set {
		p.container.Env = append(p.container.Env, corev1.EnvVar{Name: driverCapabilities, Value: strings.Join(wanted, ",")})
	}
}

// driverCapabilities is how nvidia's runtime is told what Compose tells the engine.
const driverCapabilities = "NVIDIA_DRIVER_CAPABILITIES"

// wantsGPU reads x-im2 of the service.
func (p *pod) wantsGPU() bool {
	own, ok := p.service.Extensions["x-im2"]
	if !ok {
		return false
	}
	keys, _ := own.(map[string]any)
	gpu, ok := keys["gpu"].(bool)
	if !ok || len(keys) != 1 {
		p.refuse(p.service.Name, "x-im2", "write x-im2: {gpu: true}", "a service has only gpu, true or false, there")
	}
	return gpu
}

// seconds rounds up to whole ones, since Kubernetes has no others.
func seconds(d types.Duration) int64 {
	return int64((time.Duration(d) + time.Second - 1) / time.Second)
}
