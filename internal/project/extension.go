package project

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/im2-audio/im2/internal/exit"
)

// defaultData is the data folder of a project that names none.
const defaultData = "pipeline-data"

// extension is the x-im2 section of a Compose file.
type extension struct {
	// Data are the data folders, relative to the project: one, or a list.
	Data oneOrMore `json:"data"`
	// Volumes are named volumes that belong to the app user, too.
	Volumes []string `json:"volumes"`
	// Folders are kept in it beside what services mount.
	Folders []string `json:"folders"`
	// Go is the folder below which a build context with a main.go is compiled.
	Go string `json:"go"`
	// UID and GID name the variables that hold the app user's IDs.
	UID string `json:"uid"`
	GID string `json:"gid"`
	// Web is the service with the pages, see Project.Web.
	Web string `json:"web"`
	// Registry and Storage are for Kubernetes, see Cluster.
	Registry string  `json:"registry"`
	Storage  Storage `json:"storage"`
}

// oneOrMore is a text, or a list of texts.
type oneOrMore []string

func (o *oneOrMore) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*o = oneOrMore{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(o))
}

// dataOf returns the data folders that x-im2 names, or the default one.
func dataOf(own extension) []string {
	if len(own.Data) == 0 || len(own.Data) == 1 && own.Data[0] == "" {
		return []string{defaultData}
	}
	return own.Data
}

func (p *Project) readExtension() error {
	var raw any
	if raw, p.Declared = p.Compose.Extensions["x-im2"]; !p.Declared {
		return nil
	}
	text, err := json.Marshal(raw)
	if err == nil {
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.DisallowUnknownFields() // a misspelt key must not be ignored
		err = dec.Decode(&p.own)
	}
	if err != nil {
		return exit.Errorf(exit.Unusable, "reading x-im2 in the Compose file: %w (known keys: data, folders, volumes, go, uid, gid, web, registry, storage)", err)
	}
	if err := p.own.Storage.check(); err != nil {
		return exit.Errorf(exit.Unusable, "reading x-im2 in the Compose file: %w", err)
	}
	p.Cluster = Cluster{Registry: strings.TrimSuffix(p.own.Registry, "/"), Storage: p.own.Storage}
	return nil
}

// Cluster is what x-im2 says about Kubernetes.
type Cluster struct {
	// Registry is where images are pushed to and pulled from, such as registry.example.com/team; "" where none is named.
	Registry string
	// Storage says where the folders and volumes are that services share.
	Storage Storage
}

// Storage is where claims get their space from: at most one of Class, Claim and NFS.
type Storage struct {
	// Class is a storage class of the cluster whose volumes several nodes can write to; "" for the cluster's default one.
	Class string `json:"class"`
	// Claim is a PersistentVolumeClaim that is in the namespace already.
	Claim string `json:"claim"`
	// NFS is the folder on a file server, as SERVER:/PATH.
	NFS string `json:"nfs"`
	// Size is what each claim asks for, such as 100Gi; "" for the renderer's default.
	Size string `json:"size"`
}

// ServerPath splits NFS.
func (s Storage) ServerPath() (server, path string) {
	server, path, _ = strings.Cut(s.NFS, ":/")
	return server, "/" + path
}

// check returns an error for an x-im2 section that says where claims get their space from in two ways, or in a way that is none.
func (s Storage) check() error {
	named := 0
	for _, way := range []string{s.Class, s.Claim, s.NFS} {
		if way != "" {
			named++
		}
	}
	server, _, ok := strings.Cut(s.NFS, ":/")
	switch {
	case named > 1:
		return errors.New("storage has more than one of class, claim and nfs; fix: keep one")
	case s.NFS != "" && (!ok || server == "" || strings.Contains(server, "/")):
		return fmt.Errorf("storage.nfs %q is not SERVER:/PATH", s.NFS)
	}
	return nil
}
