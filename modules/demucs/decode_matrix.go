package main

import (
	"fmt"
	"math/bits"
)

// A speaker is a channel's place, as the bit that WAV files have for it.
type speaker uint32

const (
	frontLeft speaker = 1 << iota
	frontRight
	frontCenter
	lowFrequency
	backLeft
	backRight
	frontLeftOfCenter
	frontRightOfCenter
	backCenter
	sideLeft
	sideRight
	topCenter
	topFrontLeft
	topFrontCenter
	topFrontRight
	topBackLeft
	topBackCenter
	topBackRight
)

const (
	// minus3dB is half of the power.
	minus3dB = 0.70710678118654752
	// minus6dB is minus3dB for what is behind, and again for each side.
	minus6dB = 0.5
)

// A share is how much of a channel goes to the left and to the right.
type share struct{ left, right float64 }

// share is how ITU-R BS.775 mixes a place down to stereo: front left and right keep their level,
// the center and each side 3 dB below, what is behind in the middle 6 dB. Nothing is lowered so
// that the sum does not exceed full scale: the mix is in float, and the stems' clip policy comes
// later. The channel for low-frequency effects is left out, as there.
func (s speaker) share() share {
	switch s {
	case frontLeft, frontLeftOfCenter:
		return share{1, 0}
	case frontRight, frontRightOfCenter:
		return share{0, 1}
	case frontCenter, topFrontCenter:
		return share{minus3dB, minus3dB}
	case backLeft, sideLeft, topFrontLeft, topBackLeft:
		return share{minus3dB, 0}
	case backRight, sideRight, topFrontRight, topBackRight:
		return share{0, minus3dB}
	case backCenter, topCenter, topBackCenter:
		return share{minus6dB, minus6dB}
	}
	return share{} // lowFrequency
}

func (s speaker) String() string {
	names := [...]string{
		"front left", "front right", "front center", "low frequency", "back left", "back right", "front left of center",
		"front right of center", "back center", "side left", "side right", "top center", "top front left", "top front center",
		"top front right", "top back left", "top back center", "top back right",
	}
	if i := bits.TrailingZeros32(uint32(s)); i < len(names) {
		return names[i]
	}
	return fmt.Sprintf("place %d", bits.TrailingZeros32(uint32(s)))
}

// A layout says which channel is which; 0 for an unknown one.
type layout []speaker

// layoutOf returns the layout of so many channels with this mask of a WAV file. Without a mask,
// three to eight channels are taken in the order that WAV files have for that number; more
// channels, or a mask that does not name as many, have no layout.
func layoutOf(channels int, mask uint32) layout {
	if mask == 0 && channels == 2 {
		mask = uint32(frontLeft | frontRight)
	}
	if mask == 0 && channels >= 3 && channels <= 8 {
		mask = map[int]uint32{
			3: uint32(frontLeft | frontRight | frontCenter),
			4: uint32(frontLeft | frontRight | backLeft | backRight),
			5: uint32(frontLeft | frontRight | frontCenter | backLeft | backRight),
			6: uint32(frontLeft | frontRight | frontCenter | lowFrequency | backLeft | backRight),
			7: uint32(frontLeft | frontRight | frontCenter | lowFrequency | backCenter | sideLeft | sideRight),
			8: uint32(frontLeft | frontRight | frontCenter | lowFrequency | backLeft | backRight | sideLeft | sideRight),
		}[channels]
	}
	all := make(layout, channels)
	if bits.OnesCount32(mask) != channels || mask > uint32(topBackRight)<<1-1 {
		return all
	}
	for i := range all { // Channels are in the order of their bits.
		all[i] = speaker(1 << bits.TrailingZeros32(mask))
		mask &= mask - 1
	}
	return all
}

// shares is how much of each channel goes to the left and to the right. One channel goes to both
// as it is, and two are left and right, wherever the file says that they are. Channels without a
// layout are taken in pairs of left and right; a last one without a partner goes to both, 3 dB
// below.
func (l layout) shares() []share {
	all := make([]share, len(l))
	for i, s := range l {
		switch {
		case len(l) == 1:
			all[i] = share{1, 1}
		case len(l) > 2 && s != 0:
			all[i] = s.share()
		case i%2 == 1:
			all[i] = share{0, 1}
		case i == len(l)-1:
			all[i] = share{minus3dB, minus3dB}
		default:
			all[i] = share{1, 0}
		}
	}
	return all
}

func (l layout) name(channel int) string {
	if len(l) == 1 {
		return "the only channel"
	}
	if s := l[channel]; s != 0 {
		return fmt.Sprintf("channel %d (%s)", channel+1, s)
	}
	return fmt.Sprintf("channel %d", channel+1)
}
