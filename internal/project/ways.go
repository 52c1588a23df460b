package project

import (
	"bytes"
	"math"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v4"

	"github.com/im2-audio/im2/internal/exit"
)

const (
	// maxValues is how many values and mappings all Compose files may have that are audited; an anchor counts wherever it
	// is used. compose-go takes up to 7 KB for one.
	maxValues = 25_000
	// maxWays is in how many ways services may depend on others, directly or through others: compose-go follows each one,
	// and with 30 services there can be a billion.
	maxWays = 1_000_000
)

// values counts what a document has.
func values(of any) int {
	n := 1
	switch of := of.(type) {
	case map[string]any:
		for _, value := range of {
			n += values(value)
		}
	case []any:
		for _, value := range of {
			n += values(value)
		}
	}
	return n
}

// valuesOfText counts what the documents of a text have before anchors are used. It is for texts of any size: when a mapping with a
// million keys is decoded, the YAML package compares each with each other.
func valuesOfText(text []byte) int {
	n := 0
	for decoder := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var document yaml.Node
		if decoder.Decode(&document) != nil { // io.EOF, or what is said when it is decoded
			return n
		}
		for _, root := range document.Content {
			n += valuesOfNode(root)
		}
	}
}

func valuesOfNode(of *yaml.Node) int {
	n := 1
	for i, below := range of.Content {
		if of.Kind != yaml.MappingNode || i%2 == 1 {
			n += valuesOfNode(below)
		}
	}
	return n
}

// dependencies adds what a service depends on as compose-go sees it, or may by way of extends.
func (r *references) dependencies(name string, service map[string]any) {
	add := func(others ...string) { r.needs[name] = append(r.needs[name], others...) }
	for other := range mapping(service["depends_on"]) {
		add(other)
	}
	for _, key := range []string{"depends_on", "links", "volumes_from"} {
		list, _ := service[key].([]any)
		for _, entry := range list {
			text, _ := entry.(string)
			add(text)
		}
	}
	for _, value := range service { // network_mode, ipc, pid and the like
		if text, ok := value.(string); ok && strings.Contains(text, "service:") {
			add(text)
		}
	}
	if extends, ok := service["extends"].(string); ok {
		add(extends)
	} else if base, ok := mapping(service["extends"])["service"].(string); ok {
		add(base)
	}
}

// checkWays returns an error where compose-go would not come to an end of the dependencies.
func (r *references) checkWays(env types.Mapping) error {
	ways := make(map[string]float64)
	var count func(name string) float64
	count = func(name string) float64 {
		if n, known := ways[name]; known {
			return n
		}
		ways[name] = 0 // in a circle, which compose-go finds
		others := r.needs[name]
		for i, other := range others {
			if strings.Contains(other, "$") {
				other, _ = r.substitute(other, env.Resolve)
			}
			others[i], _, _ = strings.Cut(strings.TrimPrefix(other, "service:"), ":")
		}
		slices.Sort(others)
		n := 1.0
		for _, other := range slices.Compact(others) {
			n = math.Min(n+count(other), math.MaxInt32)
		}
		ways[name] = n
		return n
	}
	all := 0.0
	for name := range r.needs {
		all += count(name)
	}
	if all > maxWays {
		return exit.Errorf(exit.Unusable, "reading the Compose files: services depend on each other in more than %d ways, which Compose follows one by one; fix: leave out of depends_on what a service needs only through another one", maxWays)
	}
	return nil
}
