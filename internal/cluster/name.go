package cluster

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"strings"

	"github.com/distribution/reference"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/im2-audio/im2/internal/project"
)

// maxName leaves room for what Kubernetes adds to the names of pods, which may have 63 characters.
const maxName = 45

// Name is a name of Compose as Kubernetes takes it: lower-case letters, digits and hyphens, and not too many of them.
func Name(compose string) string {
	mapped := strings.Trim(strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-':
			return c
		case c >= 'A' && c <= 'Z':
			return c - 'A' + 'a'
		}
		return '-'
	}, compose), "-")
	if mapped == "" || len(mapped) > maxName { // told apart by a hash
		sum := sha256.Sum256([]byte(compose))
		mapped = strings.Trim(mapped[:min(len(mapped), maxName-9)]+"-"+hex.EncodeToString(sum[:4]), "-")
	}
	return mapped
}

// existing is the name of something that is in the cluster already: as it is, if Kubernetes takes it.
func existing(name string) string {
	if len(validation.IsDNS1123Subdomain(name)) == 0 {
		return name
	}
	return Name(name)
}

// Reference is the name by which a service's image is pulled. One that the project builds is in x-im2's registry, with the path that it
// has otherwise; any other one is as the Compose file names it.
func Reference(p *project.Project, service string) string {
	image, registry := p.Image(service), p.Cluster.Registry
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil || p.Compose.Services[service].Build == nil || registry == "" || strings.HasPrefix(image, registry+"/") {
		return image
	}
	path := reference.Path(named)
	if familiar := reference.FamiliarName(named); strings.HasSuffix(path, familiar) { // without Docker Hub's "library/"
		path = familiar
	}
	tag := "latest"
	if tagged, ok := named.(reference.Tagged); ok {
		tag = tagged.Tag()
	}
	return registry + "/" + path + ":" + tag
}

// relative is a path as notes show it.
func relative(p *project.Project, path string) string {
	if rel, err := filepath.Rel(p.Root, path); err == nil {
		path = rel
	}
	return filepath.ToSlash(path)
}

// escape keeps Kubernetes from expanding $(NAME) in a text that Compose has resolved.
func escape(text string) string { return strings.ReplaceAll(text, "$", "$$") }

func escapeAll(texts []string) []string {
	var all []string
	for _, t := range texts {
		all = append(all, escape(t))
	}
	return all
}
