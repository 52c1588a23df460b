package cluster

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"sigs.k8s.io/yaml"
)

// header is the first line of everything that is written: files without it are somebody else's.
const header = "# Rendered by cluster-render of IM2 from the Compose file: changes are lost.\n"

// YAML is all objects, one document each, always the same for the same project.
func (r Rendered) YAML() ([]byte, error) {
	text := bytes.NewBufferString(header)
	for i, o := range r.Objects {
		if i > 0 {
			text.WriteString("---\n")
		}
		one, err := document(o)
		if err != nil {
			return nil, err
		}
		text.Write(one)
	}
	return text.Bytes(), nil
}

// Files is YAML in several files, by name. In the order of their names they can be applied.
func (r Rendered) Files() (map[string][]byte, error) {
	files := make(map[string][]byte)
	for _, o := range r.Objects {
		name := fileOf(o)
		if files[name] == nil {
			files[name] = []byte(header)
		} else {
			files[name] = append(files[name], "---\n"...)
		}
		one, err := document(o)
		if err != nil {
			return nil, err
		}
		files[name] = append(files[name], one...)
	}
	return files, nil
}

// fileOf is the file that an object is in.
func fileOf(o Object) string {
	service := o.GetLabels()[LabelService]
	switch o.GetObjectKind().GroupVersionKind().Kind {
	case "Namespace":
		return "0-namespace.yaml"
	case "NetworkPolicy":
		return "1-network.yaml"
	case "PersistentVolume", "PersistentVolumeClaim":
		return "2-storage.yaml"
	case "ConfigMap":
		return "3-configs.yaml"
	case "ScaledObject", "HorizontalPodAutoscaler":
		return "5-autoscale.yaml"
	}
	return "4-" + service + ".yaml"
}

// Values are the objects as JSON has them, without what only a cluster writes.
func (r Rendered) Values() ([]map[string]any, error) {
	var all []map[string]any
	for _, o := range r.Objects {
		v, err := values(o)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

func values(o Object) (map[string]any, error) {
	text, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("writing %s: %w", o.GetName(), err)
	}
	var v map[string]any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&v); err != nil {
		return nil, fmt.Errorf("writing %s: %w", o.GetName(), err)
	}
	delete(v, "status")
	return v, nil
}

func document(o Object) ([]byte, error) {
	v, err := values(o)
	if err != nil {
		return nil, err
	}
	text, err := yaml.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("writing %s: %w", o.GetName(), err)
	}
	return text, nil
}

// Ours says that a text is one that this package has written.
func Ours(text string) bool { return strings.HasPrefix(text, header) }
