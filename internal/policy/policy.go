// Package policy tells the libraries what a project of IM2 promises: package nonroot, which checks it before it
// runs, and package nonroot/verify, which checks what runs.
package policy

import (
	"path/filepath"

	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/nonroot"
)

// Audit are the options with which a project is audited. problems are those that project.Examine found.
func Audit(p *project.Project, problems []project.Problem) nonroot.Options {
	o := nonroot.Options{Root: p.Root, Environ: p.Settings.Environ(), Conventions: Conventions(p), StandIn: project.StandIn}
	for _, problem := range problems {
		o.Problems = append(o.Problems, nonroot.Problem{
			Setting: setting(p, problem.Setting), Unset: problem.Required, Err: problem.Err, Hint: `"mage setup" writes the IDs that are missing`,
		})
	}
	return o
}

// Conventions are what a project with an x-im2 section promises; nil for one without.
func Conventions(p *project.Project) *nonroot.Conventions {
	if !p.Declared {
		return nil
	}
	s := p.Settings
	return &nonroot.Conventions{
		Data: p.Data, Folders: p.Folders, User: s.AppUser, UID: named(p, s.UIDName), GID: named(p, s.GIDName),
		Files: []string{filepath.Join(p.Root, project.TeamFile), filepath.Join(p.Root, project.LocalFile)},
	}
}

// named is a setting also where nothing sets it.
func named(p *project.Project, name string) nonroot.Setting {
	s := setting(p, p.Settings.Get(name))
	s.Name = name
	return s
}

func setting(p *project.Project, s project.Setting) nonroot.Setting {
	converted := nonroot.Setting{Name: s.Name, Value: s.Value, Environment: s.Source == project.FromEnvironment}
	if s.Line > 0 {
		converted.File, converted.Line = filepath.Join(p.Root, string(s.Source)), s.Line
	}
	return converted
}
