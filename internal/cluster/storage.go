package cluster

import (
	"cmp"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/safetext"
)

// defaultSize is what a claim asks for where x-im2 names no size.
const defaultSize = "10Gi"

// mountOptions are those of an NFS share: 4.2 shows new files of others at once, and a hard mount waits for a server that is away
// instead of failing in the middle of a file.
var mountOptions = []string{"nfsvers=4.2", "hard"}

// claim is a folder of the project, or a named volume, that services share.
type claim struct {
	// name is that of the PersistentVolumeClaim.
	name string
	// folder is the absolute path of a folder; "" for a volume.
	folder string
	// volume is the key of a named volume; "" for a folder.
	volume string
	// existing says that the claim is there already.
	existing bool
	// pods is how many pods mount it.
	pods int
}

// mode is who may mount it at the same time. A volume of one pod can be on any storage.
func (c *claim) mode() corev1.PersistentVolumeAccessMode {
	if c.volume != "" && c.pods <= 1 {
		return corev1.ReadWriteOnce
	}
	return corev1.ReadWriteMany
}

// plan finds the claims: one for each data folder and each outermost folder that services mount, and one for each named volume.
func (r *renderer) plan() error {
	services := make(map[string]string)
	for _, name := range r.project.Services() {
		if other, taken := services[Name(name)]; taken {
			return exit.Errorf(exit.Unusable, "rendering %s for Kubernetes: the services %s and %s both become %s; fix: rename one of them",
				r.project.Name(), other, name, Name(name))
		}
		services[Name(name)] = name
	}
	storage := r.project.Cluster.Storage
	var folders []string
	for _, tree := range r.project.Trees {
		folders = append(folders, tree.Data)
	}
	var mounted []string
	for _, name := range r.project.Services() {
		for _, v := range r.project.Compose.Services[name].Volumes {
			if v.Type == types.VolumeTypeBind && r.claimable(v) {
				mounted = append(mounted, v.Source)
			}
		}
	}
	slices.Sort(mounted) // the outer folder before what is in it
	for _, path := range mounted {
		if !slices.ContainsFunc(folders, func(f string) bool { return project.Within(f, path) }) {
			folders = append(folders, path)
		}
	}
	for _, folder := range folders {
		name := "files"
		if folder != r.project.Root {
			name = relative(r.project, folder)
		}
		r.claims = append(r.claims, &claim{name: Name(name), folder: folder})
	}
	for _, name := range r.project.Compose.VolumeNames() {
		v := r.project.Compose.Volumes[name]
		c := &claim{name: Name(name), volume: name}
		if v.External {
			c.name, c.existing = existing(v.Name), true
		}
		r.claims = append(r.claims, c)
	}
	for _, service := range r.project.Services() {
		s := r.project.Compose.Services[service]
		for _, c := range r.claims {
			if slices.ContainsFunc(s.Volumes, func(v types.ServiceVolumeConfig) bool { return r.claimOf(v) == c }) {
				c.pods += max(r.replicas(s), 1)
			}
		}
	}
	r.claims = slices.DeleteFunc(r.claims, func(c *claim) bool { return c.pods == 0 })
	if n := len(r.own()); storage.Claim+storage.NFS != "" && n > 1 {
		var names []string
		for _, c := range r.own() {
			names = append(names, c.name)
		}
		return exit.Errorf(exit.Unusable, "rendering %s for Kubernetes: x-im2: storage names one folder, and services share %d: %s; fix: name a storage class, "+
			"or mount folders of one data folder", r.project.Name(), n, safetext.List(names, 10, ", "))
	}
	return nil
}

// claimable says that a bind mount is of a folder in the project.
func (r *renderer) claimable(v types.ServiceVolumeConfig) bool {
	return project.Within(r.project.Root, v.Source) && (r.options.IsFile == nil || !r.options.IsFile(v.Source))
}

// own are the claims that are not there already.
func (r *renderer) own() []*claim {
	return slices.DeleteFunc(slices.Clone(r.claims), func(c *claim) bool { return c.existing })
}

