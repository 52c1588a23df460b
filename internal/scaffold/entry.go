package scaffold

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// entry is a service's value in a Compose file. It uses anchors above it that say the same.
func (s *Service) entry(root *yaml.Node, before int) *yaml.Node {
	var pairs []*yaml.Node
	base := anchored(root, before, hardens)
	if base != nil {
		pairs = append(pairs, plain("<<"), alias(base))
	}
	pairs = append(pairs, plain("build"), s.build(anchored(root, before, passesIDs)))
	if base == nil {
		pairs = append(pairs, hardening()...)
	}
	if _, mounts := value(base, "volumes"); s.data != "" && !mounts {
		pairs = append(pairs, plain("volumes"), list(0, mapping(
			plain("type"), plain("bind"),
			plain("source"), plain(s.composePath(s.data)),
			plain("target"), plain(s.Mount),
			plain("bind"), flow(mapping(plain("create_host_path"), plain("false"))),
		)))
	}
	return mapping(pairs...)
}

func (s *Service) build(ids *yaml.Node) *yaml.Node {
	args := mapping(
		plain("USER_ID"), plain(s.uid),
		plain("GROUP_ID"), plain(s.gid),
		plain("BASE_IMAGE"), plain("${BASE_IMAGE:-debian:trixie-slim}"),
	)
	if ids != nil {
		args = alias(ids)
	}
	return mapping(
		plain("context"), plain(s.composePath(s.Folder)),
		plain("dockerfile"), plain("Dockerfile"),
		plain("args"), args,
	)
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

// hardening is what IM2's own Compose file sets for every service; a test compares them.
func hardening() []*yaml.Node {
	network := plain("none")
	network.LineComment = "# until it needs a network: then remove this line"
	return []*yaml.Node{
		plain("restart"), plain("unless-stopped"),
		plain("init"), plain("true"),
		plain("read_only"), plain("true"),
		plain("tmpfs"), list(yaml.FlowStyle, quoted("/tmp:rw,noexec,nosuid,nodev,size=64m,mode=1777")),
		plain("cap_drop"), list(yaml.FlowStyle, plain("ALL")),
		plain("security_opt"), list(yaml.FlowStyle, quoted("no-new-privileges:true")),
		plain("network_mode"), network,
		plain("pids_limit"), plain("64"),
		plain("mem_limit"), plain("256m"),
		plain("stop_grace_period"), plain("10s"),
	}
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
	readOnly, _ := value(n, "read_only")
	return readOnly == "true" && has(n, "tmpfs", "/tmp") && has(n, "cap_drop", "ALL") && has(n, "security_opt", "no-new-privileges")
}

func passesIDs(n *yaml.Node) bool {
	if n.Kind != yaml.MappingNode || len(n.Content) != 2*3 {
		return false
	}
	for _, name := range []string{"USER_ID", "GROUP_ID", "BASE_IMAGE"} {
		if v, ok := value(n, name); !ok || v == "" {
			return false
		}
	}
	return true
}

func value(n *yaml.Node, key string) (string, bool) {
	for i := 0; n != nil && n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1].Value, true
		}
	}
	return "", false
}

func has(n *yaml.Node, key, item string) bool {
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value != key {
			continue
		}
		for _, got := range append(slices.Clone(n.Content[i+1].Content), n.Content[i+1]) {
			name, rest, more := strings.Cut(got.Value, ":")
			if name == item && (!more || rest != "false") {
				return true
			}
		}
	}
	return false
}

func plain(text string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: text} }

func quoted(text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Style: yaml.DoubleQuotedStyle, Value: text}
}

func list(style yaml.Style, items ...*yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.SequenceNode, Style: style, Content: items}
}

func mapping(pairs ...*yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.MappingNode, Content: pairs}
}

func alias(n *yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.AliasNode, Value: n.Anchor, Alias: n}
}

func flow(n *yaml.Node) *yaml.Node {
	n.Style = yaml.FlowStyle
	return n
}

// key is a service's name as a key that every YAML reader takes for text.
func key(name string) *yaml.Node {
	n := plain(name)
	if n.Tag = "!!str"; slices.Contains([]string{"y", "n", "yes", "no", "on", "off"}, name) { // YAML 1.1
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
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
	if err == nil {
		err = e.Close()
	}
	return b.String(), err
}

func (s *Service) paste() string {
	text, err := encode(mapping(plain("services"), mapping(key(s.Name), s.entry(nil, 0))), 2)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSuffix(text, "\n")
}
