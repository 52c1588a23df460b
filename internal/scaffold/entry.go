package scaffold

import (
	"bytes"
	_ "embed" // for template
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/im2-audio/im2/internal/project"
)

// template is an entry for a Compose file, with words in capitals for what is different in each.
//
//go:embed files/entry.yaml
var template []byte

// entry is a service's value in a Compose file. It uses anchors above it that say the same.
func (s *Service) entry(root *yaml.Node, before int) (*yaml.Node, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(template, &doc); err != nil {
		return nil, err
	}
	n := doc.Content[0]
	fill(n, map[string]string{"UID": s.uid, "GID": s.gid, "CONTEXT": s.composePath(s.Folder), "DATA": s.composePath(s.data), "MOUNT": s.Mount})
	if ids := anchored(root, before, passesIDs); ids != nil {
		_, build := pair(n, "build")
		_, args := pair(build, "args")
		*args = *alias(ids)
	}
	base := anchored(root, before, hardens)
	if _, mounts := pair(base, "volumes"); mounts != nil || s.data == "" {
		n = only(n, func(key string) bool { return key != "volumes" })
	}
	if base != nil {
		n = only(n, func(key string) bool { return key == "build" || key == "volumes" })
	}
	if told := anchored(root, before, tellsData); told != nil && s.Kind == Pipeline { // the program checks itself, and verify expects its proof
		if _, set := pair(base, "environment"); set == nil {
			n.Content = append([]*yaml.Node{plain("environment"), alias(told)}, n.Content...)
		}
	}
	if base != nil {
		n.Content = append([]*yaml.Node{plain("<<"), alias(base)}, n.Content...)
	}
	return n, nil
}

// tellsData reports whether a section is an environment that tells services which data folder is meant.
func tellsData(n *yaml.Node) bool {
	_, id := pair(n, project.DataID)
	return id != nil
}

func fill(n *yaml.Node, values map[string]string) {
	if value, found := values[n.Value]; found {
		n.Value = value
	}
	for _, child := range n.Content {
		fill(child, values)
	}
}

func only(n *yaml.Node, wanted func(key string) bool) *yaml.Node {
	c := *n
	c.Content = nil
	for i := 0; i+1 < len(n.Content); i += 2 {
		if wanted(n.Content[i].Value) {
			c.Content = append(c.Content, n.Content[i], n.Content[i+1])
		}
	}
	return &c
}

func (s *Service) composePath(path string) string {
	rel, err := filepath.Rel(s.root, path)
	if err != nil {
		rel = path // on another drive
	}
	rel = strings.ReplaceAll(filepath.ToSlash(rel), "$", "$$")
	if !filepath.IsAbs(rel) && !strings.HasPrefix(rel, "../") {
		rel = "./" + rel
	}
	return rel
}

func anchored(root *yaml.Node, before int, as func(*yaml.Node) bool) *yaml.Node {
	for i := 0; root != nil && root.Kind == yaml.MappingNode && i+1 < len(root.Content); i += 2 {
		n := root.Content[i+1]
		if strings.HasPrefix(root.Content[i].Value, "x-") && n.Anchor != "" && root.Content[i].Line < before && as(n) {
			return n
		}
	}
	return nil
}

// hardens reports whether a section sets all that the audit asks for, and nothing that only one service can
// have.
func hardens(n *yaml.Node) bool {
	general := []string{
		"restart", "init", "read_only", "tmpfs", "cap_drop", "security_opt", "network_mode", "networks", "pids_limit", "mem_limit", "cpus",
		"stop_grace_period", "volumes", "logging", "labels", "environment", "env_file", "ulimits",
	}
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if !slices.Contains(general, n.Content[i].Value) {
			return false
		}
	}
	return has(n, "read_only", "true") && has(n, "tmpfs", "/tmp") && has(n, "cap_drop", "ALL") && has(n, "security_opt", "no-new-privileges")
}

func passesIDs(n *yaml.Node) bool {
	if n.Kind != yaml.MappingNode || len(n.Content) != 2*3 {
		return false
	}
	for _, name := range []string{"USER_ID", "GROUP_ID", "BASE_IMAGE"} {
		if _, v := pair(n, name); v == nil || v.Value == "" {
			return false
		}
	}
	return true
}

// has reports whether a value, or one of a list, is item; a flag may follow, but not "false".
func has(n *yaml.Node, key, item string) bool {
	_, v := pair(n, key)
	return v != nil && slices.ContainsFunc(append(slices.Clone(v.Content), v), func(got *yaml.Node) bool {
		name, rest, _ := strings.Cut(got.Value, ":")
		return name == item && rest != "false"
	})
}

func plain(text string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: text} }

func mapping(pairs ...*yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.MappingNode, Content: pairs}
}

func alias(n *yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.AliasNode, Value: n.Anchor, Alias: n}
}

// key is a service's name as a key that every YAML reader takes for text, also those of YAML 1.1.
func key(name string) *yaml.Node {
	var n yaml.Node
	n.SetString(name)
	if slices.Contains([]string{"y", "n", "yes", "no", "on", "off"}, name) {
		n.Style = yaml.DoubleQuotedStyle
	}
	return &n
}

func inBraces(n *yaml.Node, json bool) *yaml.Node {
	n.LineComment = ""
	switch n.Kind {
	case yaml.MappingNode, yaml.SequenceNode:
		n.Style = yaml.FlowStyle
		for i, child := range n.Content {
			inBraces(child, json)
			if json && n.Kind == yaml.MappingNode && i%2 == 0 {
				child.Style = yaml.DoubleQuotedStyle
			}
		}
	case yaml.ScalarNode:
		if number := strings.Trim(n.Value, "0123456789") == ""; json && !number && n.Value != "true" && n.Value != "false" {
			n.Style = yaml.DoubleQuotedStyle
		}
	}
	return n
}

func encode(n *yaml.Node, indent int) (string, error) {
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(indent)
	err := e.Encode(n)
	return b.String(), errors.Join(err, e.Close())
}

// paste is the service's section of a Compose file, to be added by hand.
func (s *Service) paste() string {
	n, err := s.section(nil, 0)
	text := ""
	if err == nil {
		text, err = encode(mapping(plain("services"), n), defaultIndent)
	}
	if err != nil {
		return err.Error()
	}
	return strings.TrimSuffix(text, "\n")
}

// section is the service by its name.
func (s *Service) section(root *yaml.Node, before int) (*yaml.Node, error) {
	n, err := s.entry(root, before)
	return mapping(key(s.Name), n), err
}
