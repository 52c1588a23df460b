package nonroot

import (
	"fmt"
	"slices"

	"github.com/im2-audio/im2/nonroot/internal/catalogue"
	"github.com/im2-audio/im2/nonroot/internal/start"
)

// Outcome says which kind of user a service runs as in the end, as far as that can be told before it starts.
type Outcome string

// The outcomes.
const (
	// NonRoot is another user than root from the start.
	NonRoot Outcome = "non-root"
	// StepsDown is root that becomes another user by itself.
	StepsDown Outcome = "steps down"
	// Root is root.
	Root Outcome = "root"
	// NotJudged is what cannot be told.
	NotJudged Outcome = "not judged"
)

// Outcomes are all of them, in the order in which reports show them.
var Outcomes = []Outcome{NonRoot, StepsDown, Root, NotJudged}

// Verdict says which user a service or job runs as.
type Verdict struct {
	// Service is its name; a job's begins with "job ".
	Service string `json:"service"`
	// Outcome is the result.
	Outcome Outcome `json:"outcome"`
	// User is the user it starts as: UID:GID or a name, "?" for a group that only the image knows; empty where it is not known.
	User string `json:"user,omitempty"`
	// Why says what the verdict is from.
	Why string `json:"why"`
}

// verdicts are those of all services and jobs.
func (a *auditor) verdicts() []Verdict {
	var all []Verdict
	for _, name := range a.names {
		if s := a.subjects[name]; s.of == nil {
			v := a.verdict(s)
			v.Service = s.title
			all = append(all, v)
		}
	}
	return all
}

func (a *auditor) verdict(s *subject) Verdict {
	switch {
	case s.cfg.Provider != nil && s.cfg.Image == "" && s.build == nil:
		return Verdict{Outcome: NotJudged, Why: "a program of this machine provides it"}
	case s.cfg.User != "":
		return a.userVerdict(s, s.cfg.User, "user: in the Compose file")
	case s.build != nil && s.build.err != nil:
		return Verdict{Outcome: NotJudged, Why: "its Dockerfile cannot be judged"}
	case s.build != nil && !s.build.KnownUser:
		return Verdict{Outcome: NotJudged, Why: fmt.Sprintf("its base image %s is not available locally", s.build.Base)}
	case s.build != nil && s.build.UserFrom == nil:
		return a.userVerdict(s, s.build.User, "no USER, and that of its base image "+s.build.Base)
	case s.build != nil:
		return a.userVerdict(s, s.build.User, "USER in its Dockerfile")
	case s.known:
		return a.userVerdict(s, s.image.User, "the user of its image "+s.cfg.Image)
	}
	if documented, ok := catalogue.Find(s.cfg.Image); ok {
		return a.userVerdict(s, documented.User, "as documented, the user of its image "+s.cfg.Image)
	}
	return Verdict{Outcome: NotJudged, Why: fmt.Sprintf("its image %s is not available locally", s.cfg.Image)}
}

// userVerdict is that of a service that starts as a user.
func (a *auditor) userVerdict(s *subject, user, from string) Verdict {
	id, unsure := a.whoIs(s, user)
	if unsure == notSet {
		return Verdict{Outcome: NotJudged, Why: unsure}
	}
	if unsure != "" {
		return Verdict{Outcome: NotJudged, User: user, Why: unsure}
	}
	v := Verdict{Outcome: NonRoot, User: id.String(), Why: from}
	end := a.endOf(s, user)
	switch {
	case !id.root() && end.User == start.Root:
		v.Outcome, v.Why = Root, end.By+" makes it root"
	case !id.root():
	case !end.Known():
		v.Outcome, v.Why = NotJudged, "it starts as root, and "+end.Why
	case end.User == start.Root:
		v.Outcome = Root
	default:
		v.Outcome, v.Why = StepsDown, becomes(end)
	}
	return v
}

// becomes says what makes a service another user than root.
func becomes(end start.End) string {
	text := fmt.Sprintf("%s becomes %s", end.By, end.User)
	if end.User == start.Unknown {
		text = end.By + " becomes another user"
	}
	if end.First {
		text += ", but for its first process"
	}
	return text
}

// Judged returns how many services have an outcome.
func (r Report) Judged(o Outcome) int {
	return len(slices.DeleteFunc(slices.Clone(r.Verdicts), func(v Verdict) bool { return v.Outcome != o }))
}
