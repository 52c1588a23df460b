package nonroot

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v3"

	"github.com/im2-audio/im2/internal/compose/composefile"
	"github.com/im2-audio/im2/internal/compose/edit"
)

// The parts of a Compose file that have containers.
const (
	services = "services"
	jobs     = "jobs"
)

// addSubjects finds every container that Compose can start. What it runs in one of these is in [auditor.hooks].
func (a *auditor) addSubjects() {
	p := a.project
	add := func(all types.Services, active bool) {
		for _, name := range slices.Sorted(maps.Keys(all)) {
			a.addSubject(&subject{name: name, title: name, section: services, cfg: all[name], active: active})
		}
	}
	add(p.Services, true)
	add(p.DisabledServices, false) // of profiles that are not in force
	addJobs := func(all types.Jobs, active bool) {
		for _, name := range slices.Sorted(maps.Keys(all)) {
			job := all[name]
			cfg := types.ServiceConfig{Name: name, Profiles: job.Profiles, ContainerSpec: job.ContainerSpec, WorkloadSpec: job.WorkloadSpec}
			a.addSubject(&subject{name: name, title: "job " + name, section: jobs, cfg: cfg, active: active})
		}
	}
	addJobs(p.Jobs, true)
	addJobs(p.DisabledJobs, false)
}

func (a *auditor) addSubject(s *subject) {
	s.active = s.active && (s.section != services || s.cfg.GetScale() > 0)
	s.at, _ = a.find(s)
	if s.at.File == nil {
		s.at.File = &composefile.File{Source: edit.Source{Path: a.project.ComposeFiles[0]}}
	}
	s.mountsData = slices.ContainsFunc(s.cfg.Volumes, a.ofData)
	a.subjects[s.title] = s
	if s.cfg.Build != nil {
		image := canonical(cmp.Or(s.cfg.Image, a.project.Name+"-"+s.name))
		if a.makers[image] == "" {
			a.makers[image] = s.title
		}
		a.rivals[image] = append(a.rivals[image], s.title)
	}
	if len(s.cfg.PreStart) == 0 {
		return
	}
	list := a.place(s, "pre_start")
	items := list.Items()
	for i := range s.cfg.PreStart {
		at := list
		if len(items) == len(s.cfg.PreStart) { // not where several files have some of them
			at = items[i]
		}
		a.addPreStart(s, i, at)
	}
}

// addPreStart adds a command that Compose runs in a container of its own before a service starts. compose-go gives it what
// it does not have from the service (the mounts, Compose does when it starts it): that is checked there.
func (a *auditor) addPreStart(of *subject, i int, at composefile.Place) {
	h := &subject{
		name: of.name, title: fmt.Sprintf("pre_start %d of %s", i+1, of.name), section: of.section, active: of.active, of: of, at: at,
		mountsData: of.mountsData,
	}
	h.cfg = types.ServiceConfig{Name: of.name, Profiles: of.cfg.Profiles, ContainerSpec: of.cfg.PreStart[i].ContainerSpec}
	spec := reflect.ValueOf(&h.cfg.ContainerSpec).Elem()
	for i := range spec.NumField() {
		key, _, _ := strings.Cut(spec.Type().Field(i).Tag.Get("yaml"), ",")
		if _, own := at.Below(key); !own && key != "user" && key != "image" && at.Value != nil && at.Value.Kind == yaml.MappingNode {
			spec.Field(i).SetZero()
		}
	}
	h.mountsData = h.mountsData || slices.ContainsFunc(h.cfg.Volumes, a.ofData)
	a.subjects[h.title] = h
}
