package verify

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/im2-audio/im2/internal/docker/inspect"
	"github.com/im2-audio/im2/nonroot"
)

// describedAtOnce is how many containers or volumes one command describes: its answer has a limit.
const describedAtOnce = 50

// foreign returns the running containers that are not the project's and reach its data folder. Others are not
// checked, and neither are those of the caller's own programs.
func (p *prover) foreign(ctx context.Context, known []container) ([]container, error) {
	if p.data == "" || p.Service != "" {
		return nil, nil
	}
	text, err := p.output(ctx, "ps", "--quiet", "--no-trunc")
	if err != nil {
		return nil, err
	}
	ids := slices.DeleteFunc(strings.Fields(text), func(id string) bool {
		return slices.ContainsFunc(known, func(c container) bool { return c.id == id })
	})
	var all []inspect.Container
	for some := range slices.Chunk(ids, describedAtOnce) {
		more, err := p.describe(ctx, some)
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
	}
	if err := p.readVolumes(ctx, all); err != nil {
		return nil, err
	}
	var found []container
	for _, c := range all {
		if !p.helper(c) && len(dataMounts(p.data, c.Mounts, p.around.devices)) > 0 {
			found = append(found, container{name: strings.TrimPrefix(c.Name, "/"), id: c.ID, foreign: true})
		}
	}
	return found, nil
}

// helper reports whether a container is one of the caller's own programs, by its image: who can give an image such
// a name is root already.
func (p *prover) helper(c inspect.Container) bool {
	repository := func(name string) string {
		name, _, _ = strings.Cut(name, "@")
		if at := strings.LastIndexByte(name, ':'); at > strings.LastIndexByte(name, '/') {
			name = name[:at]
		}
		return name
	}
	return slices.ContainsFunc(append(slices.Clone(p.Helpers), p.Image), func(name string) bool {
		return repository(name) == repository(c.Config.Image)
	})
}

// readVolumes learns to which folders the volumes of containers are bound.
func (p *prover) readVolumes(ctx context.Context, all []inspect.Container) error {
	var names []string
	for _, c := range all {
		for _, m := range c.Mounts {
			if _, known := p.around.devices[m.Name]; m.Type == "volume" && !known {
				names = append(names, m.Name)
			}
		}
	}
	slices.Sort(names)
	for some := range slices.Chunk(slices.Compact(names), describedAtOnce) {
		text, err := p.output(ctx, append([]string{"volume", "inspect", "--format", "{{json .}}"}, some...)...)
		if err != nil && !notThere(err) {
			return err
		}
		for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
			var v struct {
				Name    string
				Options map[string]string
			}
			if json.Unmarshal(lines.Bytes(), &v) == nil {
				p.around.devices[v.Name] = p.place(v.Options["device"])
			}
		}
	}
	return nil
}

// place is where a folder is, links resolved, by the data folder's own path if it is that, or below or above it, by
// another name, such as a bind mount of it. What this machine does not have is where it says.
func (p *prover) place(folder string) string {
	resolved, err := filepath.EvalSymlinks(folder)
	if err != nil || !filepath.IsAbs(resolved) || p.data == "" {
		return folder
	}
	data, err := os.Stat(p.data)
	if err != nil {
		return resolved
	}
	same := func(path string, other os.FileInfo) bool {
		info, err := os.Stat(path)
		return err == nil && os.SameFile(info, other)
	}
	for at, rest := resolved, ""; at != filepath.Dir(at); at, rest = filepath.Dir(at), filepath.Join(filepath.Base(at), rest) {
		if same(at, data) {
			return filepath.Join(p.data, rest)
		}
	}
	info, err := os.Stat(resolved)
	for at := p.data; err == nil && at != filepath.Dir(at); at = filepath.Dir(at) {
		if same(at, info) {
			return at
		}
	}
	return resolved
}

// guest are the checks of a container that is not the project's: whether root is in it or can be had there. It is
// only seen from outside, since nothing of it is ours to change. Root that only reads the data is a warning.
func (p *prover) guest(o observation) Service {
	i := o.inspected
	where, level := []string{}, nonroot.Warning
	for _, m := range o.mounts {
		access := "read-only"
		if m.writable {
			access, level = "writable", nonroot.Error
		}
		where = append(where, m.host+" on "+m.inside+" ("+access+")")
	}
	s := Service{Container: o.container.name, Checks: []Finding{
		found(State, nonroot.Note, ByEngine, "not of this project, and mounts its data folder: %s", strings.Join(where, ", ")),
	}}
	o.files.Why, o.blind = "it is not of this project", "it is not of this project"
	w := want{uid: -1, gid: -1}
	w.toldUID, w.toldGID = o.files.resolve(i.Config.User)
	w.uid, w.gid = w.toldUID, w.toldGID
	checks := append(checkConfiguration(w, i, p.around), checkExecUser(w, o))
	if o.steady {
		checks = check(w, o, p.around)
	} else {
		s.Checks = append(s.Checks, found(State, nonroot.Warning, ByEngine, "%s; its processes were not seen", cmp.Or(o.unsteady, "it is "+i.State.Status)))
	}
	for _, f := range checks {
		if slices.Contains([]Check{Users, Capabilities, Privileged, Namespaces, EngineSocket, ExecUser}, f.Check) {
			f.Level = min(f.Level, level)
			s.Checks = append(s.Checks, f)
		}
	}
	return s
}
