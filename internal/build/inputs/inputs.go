// Package inputs knows what an image is made from: the build section of its service, the
// Dockerfile, the build context as BuildKit would see it, and the images it is built on. Two
// builds with equal inputs give equal images as far as anybody can know without building;
// where that cannot be known, there is a doubt.
//
// Left out on purpose is what BuildKit itself leaves out of its cache keys: times and owners
// of files (it sends files as 0:0 and keeps no times), proxy arguments, and the content of
// secrets. Modes count, since COPY keeps them.
package inputs

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"io/fs"
	"maps"
	"slices"
	"strconv"
)

// scheme is the version of what goes into a digest; another one makes every image stale.
const scheme = 1

// Inputs are what one image is made from.
type Inputs struct {
	// Service is the service whose image it is, and Project its Compose project: both are
	// labels of the image.
	Service string `json:"service"`
	Project string `json:"project"`
	// Definition is the service's build section as JSON, without what is in the fields
	// below and without what cannot change the image.
	Definition string `json:"definition"`
	// Args are the build arguments.
	Args map[string]string `json:"args"`
	// Platform is what is built for, such as "linux/amd64".
	Platform string `json:"platform"`
	// Dockerfile and Ignore are digests of the Dockerfile and of the ignore file in force;
	// Ignore is empty where there is none.
	Dockerfile string `json:"dockerfile"`
	Ignore     string `json:"ignore"`
	// Images maps the images it is built on to their IDs.
	Images map[string]string `json:"images"`
	// Contexts maps the names of additional contexts to the digests of what is in them.
	Contexts map[string]string `json:"contexts"`
	// Files are what is in the build context, in the order of a walk.
	Files []File `json:"files"`

	// Newest is the last change of any file here, in nanoseconds since 1970 by the file
	// system's clock; it is no part of the digest. When it moves between two looks, something
	// was changed, even if it was changed back.
	Newest int64 `json:"-"`
	// Doubts say why equal inputs may still give another image; they are no part of the
	// digest.
	Doubts []string `json:"-"`
}

// File is one entry of a build context.
type File struct {
	// Path is relative to the context, with slashes.
	Path string `json:"path"`
	// Mode has the type and the permission bits.
	Mode fs.FileMode `json:"mode"`
	// Content is the SHA-256 of a file in hexadecimal digits, the target of a symbolic
	// link, and empty for everything else.
	Content string `json:"content,omitempty"`
}

// Digest is "sha256:" and the digest over all inputs.
func (in Inputs) Digest() string {
	r := recorder{sha256.New()}
	r.add("im2 inputs", strconv.Itoa(scheme), in.Project, in.Service, in.Definition, in.Platform, in.Dockerfile, in.Ignore)
	r.addMap(in.Args)
	r.addMap(in.Images)
	r.addMap(in.Contexts)
	r.addFiles(in.Files)
	return r.sum()
}

// recorder hashes texts, each with its length before it, so that no two lists of texts give
// the same bytes.
type recorder struct{ hash.Hash }

func (r recorder) add(texts ...string) {
	var length [8]byte
	for _, text := range texts {
		binary.BigEndian.PutUint64(length[:], uint64(len(text)))
		_, _ = r.Write(length[:]) // a hash never fails
		_, _ = r.Write([]byte(text))
	}
}

func (r recorder) addMap(m map[string]string) {
	r.add(strconv.Itoa(len(m)))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		r.add(name, m[name])
	}
}

func (r recorder) addFiles(files []File) {
	r.add(strconv.Itoa(len(files)))
	for _, f := range files {
		r.add(f.Path, strconv.FormatUint(uint64(f.Mode), 8), f.Content)
	}
}

func (r recorder) sum() string { return "sha256:" + hex.EncodeToString(r.Sum(nil)) }

func digestOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
