// Package message is what the helper in a container that works on a data folder says to the process that started it.
package message

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"syscall"

	"github.com/im2-audio/im2/internal/idmap"
	"github.com/im2-audio/im2/ownership"
	"github.com/im2-audio/im2/pipeline/handover"
	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/prune"
	"github.com/im2-audio/im2/pipeline/queue"
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
	// Summary is the result of a reset.
	Summary *ownership.Summary `json:"summary,omitempty"`
	// Placed is the result of putting a song into the input folder.
	Placed *handover.Placed `json:"placed,omitempty"`
	// Stage is where a job waits that was brought back.
	Stage job.Stage `json:"stage,omitempty"`
	// Pruned is what was removed.
	Pruned *prune.Result `json:"pruned,omitempty"`
	// Problem is why something could not be written.
	Problem *ProblemError `json:"problem,omitempty"`
}

// ProblemError is an error on its way out of a container.
type ProblemError struct {
	// Text is its text, Kinds which of the known errors it wraps.
	Text  string   `json:"text"`
	Kinds []string `json:"kinds,omitempty"`
}

// kinds are the errors that callers tell apart.
var kinds = map[string]error{
	"permission": fs.ErrPermission, "missing": fs.ErrNotExist, "exists": fs.ErrExist,
	"read-only": syscall.EROFS, "no-space": syscall.ENOSPC, "quota": syscall.EDQUOT,
	"changed": handover.ErrChanged, "no-job": queue.ErrNotFound, "not-failed": queue.ErrNotFailed,
	"no-file": queue.ErrNoFile, "untaken": queue.ErrUntaken, "ended": job.ErrEnded, "incoming": job.ErrIncoming,
}

// ProblemOf returns what there is to say of an error.
func ProblemOf(err error) *ProblemError {
	p := &ProblemError{Text: strconv.Quote(err.Error())}
	for kind, known := range kinds {
		if errors.Is(err, known) {
			p.Kinds = append(p.Kinds, kind)
		}
	}
	slices.Sort(p.Kinds)
	return p
}

// Error is the text.
func (p *ProblemError) Error() string {
	if text, err := strconv.Unquote(p.Text); err == nil {
		return text
	}
	return p.Text
}

// Is reports whether the error was one of the known ones.
func (p *ProblemError) Is(target error) bool {
	return p != nil && slices.ContainsFunc(p.Kinds, func(kind string) bool { return kinds[kind] == target })
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
	if m.Placed != nil {
		p := *m.Placed
		p.Name, p.Entry = strconv.Quote(p.Name), strconv.Quote(p.Entry)
		m.Placed = &p
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
	if p := m.Placed; p != nil {
		for _, name := range []*string{&p.Name, &p.Entry} {
			text, err := strconv.Unquote(*name)
			if err != nil {
				return Message{}, fmt.Errorf("reading the name %s: %w", *name, err)
			}
			*name = text
		}
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
