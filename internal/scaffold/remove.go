package scaffold

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/im2-audio/im2/internal/compose/composefile"
	"github.com/im2-audio/im2/internal/compose/edit"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/term/closest"
)

// Removal is a service that is about to be removed.
type Removal struct {
	Name string
	// Project is the project with it.
	Project *project.Project
	// Files are the Compose files that name it.
	Files []Change
	// Folder is the one that its image is built from, absolute; "" where there is none that is its alone. It is removed if it
	// is as New made it, and otherwise kept, for what Kept says.
	Folder, Kept string

	replace func(path string, text []byte) error // edit.Replace; tests have others
}

// Change is a file's text before and after.
type Change struct {
	Path          string
	Before, After []byte
}

// PrepareRemove looks whether a service can be removed and how. Nothing is changed. An error that is about the request or
// the project has the exit code Unusable.
func PrepareRemove(ctx context.Context, r Request) (Removal, error) {
	files, err := project.Files(r.Root, r.Environ)
	if err != nil {
		return Removal{}, err
	}
	p, _, err := project.Examine(ctx, r.Root, r.Environ)
	if err != nil {
		return Removal{}, err
	}
	all := maps.Clone(p.Compose.Services)
	maps.Copy(all, p.Compose.DisabledServices)
	service, there := all[r.Name]
	if !there {
		names := slices.Sorted(maps.Keys(all))
		return Removal{}, exit.Errorf(exit.Unusable, "removing service %q: there is no such service; there are: %s%s", r.Name, strings.Join(names, ", "), closest.Hint(r.Name, names))
	}
	set, err := composefile.Open(files, os.ReadFile)
	if err != nil {
		return Removal{}, exit.With(exit.Unusable, err)
	}
	if users := needing(all, set, r.Name); len(users) > 0 {
		fix := exit.Fix{Note: "take it out of those first"}
		return Removal{}, exit.Fixable(exit.Unusable, fix, "removing service %s: others need it: %s", r.Name, strings.Join(users, ", "))
	}
	m := Removal{Name: r.Name, Project: p}
	if err := m.cut(files, set); err != nil {
		return Removal{}, err
	}
	m.folder(all, service)
	return m, m.confirm(ctx, r, files)
}

// cut computes the new text of each Compose file.
func (m *Removal) cut(files []string, set *composefile.Set) error {
	for _, path := range files {
		target, err := filepath.EvalSymlinks(path) // the file, not a link that leads to it
		var before, after []byte
		if err == nil {
			before, err = os.ReadFile(target)
		}
		if err == nil {
			after, err = cut(target, before, m.Name)
		}
		if err != nil {
			return exit.Errorf(exit.Unusable, "removing service %s from %s: %w; nothing was changed", m.Name, m.Project.Rel(path), err)
		}
		if !bytes.Equal(before, after) {
			m.Files = append(m.Files, Change{target, before, after})
		}
	}
	if len(m.Files) == 0 {
		in := "a file that the Compose file includes"
		if at, ok := set.Find(m.Name); ok {
			in = m.Project.Rel(at.File.Path)
		}
		return exit.Errorf(exit.Unusable, "removing service %s: it is in %s, which other projects may use: remove it there", m.Name, in)
	}
	return nil
}

// needing are the services that would not work without this one, each with the key that says so.
func needing(all types.Services, set *composefile.Set, name string) (users []string) {
	for _, other := range slices.Sorted(maps.Keys(all)) {
		if other == name {
			continue
		}
		s := all[other]
		key := ""
		_, depends := s.DependsOn[name]
		switch by := "service:" + name; {
		case extends(set, other, name):
			key = "extends"
		case s.NetworkMode == by:
			key = "network_mode"
		case s.Pid == by:
			key = "pid"
		case s.Ipc == by:
			key = "ipc"
		case slices.ContainsFunc(s.VolumesFrom, func(from string) bool { from, _, _ = strings.Cut(from, ":"); return from == name }):
			key = "volumes_from"
		case slices.ContainsFunc(s.Links, func(link string) bool { link, _, _ = strings.Cut(link, ":"); return link == name }):
			key = "links"
		case s.Build != nil && slices.Contains(slices.Collect(maps.Values(s.Build.AdditionalContexts)), by):
			key = "additional_contexts"
		case depends:
			key = "depends_on"
		}
		if key != "" {
			users = append(users, other+" ("+key+")")
		}
	}
	return users
}

// extends reports whether a service extends another one of the project's own files.
func extends(set *composefile.Set, service, base string) bool {
	for _, f := range set.Files() {
		_, _, at := services(f)
		_, entry := pair(at, service)
		if _, value := pair(entry, "extends"); value != nil {
			_, of := pair(value, "service")
			_, file := pair(value, "file")
			if value.Value == base || of != nil && of.Value == base && (file == nil || hasFile(set, filepath.Join(filepath.Dir(f.Path), file.Value))) {
				return true
			}
		}
	}
	return false
}

func hasFile(set *composefile.Set, path string) bool {
	return slices.ContainsFunc(set.Files(), func(f *composefile.File) bool { return f.Path == path })
}

