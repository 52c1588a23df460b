package nonroot

import (
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// mount is what a container has mounted.
type mount struct {
	// key is the part of the service that has it; what is how messages call it.
	key, what string
	// source is the path on the machine, also by a volume that is bound to one; "" for none. content is of a config or secret
	// without a file.
	source, content string
	target          string
	// container is another container whose mounts it stands for; "" for none.
	container string
}

// mounts are all mounts of a container: its own, and those of others by volumes_from, with what they have so themselves.
func (a *auditor) mounts(s *subject) []mount {
	all, known := a.mounted[s.title]
	if known {
		return all
	}
	all = a.ownMounts(s)
	seen := map[string]bool{s.name: true}
	for lenders := s.cfg.VolumesFrom; len(lenders) > 0; {
		name := lender(lenders[0])
		lenders = lenders[1:]
		if seen[name] {
			continue
		}
		seen[name] = true
		if container, ok := strings.CutPrefix(name, "container:"); ok {
			all = append(all, mount{key: "volumes_from", container: container})
		}
		other := a.subjects[name]
		if other == nil {
			continue
		}
		lenders = append(lenders[:len(lenders):len(lenders)], other.cfg.VolumesFrom...)
		for _, m := range a.ownMounts(other) {
			m.key, m.what = "volumes_from", m.what+" of "+name
			all = append(all, m)
		}
	}
	a.mounted[s.title] = all
	return all
}

// lender is the service or "container:NAME" of an entry of volumes_from.
func lender(entry string) string {
	return strings.TrimSuffix(strings.TrimSuffix(entry, ":ro"), ":rw")
}

func (a *auditor) ownMounts(s *subject) []mount {
	var all []mount
	for _, v := range s.cfg.Volumes {
		m := mount{key: "volumes", what: v.Type + " " + v.Source, source: a.bound(v), target: v.Target}
		if m.source != "" {
			m.what = a.shown(m.source)
		}
		all = append(all, m)
	}
	object := func(key, what, target string, o types.FileObjectConfig) {
		all = append(all, mount{key: key, what: what, source: o.File, content: o.Content, target: target})
	}
	for _, c := range s.cfg.Configs {
		object("configs", "config "+c.Source, c.Target, types.FileObjectConfig(a.project.Configs[c.Source]))
	}
	for _, c := range s.cfg.Secrets {
		object("secrets", "secret "+c.Source, c.Target, types.FileObjectConfig(a.project.Secrets[c.Source]))
	}
	return all
}

// bound is the path on the machine that a mount is of, also by a volume that is bound to one; "" for none.
func (a *auditor) bound(v types.ServiceVolumeConfig) string {
	switch v.Type {
	case types.VolumeTypeBind:
		return v.Source
	case types.VolumeTypeVolume:
		return a.project.Volumes[v.Source].DriverOpts["device"]
	}
	return ""
}
