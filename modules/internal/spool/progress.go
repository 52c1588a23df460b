package spool

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/im2-audio/im2/modules/internal/place"
)

// A Phase is a part of the separation that has a progress of its own.
type Phase string

// The phases, in their order.
const (
	Decoding   Phase = "decoding"
	Separation Phase = "separating"
	Finishing  Phase = "finishing"
)

// progress is what progress.json holds. Its JSON names are read outside the containers.
type progress struct {
	Phase   Phase     `json:"phase"`
	Done    int       `json:"done"`
	Total   int       `json:"total"`
	Updated time.Time `json:"updated"`
}

// SetProgress tells whoever looks how far the job is: done of total steps of a phase. A total
// of 0 means that it is not known yet. It is not kept over a power cut.
func (j *Job) SetProgress(phase Phase, done, total int) error {
	data, err := json.Marshal(progress{phase, done, total, j.spool.now().UTC()})
	if err != nil {
		return fmt.Errorf("writing the progress of job %s: %w", j.ID, err)
	}
	return place.WriteWhole(j.Path(progressFile), append(data, '\n'))
}
