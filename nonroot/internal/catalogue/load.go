package catalogue

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"

	"go.yaml.in/yaml/v3"
)

//go:embed images/*.yaml
var files embed.FS

// record is an entry, or the statement that nothing is known of an image with these tags.
type record struct {
	Entry
	unknown bool
}

// group is how the files write entries: several images may share the same facts.
type group struct {
	Images  []string
	Unknown bool
	Entry   `yaml:",inline"`
}

func load() ([]record, error) {
	var all []record
	names, err := fs.Glob(files, "images/*.yaml")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		data, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		some, err := parse(data)
		if err != nil {
			return nil, fmt.Errorf("reading the catalogue of images: %q: %w", name, err)
		}
		all = append(all, some...)
	}
	return all, nil
}

// parse reads one file. It fails for fields that it does not know.
func parse(data []byte) ([]record, error) {
	var groups []group
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(&groups); err != nil {
		return nil, err
	}
	var all []record
	for _, g := range groups {
		for _, image := range g.Images {
			r := record{Entry: g.Entry, unknown: g.Unknown}
			r.Image = image
			all = append(all, r)
		}
	}
	return all, nil
}