// claimOf returns the claim that a mount is a part of; nil for none.
func (r *renderer) claimOf(v types.ServiceVolumeConfig) *claim {
	for _, c := range r.claims {
		switch {
		case v.Type == types.VolumeTypeVolume && v.Source != "" && v.Source == c.volume:
			return c
		case v.Type == types.VolumeTypeBind && c.folder != "" && r.claimable(v) && project.Within(c.folder, v.Source):
			return c
		}
	}
	return nil
}

// storage renders the claims, and the volume of an NFS share.
func (r *renderer) storage() error {
	storage := r.project.Cluster.Storage
	size, err := resource.ParseQuantity(cmp.Or(storage.Size, defaultSize))
	if err != nil || size.Sign() <= 0 {
		return exit.Errorf(exit.Unusable, "rendering %s for Kubernetes: x-im2: storage.size %q is no size; fix: write one such as 100Gi", r.project.Name(), storage.Size)
	}
	for key, name := range map[string]string{"class": storage.Class, "claim": storage.Claim} {
		if name != "" && existing(name) != name {
			return exit.Errorf(exit.Unusable, "rendering %s for Kubernetes: x-im2: storage.%s %q can be no name there; fix: write one that \"kubectl get\" shows",
				r.project.Name(), key, name)
		}
	}
	for _, c := range r.own() {
		if c.folder != "" {
			r.note("", "x-im2", "the claim %s is in place of %s: services see there what is on the cluster's storage, not what is on this machine", c.name,
				safetext.Quoted(relative(r.project, c.folder)))
		}
		if storage.Claim != "" {
			c.name = storage.Claim
			continue
		}
		pvc := &corev1.PersistentVolumeClaim{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "PersistentVolumeClaim"},
			ObjectMeta: r.meta(c.name, ""),
			Spec: corev1.PersistentVolumeClaimSpec{
				AccessModes: []corev1.PersistentVolumeAccessMode{c.mode()},
				Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: size}},
			},
		}
		switch {
		case storage.NFS != "":
			r.add(r.nfsVolume(c, size))
			pvc.Spec.StorageClassName, pvc.Spec.VolumeName = new(string), r.volumeName(c)
		case storage.Class != "":
			pvc.Spec.StorageClassName = &storage.Class
		}
		r.add(pvc)
	}
	return nil
}

// volumeName has the namespace's name in it, since volumes are in none. Names of namespaces have no dots, so no other two make the same.
func (r *renderer) volumeName(c *claim) string { return r.namespace + "." + c.name }

// nfsVolume is the volume of a share. It is kept when the claim is removed: the songs are on it.
func (r *renderer) nfsVolume(c *claim, size resource.Quantity) Object {
	server, path := r.project.Cluster.Storage.ServerPath()
	pv := &corev1.PersistentVolume{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "PersistentVolume"},
		ObjectMeta: r.meta(r.volumeName(c), ""),
		Spec: corev1.PersistentVolumeSpec{
			Capacity:                      corev1.ResourceList{corev1.ResourceStorage: size},
			AccessModes:                   []corev1.PersistentVolumeAccessMode{c.mode()},
			PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimRetain,
			ClaimRef:                      &corev1.ObjectReference{Namespace: r.namespace, Name: c.name},
			MountOptions:                  mountOptions,
			PersistentVolumeSource:        corev1.PersistentVolumeSource{NFS: &corev1.NFSVolumeSource{Server: server, Path: path}},
		},
	}
	pv.Namespace = ""
	return pv
}

// subPath is the part of a claim that a mount is; "" for all of it.
func (c *claim) subPath(v types.ServiceVolumeConfig) string {
	var rel string
	if c.folder != "" {
		rel, _ = filepath.Rel(c.folder, v.Source)
		rel = filepath.ToSlash(rel)
	} else if v.Volume != nil {
		rel = strings.Trim(filepath.ToSlash(filepath.Clean("/"+v.Volume.Subpath)), "/")
	}
	if rel == "." {
		return ""
	}
	return rel
}
