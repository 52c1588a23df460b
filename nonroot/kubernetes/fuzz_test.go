package kubernetes_test

import (
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// FuzzManifest audits whatever is in a file: without a panic, and with findings that are in it.
func FuzzManifest(f *testing.F) {
	archive, err := txtar.ParseFile(filepath.Join("..", "testdata", "rules.txtar"))
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range archive.Files {
		if file.Name[0] == 'K' {
			f.Add(string(file.Data))
		}
	}
	f.Add("apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: Pod, spec: &s {initContainers: [{name: a}], containers: []}}, {apiVersion: v1, kind: Pod, spec: *s}]")
	f.Fuzz(func(t *testing.T, text string) {
		found, err := audit(t, map[string]string{"a.yaml": text})
		if err != nil {
			return // it is no YAML, or no pod
		}
		for _, finding := range found.Findings {
			if finding.Line < 1 || finding.Column < 1 || finding.File != "k8s/a.yaml" {
				t.Errorf("%+v", finding)
			}
		}
	})
}
