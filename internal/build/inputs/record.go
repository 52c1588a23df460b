package inputs

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/im2-audio/im2/internal/filestate"
)

// Records keep what images were built from, so that a change can be named. They are never
// needed: without one, an image whose digest differs is stale all the same.
type Records struct {
	// Folder is where they are kept; "" for nowhere.
	Folder string
}

// recordFormat is the format of a record; what has another one is not read.
const recordFormat = 2

// record is a file's content. Arguments are digests in it where their values may be secrets.
type record struct {
	Format int       `json:"format"`
	Digest string    `json:"digest"`
	Built  time.Time `json:"built"`
	Inputs Inputs    `json:"inputs"`
}

func (r Records) path(service string) string { return filepath.Join(r.Folder, service+".json") }

// Save keeps the inputs of a service's image that was built at this time.
func (r Records) Save(in Inputs, at time.Time) error {
	if r.Folder == "" {
		return nil
	}
	digest := in.Digest()
	in.Args = masked(in.Args)
	text, err := json.Marshal(record{recordFormat, digest, at, in})
	if err != nil {
		return fmt.Errorf("recording what %s was built from: %w", in.Service, err)
	}
	if err := filestate.Keep(r.path(in.Service), text); err != nil {
		return fmt.Errorf("recording what %s was built from: %w", in.Service, err)
	}
	return nil
}

func (r Records) load(service, digest string) (old record, ok bool) {
	if r.Folder == "" {
		return old, false
	}
	text, err := os.ReadFile(r.path(service))
	if err != nil || json.Unmarshal(text, &old) != nil {
		return old, false
	}
	return old, old.Digest == digest && old.Format == recordFormat
}

// Built returns when the image was built here; ok is false where that is not known. The image
// does not tell: it has the time at which BuildKit made its last layer first.
func (r Records) Built(service, digest string) (at time.Time, ok bool) {
	old, ok := r.load(service, digest)
	return old.Built, ok
}

// Why says what changed since the image with this digest was built: in one general sentence
// where there is no record of it.
func (r Records) Why(digest string, now Inputs) []string {
	if old, ok := r.load(now.Service, digest); ok {
		now.Args = masked(now.Args)
		if why := Compare(old.Inputs, now); len(why) > 0 {
			return why
		}
	}
	return []string{"its inputs changed"}
}

func masked(args map[string]string) map[string]string {
	out := make(map[string]string, len(args))
	for name, value := range args {
		if !public(name) {
			value = digestOf([]byte(value))
		}
		out[name] = value
	}
	return out
}
