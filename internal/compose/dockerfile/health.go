package dockerfile

import (
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
)

// HealthCheck returns the HEALTHCHECK that is in force at the end of a target: the last one of the stage, or of those that it
// is FROM; nil where this file has none, and the base image decides. Variables in a stage's name after FROM are not expanded.
func (f *File) HealthCheck(target string) *instructions.HealthCheckCommand {
	at, ok := f.Target(target)
	for ok {
		var found *instructions.HealthCheckCommand
		for _, command := range f.Stages[at].Commands {
			if c, is := command.(*instructions.HealthCheckCommand); is {
				found = c
			}
		}
		if found != nil {
			return found
		}
		before := -1
		for i := range at { // a stage is FROM one before it
			if strings.EqualFold(f.Stages[i].Name, f.Stages[at].BaseName) && f.Stages[i].Name != "" {
				before = i
			}
		}
		at, ok = before, before >= 0
	}
	return nil
}
