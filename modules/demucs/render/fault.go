package render

import (
	"fmt"
	"time"
)

// A FaultError is something wrong in the raw stems. It most likely comes of the engine, its weights or
// the machine; who charges a song with it must find out first that another sound comes out right.
type FaultError struct {
	// Stem is where it is; empty when it is in all of them.
	Stem string
	// Channel is 0 for left and 1 for right; -1 when it is in both.
	Channel int
	// Frame is where it begins; -1 when it is everywhere.
	Frame int64
	// What is wrong.
	What string
}

// Error names stem, channel and time.
func (f *FaultError) Error() string {
	where := "in the stems"
	if f.Stem != "" {
		where = fmt.Sprintf("in the stem %q", f.Stem)
	}
	switch f.Channel {
	case 0:
		where += ", left channel"
	case 1:
		where += ", right channel"
	}
	if f.Frame >= 0 {
		where += ", at " + clock(f.Frame)
	}
	return fmt.Sprintf("the separation engine made a wrong result: %s: %s; this is most likely a fault of the engine, its weights or the machine",
		where, f.What)
}

func clock(frame int64) string {
	at := time.Duration(float64(frame) / MixRate * float64(time.Second)).Round(time.Millisecond)
	text := fmt.Sprintf("%d:%02d.%03d", int(at.Minutes())%60, int(at.Seconds())%60, at.Milliseconds()%1000)
	if hours := int(at.Hours()); hours > 0 {
		text = fmt.Sprintf("%d:%02d:%02d.%03d", hours, int(at.Minutes())%60, int(at.Seconds())%60, at.Milliseconds()%1000)
	}
	return text
}
