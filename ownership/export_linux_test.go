package ownership

import (
	"context"
	"slices"
)

// CheckFolder is the rule about folders; MaxProblems is how many problems are listed.
var CheckFolder = checkFolder //nolint:gochecknoglobals // for tests

const MaxProblems = maxProblems

// Lacks are the things that a kernel or a seccomp profile may lack, for ResetWithout.
func Lacks() []string {
	return []string{"openat2", "statx", "fchmodat2", "listxattrat", "proc", "protected"}
}

// ResetWithout is Reset on a system that lacks the things named; without "patience",
// it does not wait for change times to settle.
func ResetWithout(ctx context.Context, req Request, lacks ...string) (Summary, error) {
	f := probe()
	for i, there := range []*bool{&f.openat2, &f.statx, &f.fchmodat2, &f.listAt, &f.proc, &f.protected} {
		if slices.Contains(lacks, Lacks()[i]) {
			*there = false
		}
	}
	// Without "effect", a change of owner is taken and does nothing.
	if slices.Contains(lacks, "patience") {
		f.waits = 0
	}
	f.deaf = slices.Contains(lacks, "effect")
	return resetWith(ctx, req, req.Folder, f)
}

// Probed names what this system was found to lack.
func Probed() []string {
	f := probe()
	var lacks []string
	for i, there := range []bool{f.openat2, f.statx, f.fchmodat2, f.listAt, f.proc, f.protected} {
		if !there {
			lacks = append(lacks, Lacks()[i])
		}
	}
	return lacks
}
