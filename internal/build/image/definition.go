package image

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/project"
)

// definition is a bake file as "docker compose build --print" writes it. Keys that are
// not of interest here are kept as they are.
type definition struct {
	Group  map[string]bakeGroup      `json:"group"`
	Target map[string]map[string]any `json:"target"`
}

type bakeGroup struct {
	Targets []string `json:"targets"`
}

func (d definition) choose(services []string) {
	var targets []string
	for name, target := range d.Target {
		if slices.Contains(services, service(target)) {
			targets = append(targets, name)
		}
	}
	clear(d.Group)
	d.Group["default"] = bakeGroup{Targets: targets}
}

// prune removes targets that no group needs, and sorts: Compose prints every service that has a build section,
// in any order.
func (d definition) prune() {
	needed := make(map[string]bool)
	for name, group := range d.Group {
		slices.Sort(group.Targets)
		d.Group[name] = group
		for _, target := range group.Targets {
			d.need(target, needed)
		}
	}
	maps.DeleteFunc(d.Target, func(name string, _ map[string]any) bool { return !needed[name] })
}

func (d definition) need(target string, needed map[string]bool) {
	if needed[target] {
		return
	}
	needed[target] = true
	contexts, _ := d.Target[target]["contexts"].(map[string]any)
	for _, value := range contexts {
		if text, _ := value.(string); strings.HasPrefix(text, "target:") {
			d.need(strings.TrimPrefix(text, "target:"), needed)
		}
	}
}

// setPlatforms says what each image is built for. platforms returns that of a service; none is the engine's own. Without a
// push, what Compose builds for several is built for one, as "docker compose up" does: the engine runs only one, and most
// engines keep only one.
func (d definition) setPlatforms(platforms func(service string) []string, push bool) {
	for _, target := range d.Target {
		if all, _ := target["platforms"].([]any); len(all) > 1 && !push {
			target["output"] = []any{"type=docker"}
		}
		delete(target, "platforms")
		if asked := platforms(service(target)); len(asked) > 0 {
			target["platforms"] = asked
		}
	}
}

// escape makes every value mean itself. Buildx reads the strings of a JSON file as templates, with "${X}" and
// "%{". Compose (2.40.2 to 5.6) escapes "${" in arguments and inline Dockerfiles, and nothing else.
func (d definition) escape() {
	for _, target := range d.Target {
		for key, value := range target {
			done := key == "args" || key == "dockerfile-inline"
			target[key] = escapeValue(value, done)
		}
	}
}

func escapeValue(value any, done bool) any {
	switch v := value.(type) {
	case string:
		if done {
			return strings.ReplaceAll(v, "%{", "%%{")
		}
		return escapeText(v)
	case []any:
		for i := range v {
			v[i] = escapeValue(v[i], done)
		}
	case map[string]any:
		for key := range v {
			v[key] = escapeValue(v[key], done)
		}
	}
	return value
}

func escapeText(text string) string {
	return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(text)
}

// trust gives every target the CA bundle as the secret "ca", unless it has a secret of that name or bundle is
// "".
func (d definition) trust(bundle string) {
	if bundle == "" {
		return
	}
	for _, target := range d.Target {
		secrets, _ := target["secret"].([]any)
		own := slices.ContainsFunc(secrets, func(s any) bool {
			text, _ := s.(string)
			return attribute(text, "id") == "ca"
		})
		if !own {
			target["secret"] = append(secrets, escapeText(`id=ca,"src=`+strings.ReplaceAll(bundle, `"`, `""`)+`"`))
		}
	}
}

// encode writes the definition for Buildx's standard input. Buildx (0.37) first tries to read standard input as
// a Compose file, and warns of every "$X" in it. A key that is there twice ends that attempt, and the key "//"
// is a comment in JSON.
func (d definition) encode() ([]byte, error) {
	text, err := json.Marshal(d)
	if err != nil {
		return nil, exit.Errorf(exit.Failed, "writing the bake definition: %w", err)
	}
	return append([]byte(`{"//":"no Compose file:","//":"YAML has no key twice",`), text[1:]...), nil
}

func attribute(list string, names ...string) string {
	for _, field := range strings.Split(list, ",") {
		name, value, _ := strings.Cut(field, "=")
		if slices.Contains(names, strings.TrimSpace(name)) {
			return value
		}
	}
	return ""
}

// serviceLabel is the label by which Compose tells whose image it is.
const serviceLabel = "com.docker.compose.service"

// mark labels every target with the digest of its inputs, and sets the base image that the digest was made with.
// Target names differ from service names that contain a dot, so the service is read from Compose's label.
func (d definition) mark(plan *Plan) {
	for _, target := range d.Target {
		m := plan.find(service(target))
		if m == nil {
			continue // only built on; it keeps the image that it has
		}
		labels, _ := target["labels"].(map[string]any)
		labels[Label] = m.Digest
		args, _ := target["args"].(map[string]any)
		if base, ok := m.inputs.Args[project.BaseImage]; ok && args != nil {
			args[project.BaseImage] = base
		}
	}
}

func service(target map[string]any) string {
	labels, _ := target["labels"].(map[string]any)
	name, _ := labels[serviceLabel].(string)
	return name
}
