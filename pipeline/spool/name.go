package spool

import (
	"crypto/rand"
	"encoding/hex"
	"strings"
)

const (
	// idLength is how many bytes an ID has.
	idLength = len(idTime) + 1 + 2*idRandom
	// tokenLength is how many hexadecimal digits tell two claims of one job apart.
	tokenLength = 8
	// longestWorker is how much of a worker's name is in the name of a claim: as much as a host's
	// name may have.
	longestWorker = 64
	// unnamed stands for what a claim that an earlier version made does not tell.
	unnamed = "_"
	// noToken is the token of such a claim.
	noToken = "00000000"
)

// A claim is a job in a worker's hands, as the name of the job's folder tells it:
//
//	<id>.<worker>.<token>          the worker has it
//	<id>.<worker>.<token>-<fence>  somebody takes it from that worker
//	<id>                           an earlier version of a worker has it
//
// No two claims ever have the same name. Whoever renames the folder takes the job away: every
// path that the worker before knows leads nowhere from then on.
type claim struct {
	id, worker, token, fence string
}

func (c claim) name() string {
	if c.token == "" {
		return c.id
	}
	name := c.id + "." + c.worker + "." + c.token
	if c.fence != "" {
		name += "-" + c.fence
	}
	return name
}

// fenced returns the claim of whoever takes the job away from c.
func (c claim) fenced(token string) claim {
	if c.token == "" {
		c.worker, c.token = unnamed, noToken
	}
	c.fence = token
	return c
}

// parseClaim reads the name of a folder in a stage. It is false for what is no job's.
func parseClaim(name string) (c claim, ok bool) {
	if len(name) < idLength || !ValidID(name[:idLength]) {
		return claim{}, false
	}
	c.id = name[:idLength]
	if len(name) == idLength {
		return c, true
	}
	parts := strings.Split(name[idLength:], ".")
	if len(parts) != 3 || parts[0] != "" || parts[1] != workerName(parts[1]) {
		return claim{}, false
	}
	c.worker = parts[1]
	c.token, c.fence, _ = strings.Cut(parts[2], "-")
	return c, isToken(c.token) && (isToken(c.fence) || !strings.Contains(parts[2], "-"))
}

func isToken(text string) bool {
	if len(text) != tokenLength {
		return false
	}
	decoded, err := hex.DecodeString(text)
	return err == nil && hex.EncodeToString(decoded) == text
}

// workerName is how a worker is called in the names of claims.
func workerName(worker string) string {
	name := strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || (r >= '0' && r <= '9') || (r >= 'a' && r <= 'z') || (r >= 'A' && r <= 'Z') {
			return r
		}
		return '_'
	}, worker)
	if name == "" {
		return unnamed
	}
	return name[:min(len(name), longestWorker)]
}

// newToken makes a token that nobody has had.
func newToken() string {
	random := make([]byte, tokenLength/2)
	_, _ = rand.Read(random) // It never fails: crypto/rand.Read ends the program instead.
	return hex.EncodeToString(random)
}
