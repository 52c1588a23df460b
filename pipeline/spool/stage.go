package spool

// A Stage is one step of a job's way, and the name of its folder below queue/.
type Stage string

// The stages of a job; the package comment says what each means.
const (
	Incoming   Stage = "incoming"
	Pending    Stage = "pending"
	Separating Stage = "separating"
	Separated  Stage = "separated"
	Organizing Stage = "organizing"
	Done       Stage = "done"
	Rejected   Stage = "rejected"
	Failed     Stage = "failed"
)

// Stages lists every stage in the order in which a job goes through them.
func Stages() []Stage {
	return []Stage{Incoming, Pending, Separating, Separated, Organizing, Done, Rejected, Failed}
}

// entry is the stage from which jobs come into a working stage; "" for Incoming, where they are
// made, and for the stages in which nobody works.
func (s Stage) entry() Stage {
	switch s {
	case Separating:
		return Pending
	case Organizing:
		return Separated
	default:
		return ""
	}
}

// working reports whether somebody works on the jobs of a stage.
func (s Stage) working() bool { return s == Incoming || s.entry() != "" }
