package job

import "time"

// Last returns the last visit, or an empty one if there is none.
func (r *Record) Last() Visit {
	if len(r.History) == 0 {
		return Visit{}
	}
	return r.History[len(r.History)-1]
}

// Arrive ends the last visit, with the failure if there was one, and begins another.
func (r *Record) Arrive(v Visit, failure string) {
	if n := len(r.History); n > 0 && r.History[n-1].End.IsZero() {
		r.History[n-1].End = v.Start
		r.History[n-1].Error = failure
	}
	v.Attempt = r.Attempt
	r.History = append(r.History, v)
}

// Begin records that worker has claimed the job into a working stage. A claim itself writes nothing: the
// worker records it with the next change, and readers add it to what they have read.
func (r *Record) Begin(stage Stage, worker, token string, start time.Time) {
	r.Rewind(stage.Entry())
	if stage == Separating {
		r.Attempt++
	}
	r.Arrive(Visit{Stage: stage, Start: start, Worker: worker, Claim: token}, "")
}

// Unarrive undoes the last Arrive: the visit before it goes on.
func (r *Record) Unarrive() {
	n := len(r.History)
	if n < 2 {
		return
	}
	r.History = r.History[:n-1]
	r.History[n-2].End = time.Time{}
	r.History[n-2].Error = ""
}

// Rewind makes the history agree with the stage where the job was found: after a power cut the folder
// may be back in a stage that it had left. The last visit to that stage goes on, and later ones are
// removed. A history without such a visit stays as it is.
func (r *Record) Rewind(stage Stage) {
	last := len(r.History) - 1
	for last >= 0 && r.History[last].Stage != stage {
		last--
	}
	for last >= 0 && len(r.History)-1 > last {
		r.Unarrive()
	}
}

// Announced reports whether the record of a job found in stage, under claim c, says that the job moves on
// from there. The claim is compared because the job may have been in this stage before.
func (r *Record) Announced(stage Stage, c Claim) bool {
	n := len(r.History)
	if n < 2 || r.History[n-1].Stage == stage || r.History[n-2].Stage != stage {
		return false
	}
	of := r.History[n-2].Claim
	return of == c.Token || (of == "" && c.Token == noToken)
}

// Failures are the errors of the attempts in a working stage, oldest first, since the job was last
// brought back from Failed. An attempt that did not count has none: its number was used again.
func (r *Record) Failures(stage Stage) []string {
	var failures []string
	for i, v := range r.History {
		if i > 0 && r.History[i-1].Stage == Failed {
			failures = nil
		}
		switch {
		case v.Stage != stage || v.Error == "":
		case stage == Separating && v.Attempt >= 1 && v.Attempt <= len(failures):
			failures = append(failures[:v.Attempt-1], v.Error)
		default:
			failures = append(failures, v.Error)
		}
	}
	return failures
}

// Timings sums up how many seconds the job spent in each stage. A visit that has not ended counts until now.
func (r *Record) Timings(now time.Time) map[Stage]float64 {
	sums := map[Stage]float64{}
	for _, v := range r.History {
		end := v.End
		if end.IsZero() {
			end = now
		}
		sums[v.Stage] += end.Sub(v.Start).Seconds()
	}
	return sums
}
