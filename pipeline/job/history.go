package job

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"time"
)

// mostVisits is how many visits a history has at most.
const mostVisits = 32

// A History has one visit for each stage the job has been in, oldest first. Pairs of equal visits (taken and handed
// back) are one pair with a count, except the last two; in a long history, the oldest visits to a stage are one.
type History []Visit

// A Visit is one stay of a job in one stage, or several that were merged.
type Visit struct {
	Stage Stage `json:"stage"`
	// Start is when the first of the visits began.
	Start time.Time `json:"start"`
	// End is when the last of them ended; zero while the job is in the stage.
	End time.Time `json:"end,omitzero"`
	// Count is how many visits these are; 0 for one.
	Count int `json:"count,omitempty"`
	// Seconds is how long they took together; 0 for one visit.
	Seconds float64 `json:"seconds,omitempty"`
	// Worker is who had the job last; empty in stages where it waits or rests.
	Worker string `json:"worker,omitempty"`
	// Claim is the token of the last claim; empty where jobs are not claimed.
	Claim string `json:"claim,omitempty"`
	// Attempt is the Record's Attempt at that time.
	Attempt int `json:"attempt"`
	// Error says why the last visit ended without success.
	Error string `json:"error,omitempty"`
	// Lost says that it ended because its worker was lost.
	Lost bool `json:"lost,omitempty"`
}

// UnmarshalJSON reads a history of any length, and holds few visits at a time.
func (h *History) UnmarshalJSON(data []byte) error {
	in := json.NewDecoder(bytes.NewReader(data))
	start, err := in.Token()
	if err != nil || start == nil {
		return err
	}
	if start != json.Delim('[') {
		return errors.New("the history is not a list")
	}
	*h = nil
	for in.More() {
		var v Visit
		if err := in.Decode(&v); err != nil {
			return err
		}
		*h = append(*h, v)
		if len(*h) == 2*mostVisits {
			h.compact()
		}
	}
	h.compact()
	return nil
}

// compact merges equal pairs, and then the oldest visits until there are at most mostVisits. It does not touch the last
// three, which Unarrive and Rewind bring back.
func (h *History) compact() {
	for i := 0; i+3 < len(*h)-3; {
		if v := *h; v[i].equal(&v[i+2]) && v[i+1].equal(&v[i+3]) {
			v[i].add(&v[i+2])
			v[i+1].add(&v[i+3])
			*h = slices.Delete(v, i+2, i+4)
			continue
		}
		i++
	}
	for merged := true; merged && len(*h) > mostVisits; {
		merged = h.mergeOldest()
	}
}

func (h *History) mergeOldest() bool {
	for i, v := range *h {
		first := slices.IndexFunc(*h, func(other Visit) bool { return other.Stage == v.Stage })
		if first < i {
			(*h)[first].add(&v)
			*h = slices.Delete(*h, i, i+1)
			return true
		}
	}
	return false
}

// equal says no of stages where each visit is an attempt that counts: see Failures.
func (v *Visit) equal(other *Visit) bool {
	return (v.Stage == Pending || v.Stage == Separating) && v.Stage == other.Stage && v.Attempt == other.Attempt && v.Error == other.Error && v.Lost == other.Lost
}

// add merges a later visit to the same stage into v.
func (v *Visit) add(later *Visit) {
	v.Seconds = bounded(v.seconds(later.Start)) + bounded(later.seconds(later.Start))
	v.Seconds = bounded(v.Seconds)
	v.Count = min(max(1, v.Count)+max(1, min(later.Count, mostCount)), mostCount)
	v.End, v.Attempt, v.Worker, v.Claim = later.End, later.Attempt, later.Worker, later.Claim
	if later.Error != "" {
		v.Error, v.Lost = later.Error, later.Lost
	}
}

// seconds is how long the visits took together, if one that has not ended ends now.
func (v *Visit) seconds(now time.Time) float64 {
	if v.Count > 1 {
		return v.Seconds
	}
	end := v.End
	if end.IsZero() {
		end = now
	}
	return end.Sub(v.Start).Seconds()
}

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
	r.History.compact()
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

// Lose records that the worker of the last visit was lost: the attempt does not count, and the loss does.
func (r *Record) Lose() {
	r.Losses = min(r.Losses+1, mostCount)
	if n := len(r.History); n > 0 {
		r.History[n-1].Lost = true
		if r.History[n-1].Stage == Separating {
			r.Attempt = max(0, r.Attempt-1)
		}
	}
}

// Unarrive undoes the last Arrive: the visit before it goes on.
func (r *Record) Unarrive() {
	n := len(r.History)
	if n < 2 {
		return
	}
	r.History = r.History[:n-1]
	r.History[n-2].End = time.Time{}
	r.History[n-2].Error, r.History[n-2].Lost = "", false
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
// brought back from Failed. An attempt that did not count has none: its number was used again. Nor has one whose worker was
// lost.
func (r *Record) Failures(stage Stage) []string {
	var failures []string
	for i, v := range r.History {
		if i > 0 && r.History[i-1].Stage == Failed {
			failures = nil
		}
		switch {
		case v.Stage != stage || v.Error == "" || v.Lost:
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
		sums[v.Stage] += v.seconds(now)
	}
	return sums
}
