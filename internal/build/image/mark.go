package image

import "github.com/im2-audio/im2/internal/project"

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