// folder finds the service's own folder, and whether it is as it was made.
func (m *Removal) folder(all types.Services, service types.ServiceConfig) {
	if service.Build == nil {
		return
	}
	folder := service.Build.Context
	if rel, inside := project.Inside(m.Project.Root, folder); !inside || rel == "." {
		return
	}
	if info, err := os.Lstat(folder); err != nil || !info.IsDir() {
		return
	}
	for name, other := range all {
		if name == m.Name || other.Build == nil {
			continue
		}
		if project.Within(folder, other.Build.Context) || project.Within(other.Build.Context, folder) && other.Build.Context != m.Project.Root {
			return // another image is built from it, too
		}
	}
	m.Folder = folder
	m.Kept = m.changed()
}

// names are words of a Dockerfile that may be its user's.
var names = regexp.MustCompile(`[a-z_][a-z0-9_-]*`)

// built is what a build leaves in a service's folder.
const built = "bin"

// changed says in which way the folder is not as New makes it; "" where it is.
func (m *Removal) changed() string {
	s := Service{Name: m.Name, root: m.Project.Root}
	if err := s.place(m.Project); err != nil || s.Folder != m.Folder {
		return `"mage new" did not make it`
	}
	dockerfile, err := os.ReadFile(filepath.Join(m.Folder, "Dockerfile"))
	if err != nil {
		return "it has no Dockerfile"
	}
	users := append([]string{DefaultUser}, names.FindAllString(string(dockerfile), -1)...)
	slices.Sort(users)
	found := ""
	for _, user := range slices.Compact(users) {
		s.User = user
		made, err := s.Files()
		if err != nil {
			return err.Error()
		}
		different := differs(m.Folder, made)
		if different == "" {
			return ""
		}
		if user == DefaultUser || found == "" || different != "Dockerfile" && found == "Dockerfile" {
			found = different
		}
	}
	return "you have changed " + found
}

// differs is the first entry of a folder that is not one of these files, or not as it was; "" for none.
func differs(folder string, made []File) string {
	want := map[string][]byte{}
	for _, f := range made {
		want[filepath.Base(f.Name)] = f.Text
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err.Error()
	}
	for _, e := range entries {
		if e.IsDir() && e.Name() == built {
			continue
		}
		text, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if known, is := want[e.Name()]; err != nil || !is || !e.Type().IsRegular() || !bytes.Equal(text, known) {
			return e.Name()
		}
		delete(want, e.Name())
	}
	return strings.Join(slices.Sorted(maps.Keys(want)), ", ")
}

// confirm reads the project as it will be, and checks that only this service is gone.
func (m *Removal) confirm(ctx context.Context, r Request, files []string) error {
	want := slices.DeleteFunc(m.Project.Services(), func(name string) bool { return name == m.Name })
	if len(want) == 0 && len(m.Project.Compose.DisabledServices) == 0 {
		return nil // Compose refuses a project without services
	}
	changed := map[string][]byte{}
	for _, c := range m.Files {
		changed[c.Path] = c.After
	}
	after, err := examineWithAll(ctx, r, files, changed)
	if errors.Is(err, errTry) || ctx.Err() != nil {
		return err
	}
	if err != nil {
		return exit.Errorf(exit.Unusable, "removing service %s: Compose could not read the file then: %w; nothing was changed", m.Name, err)
	}
	if got := after.Services(); !slices.Equal(got, want) {
		return exit.Errorf(exit.Unusable, "removing service %s: Compose would then see the services %q instead of %q; nothing was changed", m.Name, got, want)
	}
	return nil
}

// Write removes the service from the Compose files, and its folder if it is as it was made. Where one of them fails, or ctx
// ends, all are as before.
func (m *Removal) Write(ctx context.Context) (err error) {
	var undo []func() error
	defer func() {
		for _, back := range slices.Backward(undo) {
			if err != nil {
				err = errors.Join(err, back())
			}
		}
	}()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("removing service %s: %w", m.Name, err)
	}
	replace := m.replace
	if replace == nil {
		replace = edit.Replace
	}
	for _, c := range m.Files {
		now, err := os.ReadFile(c.Path)
		if err == nil && !bytes.Equal(now, c.Before) {
			err = errors.New("it was changed meanwhile; try again")
		}
		if err == nil {
			err = replace(c.Path, c.After)
		}
		if err != nil {
			return fmt.Errorf("removing service %s from %s: %w; nothing was changed", m.Name, m.Project.Rel(c.Path), err)
		}
		undo = append(undo, func() error { return replace(c.Path, c.Before) })
	}
	if m.Folder == "" || m.Kept != "" {
		return nil
	}
	aside := filepath.Join(filepath.Dir(m.Folder), stagePrefix+filepath.Base(m.Folder)) // the entry is never there without the whole folder
	if err := os.Rename(m.Folder, aside); err != nil {
		return fmt.Errorf("removing service %s: %w; nothing was changed", m.Name, err)
	}
	if err := os.RemoveAll(aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		undo = nil // it may be half gone
		return exit.Errorf(exit.Failed, "service %s is removed, but not what was its folder: %w; fix: remove %s", m.Name, err, m.Project.Rel(aside))
	}
	return nil
}
