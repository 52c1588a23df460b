package queue

import "strings"

// idLength is how many bytes an ID has.
const idLength = len(idTime) + 1 + idRandom

// A holder is who has a job, as the name of its folder tells it where workers compete for jobs:
// <id>.<worker>.<token>. pipeline/spool makes these names.
type holder struct{ id, worker, token string }

// parseName reads the name of a folder in a stage. It is false for what is no job's.
func parseName(name string) (h holder, ok bool) {
	if len(name) < idLength || !ValidID(name[:idLength]) {
		return holder{}, false
	}
	h.id = name[:idLength]
	if len(name) == idLength {
		return h, true
	}
	parts := strings.Split(name[idLength:], ".")
	if len(parts) != 3 || parts[0] != "" || parts[1] == "" || parts[2] == "" || strings.ContainsAny(name, "/\\") {
		return holder{}, false
	}
	h.worker = parts[1]
	h.token, _, _ = strings.Cut(parts[2], "-")
	return h, true
}
