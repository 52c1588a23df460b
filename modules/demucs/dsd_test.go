package main

import (
	"encoding/binary"
	"math/bits"
)

// dsdBits turns samples, one for each bit, into the bits of DSD, the first one as the highest: a
// modulator of second order, which puts its noise above what can be heard. DSD has its full scale
// at half of what it can be modulated to.
func dsdBits(samples []float32, channel int) []byte {
	const channels = 2
	out := make([]byte, len(samples)/channels/8)
	var one, two, last float64
	for i := range len(out) * 8 {
		v := float64(samples[i*channels+channel]) / 2
		one += v - last
		two += one - 2*last
		last = -1
		if two >= 0 {
			last = 1
			out[i/8] |= 0x80 >> (i % 8)
		}
	}
	return out
}

// dsf is a DSF file (Sony, DSF File Format Specification 1.01): blocks of 4,096 bytes for each channel in
// turn, the lowest bit first.
func dsf(rate int, samples []float32) []byte {
	const block = 4096
	left, right := dsdBits(samples, 0), dsdBits(samples, 1)
	frames := uint64(len(left) * 8)
	var data []byte
	for at := 0; at < len(left); at += block {
		for _, channel := range [][]byte{left, right} {
			part := make([]byte, block)
			for i := range copy(part, channel[at:]) {
				part[i] = bits.Reverse8(channel[at+i])
			}
			data = append(data, part...)
		}
	}
	le := binary.LittleEndian
	b := le.AppendUint64([]byte("DSD "), 28)
	b = le.AppendUint64(b, uint64(28+52+12+len(data)))
	b = le.AppendUint64(b, 0)
	b = le.AppendUint64(append(b, "fmt "...), 52)
	for _, v := range []uint32{1, 0, 2, 2, uint32(rate), 1} { // version, raw, stereo, channels, rate, bits
		b = le.AppendUint32(b, v)
	}
	b = le.AppendUint64(b, frames)
	b = le.AppendUint32(le.AppendUint32(b, block), 0)
	b = le.AppendUint64(append(b, "data"...), uint64(12+len(data)))
	return append(b, data...)
}

// dff is a DSDIFF file (Philips, DSDIFF 1.5): a byte of each channel in turn, the highest bit first.
func dff(rate int, samples []float32) []byte {
	left, right := dsdBits(samples, 0), dsdBits(samples, 1)
	chunk := func(id string, parts ...[]byte) []byte {
		var all []byte
		for _, p := range parts {
			all = append(all, p...)
		}
		b := binary.BigEndian.AppendUint64([]byte(id), uint64(len(all)))
		return append(b, all...)
	}
	sound := make([]byte, 0, 2*len(left))
	for i := range left {
		sound = append(sound, left[i], right[i])
	}
	properties := chunk("PROP", []byte("SND "),
		chunk("FS  ", binary.BigEndian.AppendUint32(nil, uint32(rate))),
		chunk("CHNL", []byte("\x00\x02SLFTSRGT")),
		chunk("CMPR", []byte("DSD \x0enot compressed\x00")))
	return chunk("FRM8", []byte("DSD "), chunk("FVER", []byte{1, 5, 0, 0}), properties, chunk("DSD ", sound))
}
