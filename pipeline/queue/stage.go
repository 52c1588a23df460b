package queue

// A Stage is one step of a job's way, and the name of its folder below queue/.
type Stage string

// The stages, each with what it means for somebody who waits for the job.
const (
	// Incoming is while the watcher looks at the file; job.json may not exist yet.
	Incoming Stage = "incoming"
	// Pending waits for a worker.
	Pending Stage = "pending"
	// Separating is in a worker's hands; progress.json says how far it is.
	Separating Stage = "separating"
	// Separated waits for the organizer.
	Separated Stage = "separated"
	// Organizing is while the organizer puts the results in their places.
	Organizing Stage = "organizing"
	// Done has its results in output/ and archive/.
	Done Stage = "done"
	// Rejected has its file in rejected/, with the reason beside it.
	Rejected Stage = "rejected"
	// Failed was given up; its source is kept in its folder.
	Failed Stage = "failed"
)

// Stages returns every stage in the order in which a job goes through them.
func Stages() []Stage {
	return append(active(), Done, Rejected, Failed)
}

// Final reports whether a job in this stage rests: it goes on only if a person says so.
func (s Stage) Final() bool {
	return s == Done || s == Rejected || s == Failed
}

// active are the stages from which a job still goes on by itself.
func active() []Stage {
	return []Stage{Incoming, Pending, Separating, Separated, Organizing}
}
