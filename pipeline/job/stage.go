package job

// A Stage is where a job is, and the name of its folder in queue/.
type Stage string

// The stages; the package comment says what each means.
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

// Stages are all stages, in the order in which a job goes through them. Do not change it.
var Stages = []Stage{Incoming, Pending, Separating, Separated, Organizing, Done, Rejected, Failed}

// Entry is the stage from which jobs are claimed into this one, or "" where jobs are not claimed.
func (s Stage) Entry() Stage {
	switch s {
	case Separating:
		return Pending
	case Organizing:
		return Separated
	default:
		return ""
	}
}

// Working reports whether a service works on the jobs of this stage.
func (s Stage) Working() bool { return s == Incoming || s.Entry() != "" }

// Final reports whether a job in this stage rests until a person does something.
func (s Stage) Final() bool { return s == Done || s == Rejected || s == Failed }

// A Phase is a part of the separation that has its own progress.
type Phase string

// The phases, in their order.
const (
	Decoding   Phase = "decoding"
	Separation Phase = "separating"
	Finishing  Phase = "finishing"
)
