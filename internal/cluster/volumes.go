package cluster

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/go-units"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/safetext"
)

// pod is one pod template while it is rendered.
type pod struct {
	*renderer
	service   types.ServiceConfig
	spec      corev1.PodSpec
	container corev1.Container
}

// mount adds a volume under a name that is free, and mounts it.
func (p *pod) mount(name string, source corev1.VolumeSource, m corev1.VolumeMount) {
	for _, v := range p.spec.Volumes {
		if v.PersistentVolumeClaim != nil && source.PersistentVolumeClaim != nil && *v.PersistentVolumeClaim == *source.PersistentVolumeClaim {
			m.Name = v.Name
			p.container.VolumeMounts = append(p.container.VolumeMounts, m)
			return
		}
	}
	free := name
	for i := 2; slices.ContainsFunc(p.spec.Volumes, func(v corev1.Volume) bool { return v.Name == free }); i++ {
		free = fmt.Sprintf("%s-%d", name, i)
	}
	m.Name = free
	p.spec.Volumes = append(p.spec.Volumes, corev1.Volume{Name: free, VolumeSource: source})
	p.container.VolumeMounts = append(p.container.VolumeMounts, m)
}

// memory mounts a folder in memory. What is in it counts for the memory limit.
func (p *pod) memory(target string, size int64) {
	dir := &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory}
	if size > 0 {
		dir.SizeLimit = resource.NewQuantity(size, resource.BinarySI)
	}
	p.mount(Name(strings.Trim(target, "/")), corev1.VolumeSource{EmptyDir: dir}, corev1.VolumeMount{MountPath: target})
}

func (p *pod) volumes() {
	for i, v := range p.service.Volumes {
		key := fmt.Sprintf("volumes.%d", i)
		switch v.Type {
		case types.VolumeTypeBind:
			p.bind(key, v)
		case types.VolumeTypeVolume:
			p.named(key, v)
		case types.VolumeTypeTmpfs:
			var size int64
			if v.Tmpfs != nil {
				size = int64(v.Tmpfs.Size)
			}
			p.memory(v.Target, size)
		default:
			p.refuse(p.service.Name, key, "use a volume or a folder of the project", "Kubernetes has no mount of type %s", safetext.Quoted(v.Type))
		}
	}
	for _, text := range p.service.Tmpfs {
		target, options, _ := strings.Cut(text, ":")
		var size int64
		for option := range strings.SplitSeq(options, ",") {
			if value, ok := strings.CutPrefix(option, "size="); ok {
				size, _ = units.RAMInBytes(value) // Compose has read it
			}
			if option == "noexec" {
				p.note(p.service.Name, "tmpfs", "programs can be started from %s: Kubernetes has no noexec", safetext.Quoted(target))
			}
		}
		p.memory(target, size)
	}
	if size := int64(p.service.ShmSize); size > 0 {
		p.memory("/dev/shm", size)
	}
}

func (p *pod) bind(key string, v types.ServiceVolumeConfig) {
	if c := p.claimOf(v); c != nil {
		p.claim(c, v)
		return
	}
	if p.options.IsFile != nil && p.options.IsFile(v.Source) && project.Within(p.project.Root, v.Source) {
		p.boundFile(key, v)
		return
	}
	p.mount("host", corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: v.Source}}, corev1.VolumeMount{MountPath: v.Target, ReadOnly: v.ReadOnly})
	p.refuse(p.service.Name, key, "mount a folder of the project, or a volume", "%s is outside of the project: what is on a node is not shared, and the restricted profile forbids it",
		safetext.Quoted(v.Source)).Checks = []string{"restrictedVolumes"}
}

// boundFile mounts one file of the project as a ConfigMap, which has to be created from it.
func (p *pod) boundFile(key string, v types.ServiceVolumeConfig) {
	rel := relative(p.project, v.Source)
	if !v.ReadOnly {
		p.refuse(p.service.Name, key, "add read_only: true, or mount its folder", "%s is one file that the service can write; Kubernetes shares only folders", safetext.Quoted(rel))
		return
	}
	name, item := Name(rel), path.Base(rel)
	p.lack(key, "%s is taken from the ConfigMap %s, which is not created: kubectl -n %s create configmap %s %s", safetext.Quoted(rel), name,
		p.namespace, name, exit.Word("--from-file="+rel))
	p.mount("file-"+name, corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: name}}},
		corev1.VolumeMount{MountPath: v.Target, SubPath: item, ReadOnly: true})
}

// named mounts a named volume, or an unnamed one: that is as old as the pod.
func (p *pod) named(key string, v types.ServiceVolumeConfig) {
	if v.Volume == nil || !v.Volume.NoCopy {
		p.note(p.service.Name, key, "it begins empty: the engine copies into it what the image has at %s, and Kubernetes does not", safetext.Quoted(v.Target))
	}
	if c := p.claimOf(v); c != nil {
		p.claim(c, v)
		return
	}
	p.mount(Name(strings.Trim(v.Target, "/")), corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}, corev1.VolumeMount{MountPath: v.Target, ReadOnly: v.ReadOnly})
}

