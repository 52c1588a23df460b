package project

import (
	"bytes"
	"encoding/json"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/im2-audio/im2/internal/exit"
)

// extension is the x-im2 section of a Compose file.
type extension struct {
	// Data is the data folder, relative to the project.
	Data string `json:"data"`
	// Folders are kept in it beside what services mount.
	Folders []string `json:"folders"`
	// Go is the folder below which a build context with a main.go is compiled.
	Go string `json:"go"`
	// UID and GID name the variables that hold the app user's IDs.
	UID string `json:"uid"`
	GID string `json:"gid"`
}

func readExtension(p *types.Project) (extension, bool, error) {
	var own extension
	raw, ok := p.Extensions["x-im2"]
	if !ok {
		return own, false, nil
	}
	text, err := json.Marshal(raw)
	if err == nil {
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.DisallowUnknownFields() // a misspelt key must not be ignored
		err = dec.Decode(&own)
	}
	if err != nil {
		return own, true, exit.Errorf(exit.Unusable, "reading x-im2 in the Compose file: %w (known keys: data, folders, go, uid, gid)", err)
	}
	return own, true, nil
}
