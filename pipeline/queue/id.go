package queue

import (
	"encoding/hex"
	"time"
)

const (
	// idTime is the time in an ID, at a fixed width: the order of IDs as text is their order
	// in time.
	idTime = "20060102T150405.000000Z"
	// idRandom is how many hexadecimal digits keep two IDs of one microsecond apart.
	idRandom = 8
)

// ValidID reports whether name has the form of a job's ID, such as
// 20261123T113047.123456Z-1a2b3c4d. Whatever else lies in a stage's folder is no job.
func ValidID(name string) bool {
	if len(name) != len(idTime)+1+idRandom || name[len(idTime)] != '-' {
		return false
	}
	if _, err := time.Parse(idTime, name[:len(idTime)]); err != nil {
		return false
	}
	random := name[len(idTime)+1:]
	decoded, err := hex.DecodeString(random)
	return err == nil && hex.EncodeToString(decoded) == random
}

// IDAt returns a lower bound for the IDs of all jobs that were made at t or later, by the
// clock of whoever made them.
func IDAt(t time.Time) string { return t.UTC().Format(idTime) }