func (p *pod) claim(c *claim, v types.ServiceVolumeConfig) {
	source := corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: c.name}}
	p.mount(Name(c.name), source, corev1.VolumeMount{MountPath: v.Target, SubPath: c.subPath(v), ReadOnly: v.ReadOnly})
}

// ownVolumes gives the volumes of one pod to its group, since storage that is new belongs to root: once, as long as their first folder is right.
// It is not done to a pod that mounts a share, too, see security.
func (p *pod) ownVolumes() {
	single, shared := "", false
	for i, v := range p.service.Volumes {
		c := p.claimOf(v)
		switch {
		case c == nil:
		case c.mode() == corev1.ReadWriteOnce && !c.existing:
			single = fmt.Sprintf("volumes.%d", i)
		default:
			shared = true
		}
	}
	switch gid := p.spec.SecurityContext.RunAsGroup; {
	case single == "":
	case shared || gid == nil:
		p.note(p.service.Name, single, "it has to be writable for the service: storage that is new belongs to root")
	default:
		once := corev1.FSGroupChangeOnRootMismatch
		p.spec.SecurityContext.FSGroup, p.spec.SecurityContext.FSGroupChangePolicy = gid, &once
	}
}

// lack says how to create something that the pod mounts and no manifest has. Its namespace comes first.
func (p *pod) lack(key, format string, args ...any) {
	if !p.lacks {
		p.lacks = true
		p.note("", "name", "Secrets and ConfigMaps are created in the namespace %[1]s, which has to be there: kubectl create namespace %[1]s, unless cluster-up has made it", p.namespace)
	}
	p.note(p.service.Name, key, format, args...)
}

// secrets mounts what the service reads of secrets and configs. Their content is never in a manifest.
func (p *pod) secrets() {
	for i, s := range p.service.Secrets {
		name, external := Name(s.Source), p.project.Compose.Secrets[s.Source].External
		if external {
			name = existing(p.project.Compose.Secrets[s.Source].Name)
		}
		key := fmt.Sprintf("secrets.%d", i)
		if !external {
			p.lack(key, "the Secret %s is not created: kubectl -n %s create secret generic %s %s", name, p.namespace, name,
				p.from(s.Source, p.project.Compose.Secrets[s.Source].File))
		}
		p.file(key, types.FileReferenceConfig(s), "/run/secrets/"+s.Source, corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: name, DefaultMode: mode(types.FileReferenceConfig(s))}})
	}
	for i, s := range p.service.Configs {
		c := p.project.Compose.Configs[s.Source]
		name := Name(s.Source)
		if c.External {
			name = existing(c.Name)
		}
		key := fmt.Sprintf("configs.%d", i)
		if !c.External && c.Content == "" {
			p.lack(key, "the ConfigMap %s is not created: kubectl -n %s create configmap %s %s", name, p.namespace, name, p.from(s.Source, c.File))
		}
		p.file(key, types.FileReferenceConfig(s), "/"+s.Source, corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
			LocalObjectReference: corev1.LocalObjectReference{Name: name}, DefaultMode: mode(types.FileReferenceConfig(s)),
		}})
	}
}

// from is the argument with which kubectl reads a key from a file; path may be empty.
func (r *renderer) from(key, path string) string {
	if path == "" {
		return "--from-file=" + key + "=FILE"
	}
	return exit.Word("--from-file=" + key + "=" + relative(r.project, path))
}

// file mounts one key of a Secret or ConfigMap where Compose puts it.
func (p *pod) file(key string, f types.FileReferenceConfig, target string, source corev1.VolumeSource) {
	switch {
	case path.IsAbs(f.Target):
		target = f.Target
	case f.Target != "" && f.Target != f.Source:
		target = path.Join(path.Dir(target), f.Target)
	}
	if f.UID+f.GID != "" {
		p.note(p.service.Name, key, "it belongs to root, and is readable for all: Kubernetes cannot give it to uid and gid")
	}
	p.mount("file-"+Name(f.Source), source, corev1.VolumeMount{MountPath: target, SubPath: f.Source, ReadOnly: true})
}

// mode is that of a secret's file. One that its owner alone can read would be root's alone.
func mode(f types.FileReferenceConfig) *int32 {
	if f.Mode == nil {
		return nil
	}
	m := int32(*f.Mode&0o777) | 0o044 //nolint:gosec // nine bits
	return &m
}

// configs renders the configs that have their content in the Compose file and that a service reads.
func (r *renderer) configs() {
	for _, name := range sortedKeys(r.project.Compose.Configs) {
		c := r.project.Compose.Configs[name]
		read := slices.ContainsFunc(r.project.Services(), func(service string) bool {
			return slices.ContainsFunc(r.project.Compose.Services[service].Configs, func(s types.ServiceConfigObjConfig) bool { return s.Source == name })
		})
		if read && !bool(c.External) && c.Content != "" {
			r.add(&corev1.ConfigMap{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"}, ObjectMeta: r.meta(Name(name), ""), Data: map[string]string{name: c.Content}})
		}
	}
}
