package queue

import (
	"cmp"
	"fmt"
	"strconv"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
)

// Tries is how often the job was begun, and how many workers were lost that had it, for people: "2", or "1, 3 lost".
func (j *Job) Tries() string {
	text := strconv.Itoa(j.Attempt)
	if j.Losses > 0 {
		text += fmt.Sprintf(", %d lost", j.Losses)
	}
	return text
}

// ProgressText is how far the separation is, for people: "42 %", the phase where no share of it is known, or "-" for a job that is
// not separated now.
func (j *Job) ProgressText() string {
	if j.Stage != job.Separating || j.Progress == nil {
		return "-"
	}
	if percent, known := j.Progress.Percent(); known {
		return fmt.Sprintf("%d %%", percent)
	}
	return string(cmp.Or(j.Progress.Phase, "-"))
}

// AgeText is a duration in its largest unit, for people: "5 s", "2 d".
func AgeText(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	default:
		return fmt.Sprintf("%d d", int(d.Hours()/24))
	}
}
