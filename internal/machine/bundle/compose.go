package bundle

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	yamlv3 "go.yaml.in/yaml/v3"
	"go.yaml.in/yaml/v4"

	"github.com/im2-audio/im2/internal/compose/composefile"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/run"
)

// mostSecret is how many bytes of a secret's file are searched for.
const mostSecret = 64 << 10

// told are the keys of a Compose file whose values are told, with all that is below them. Of any other key only the names
// that are below it are: what people write there may be a secret.
var told = strings.Fields(`name image container_name platform pull_policy restart user group_add cap_add cap_drop security_opt
	privileged read_only init ipc pid uts userns_mode cgroup cgroup_parent network_mode networks ports expose volumes volumes_from tmpfs
	devices shm_size ulimits mem_limit mem_reservation memswap_limit cpus cpu_count cpu_shares cpuset pids_limit deploy scale
	depends_on stop_signal stop_grace_period working_dir hostname extra_hosts dns profiles interval timeout retries start_period
	start_interval disable dockerfile target platforms no_cache pull context additional_contexts file external runtime x-im2 tty stdin_open`)

// never are keys that are not told, wherever they are.
var never = strings.Fields(`args annotations credential_spec driver_opts environment labels options`)

// below are keys that are not told, whose keys may be.
var below = strings.Fields(`services build healthcheck secrets configs include`)

// Compose is a project as Compose resolves it, in which only the values of known keys are told, and those not that r knows.
func (r *Redactor) Compose(p *types.Project) (string, error) {
	text, err := p.MarshalJSON()
	if err != nil {
		return "", err
	}
	var all map[string]any
	if err := json.Unmarshal(text, &all); err != nil {
		return "", err
	}
	out, err := yaml.Marshal(hide(all, true))
	return r.Text(string(out)), err
}

// hide returns a value without what is not told. In one that is open, keys that are in told are.
func hide(value any, open bool) any {
	switch v := value.(type) {
	case map[string]any:
		shown := make(map[string]any, len(v))
		for name, value := range v {
			switch {
			case open && slices.Contains(told, name):
				shown[name] = without(value)
			case open && slices.Contains(below, name):
				shown[name] = named(value)
			default:
				shown[name] = hide(value, false)
			}
		}
		return shown
	case []any:
		shown := make([]any, len(v))
		for i := range v {
			shown[i] = hide(v[i], open)
		}
		return shown
	case nil:
		return nil
	}
	return redacted
}

// without is a value without what is never told.
func without(value any) any {
	switch v := value.(type) {
	case map[string]any:
		shown := make(map[string]any, len(v))
		for name, value := range v {
			if shown[name] = without(value); slices.Contains(never, name) {
				shown[name] = hide(value, false)
			}
		}
		return shown
	case []any:
		shown := make([]any, len(v))
		for i := range v {
			shown[i] = without(v[i])
		}
		return shown
	}
	return value
}

// named is hide for what is below a key: settings, or things of the project by their names.
func named(value any) any {
	things, ok := value.(map[string]any)
	if !ok {
		return hide(value, true)
	}
	shown := make(map[string]any, len(things))
	for name, thing := range things {
		if _, isThing := thing.(map[string]any); isThing {
			shown[name] = hide(thing, true)
			continue
		}
		shown[name] = hide(map[string]any{name: thing}, true).(map[string]any)[name] //nolint:forcetypeassert // hide returns what it got
	}
	return shown
}

// Learn adds all values of a project that may be secrets: variables, build arguments, labels, the content of secrets and
// configs, and what looks like a secret in any text. Settings that IM2 knows are none.
func (r *Redactor) Learn(p *project.Project) {
	var known []string
	for _, k := range p.Settings.Known() {
		known = append(known, k.Name)
	}
	for _, set := range []types.Services{p.Compose.Services, p.Compose.DisabledServices} {
		for _, s := range set {
			r.service(s, known)
		}
	}
	for _, s := range p.Compose.Secrets {
		r.object(types.FileObjectConfig(s), p.Compose.Environment, r.Secret)
	}
	for _, c := range p.Compose.Configs {
		r.object(types.FileObjectConfig(c), p.Compose.Environment, r.Value)
	}
	for name, value := range p.Compose.Environment {
		if isSecret(name) {
			r.Secret(value)
		}
		r.Inside(value)
	}
	if text, err := p.Compose.MarshalYAML(); err == nil {
		r.Inside(string(text))
	}
}

func (r *Redactor) service(s types.ServiceConfig, known []string) {
	pairs := []types.MappingWithEquals{s.Environment}
	if s.Build != nil {
		pairs = append(pairs, s.Build.Args)
	}
	for _, all := range pairs {
		for name, value := range all {
			if value != nil && !slices.Contains(known, name) {
				r.Named(name, *value)
			}
		}
	}
	for name, value := range s.Labels {
		r.Named(name, value)
	}
	if s.Logging != nil {
		for name, value := range s.Logging.Options {
			r.Named(name, value)
		}
	}
	for _, words := range [][]string{s.Command, s.Entrypoint} {
		r.Inside(strings.Join(words, " "))
	}
}

func (r *Redactor) object(o types.FileObjectConfig, environment types.Mapping, add func(string)) {
	add(o.Content)
	add(environment[o.Environment])
	if o.File == "" || o.External {
		return
	}
	if text, err := run.ReadFile(o.File); err == nil {
		add(string(text[:min(len(text), mostSecret)]))
	}
}

// File adds all values in a file of settings or a Compose file that could not be understood.
func (r *Redactor) File(path string, text []byte) {
	r.Value(string(text))
	f, err := composefile.Parse(path, text)
	if err != nil {
		return
	}
	seen := map[*yamlv3.Node]bool{}
	var walk func(n *yamlv3.Node)
	walk = func(n *yamlv3.Node) {
		if seen[n] {
			return
		}
		seen[n] = true
		if n.Kind == yamlv3.ScalarNode {
			r.Value(n.Value)
		}
		for i, child := range n.Content {
			if n.Kind != yamlv3.MappingNode || i%2 == 1 { // names are told
				walk(child)
			}
		}
	}
	for _, doc := range f.Docs {
		walk(doc)
	}
}

// Environment adds what the variables of a process say that is a secret by its name.
func (r *Redactor) Environment(environ []string) {
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if isSecret(name) {
			r.Secret(value)
		}
		r.Inside(value)
	}
}
