// Package message is what a reset in a container says to the process that started it.
package message

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/im2-audio/im2/internal/idmap"
	"github.com/im2-audio/im2/ownership"
)

// Message is one line of what the helper in a container says on standard output: JSON, with
// one of the fields. The Summary comes last.
type Message struct {
	// Seen is the number of entries so far; any number of these come while it works.
	Seen int64 `json:"seen,omitempty"`
	// Missing is the number of folders that were asked for and are not there; said only
	// where that is not zero.
	Missing int `json:"missing,omitempty"`
	// IDs says which IDs of the machine the command sees as which.
	IDs *IDMaps `json:"ids,omitempty"`
	// Summary is the result.
	Summary *ownership.Summary `json:"summary,omitempty"`
}

// IDMaps are the tables by which a user namespace translates IDs (user_namespaces(7)).
type IDMaps struct {
	// UID and GID are the texts of /proc/self/uid_map and gid_map.
	UID string `json:"uid"`
	GID string `json:"gid"`
}

// Outside returns the owner of this machine that o is; false where the namespace has no such owner.
func (m IDMaps) Outside(o ownership.Owner) (ownership.Owner, bool) {
	uid, gid := idmap.Parse(m.UID).Outside(int64(o.UID)), idmap.Parse(m.GID).Outside(int64(o.GID))
	if uid == idmap.None || gid == idmap.None {
		return ownership.Owner{}, false
	}
	return ownership.Owner{UID: uint32(uid), GID: uint32(gid)}, true
}

// Say writes a message as one line. Paths are quoted on the way: JSON cannot carry names
// that are no UTF-8.
func (m Message) Say(w io.Writer) error {
	if m.Summary != nil {
		s := *m.Summary
		s.Problems = slices.Clone(s.Problems)
		for i := range s.Problems {
			s.Problems[i].Path = strconv.Quote(s.Problems[i].Path)
		}
		m.Summary = &s
	}
	if err := json.NewEncoder(w).Encode(m); err != nil { // a line feed is the encoder's
		return fmt.Errorf("writing the result: %w", err)
	}
	return nil
}

// Hear reads one line that Say wrote.
func Hear(line []byte) (Message, error) {
	var m Message
	if err := json.Unmarshal(line, &m); err != nil {
		return Message{}, fmt.Errorf("reading %q: %w", line, err)
	}
	if m.Summary == nil {
		return m, nil
	}
	for i, p := range m.Summary.Problems {
		path, err := strconv.Unquote(p.Path)
		if err != nil {
			return Message{}, fmt.Errorf("reading the path %s: %w", p.Path, err)
		}
		m.Summary.Problems[i].Path = path
	}
	return m, nil
}
