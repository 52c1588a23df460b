package image

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/im2-audio/im2/internal/project"
)

// grants returns arguments that allow exactly what the definition uses. Otherwise Buildx refuses paths outside
// of the working folder, agents, the host's network and privileges, or asks on a terminal
// (docker/bake-action#269). The Compose file is the permission, as for "docker compose build".
func (d definition) grants(root, bundle string) []string {
	wanted := []string{read(root, bundle)}
	for _, target := range d.Target {
		for _, path := range readPaths(target) {
			wanted = append(wanted, read(root, path))
		}
		for _, cache := range list(target["cache-to"]) {
			if path := outside(root, attribute(cache, "dest")); path != "" {
				wanted = append(wanted, "fs.write="+path)
			}
		}
		wanted = append(wanted, powers(target)...)
	}
	slices.Sort(wanted)
	var args []string
	for _, grant := range slices.Compact(wanted) {
		if grant != "" {
			args = append(args, "--allow", grant)
		}
	}
	return args
}

func readPaths(target map[string]any) []string {
	paths := []string{text(target["context"]), text(target["dockerfile"])}
	contexts, _ := target["contexts"].(map[string]any)
	for _, value := range contexts {
		paths = append(paths, strings.TrimPrefix(text(value), "oci-layout://"))
	}
	for _, secret := range list(target["secret"]) {
		if _, path, found := strings.Cut(secret, ",src="); found { // Compose writes it last, and unquoted
			paths = append(paths, path)
		}
	}
	for _, ssh := range list(target["ssh"]) {
		_, keys, _ := strings.Cut(ssh, "=")
		paths = append(paths, strings.Split(keys, ",")...)
	}
	for _, cache := range list(target["cache-from"]) {
		paths = append(paths, attribute(cache, "src"))
	}
	return paths
}

func powers(target map[string]any) []string {
	wanted := list(target["entitlements"])
	if text(target["network"]) == "host" {
		wanted = append(wanted, "network.host")
	}
	for _, ssh := range list(target["ssh"]) {
		if _, keys, _ := strings.Cut(ssh, "="); keys == "" {
			wanted = append(wanted, "ssh") // the agent
		}
	}
	return wanted
}

func read(root, path string) string {
	if path = outside(root, path); path == "" {
		return ""
	}
	return "fs.read=" + path
}

// outside returns path if it is absolute and, links resolved, not below root; else "".
func outside(root, path string) string {
	if !filepath.IsAbs(path) {
		return "" // of the working folder, or no path at all
	}
	place, err := filepath.EvalSymlinks(path)
	if err != nil {
		place = path // Buildx words it better when it is not there
	}
	if project.Within(root, place) {
		return ""
	}
	return path
}

func text(value any) string {
	s, _ := value.(string)
	return s
}

func list(value any) []string {
	var all []string
	values, _ := value.([]any)
	for _, v := range values {
		all = append(all, text(v))
	}
	return all
}
