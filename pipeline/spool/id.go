package spool

import (
	"encoding/hex"
	"time"
)

// idTime is the time in an ID: UTC with microseconds at a fixed width, so that the order of
// the IDs as text is the order in which the jobs were made.
const idTime = "20060102T150405.000000Z"

// idRandom is how many random bytes keep two IDs of one microsecond apart.
const idRandom = 4

// idAt makes an ID such as 20261123T113047.123456Z-1a2b3c4d.
func idAt(now time.Time, token string) string {
	return now.UTC().Format(idTime) + "-" + token
}

// ValidID reports whether name has the form of a job's ID. Whatever else lies in a stage
// folder (.DS_Store, lost+found) is not the spool's and is left alone.
func ValidID(name string) bool {
	if len(name) != len(idTime)+1+2*idRandom || name[len(idTime)] != '-' {
		return false
	}
	if _, err := time.Parse(idTime, name[:len(idTime)]); err != nil {
		return false
	}
	random := name[len(idTime)+1:]
	decoded, err := hex.DecodeString(random)
	return err == nil && hex.EncodeToString(decoded) == random
}
