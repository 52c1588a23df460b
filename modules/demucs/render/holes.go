package render

const (
	// shortHole is how many exact zeros in a row are too many for one channel while the other one
	// sounds: 10 ms. A network does not make them, and a mistake with the ends of segments does.
	shortHole = MixRate / 100
	// longHole is how many of those are too many for both channels at once: one second.
	longHole = 100
	// mixSounds is the least sample of a mix that sounds.
	mixSounds = 1e-6
)

// holes finds runs of exact zeros in a stem where the mix sounds.
type holes struct {
	channel [channels]hole
	// lost is the first long hole. It is a fault only in a stem that is not silent as a whole.
	lost *FaultError
	// at is the first frame of the block.
	at int64
}

// A hole is the run of zeros that a channel is in, or none.
type hole struct {
	// run counts its frames, and mix and other those of the current piece of shortHole frames in
	// which the channel of the mix sounds and the other channel of the stem does.
	run, mix, other int
	// both counts the pieces in a row in which the mix sounds and no channel of the stem does.
	both int
}

// find checks the next samples of the stem and the mix, and returns nil for no fault.
func (h *holes) find(stem, mix []float32) *FaultError {
	defer func() { h.at += int64(len(stem) / channels) }()
	for i := 0; i+1 < len(stem); i += channels {
		left, right := stem[i], stem[i+1]
		if left != 0 && right != 0 {
			if h.channel[0].run > 0 || h.channel[1].run > 0 {
				h.channel = [channels]hole{}
			}
			continue
		}
		for c, x := range [channels]float32{left, right} {
			if x != 0 {
				h.channel[c] = hole{}
				continue
			}
			short, long := h.channel[c].add(mix[i+c], stem[i+1-c])
			start := h.at + int64(i/channels+1) - int64(h.channel[c].run)
			if short {
				return &FaultError{Channel: c, Frame: start, What: "10 ms or more of digital silence, in which the song and the other channel sound"}
			}
			if long && h.lost == nil {
				h.lost = &FaultError{Channel: -1, Frame: start, What: "a second or more of digital silence, in which the song sounds"}
			}
		}
	}
	return nil
}

// add takes a frame in which the channel is zero, and reports whether it completes a hole in this
// channel alone, or one in both.
func (h *hole) add(mix, other float32) (short, long bool) {
	h.run++
	if mix > mixSounds || mix < -mixSounds {
		h.mix++
	}
	if other != 0 {
		h.other++
	}
	if h.run%shortHole != 0 {
		return false, false
	}
	mixGoes, otherGoes := h.mix > shortHole/2, h.other > shortHole/2
	h.mix, h.other = 0, 0
	switch {
	case !mixGoes:
		h.both = 0
	case otherGoes:
		return true, false
	default:
		h.both++
	}
	return false, h.both == longHole
}
