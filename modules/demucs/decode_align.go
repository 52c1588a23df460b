package main

import "io"

// An aligner puts a track where a player plays it: it writes silence before what begins late,
// drops what is before the beginning, and drops what an encoder added behind the end.
type aligner struct {
	to io.Writer
	// pad and skip are how many frames of silence come first, and how many frames of the track are
	// dropped. One of them is 0.
	pad, skip int64
	// end is after how many frames of the track the file says that it ends, without those skipped;
	// 0 when it says nothing. What is beyond it is kept nevertheless when it is more than slack
	// frames: no encoder adds as much, so the file is wrong about its length.
	end, slack int64
	// written is how many frames of the track are written, kept what is beyond the end.
	written int64
	kept    []byte
}

// Write takes whole frames.
func (a *aligner) Write(p []byte) (int, error) {
	size := len(p)
	if err := a.silence(); err != nil {
		return 0, err
	}
	drop := min(a.skip*mixFrameSize, int64(len(p)))
	a.skip -= drop / mixFrameSize
	p = p[drop:]
	if a.end > 0 {
		fits := max(0, min(int64(len(p)), (a.end-a.written)*mixFrameSize))
		a.kept = append(a.kept, p[fits:]...)
		p = p[:fits]
		if int64(len(a.kept)) > a.slack*mixFrameSize {
			p = append(p[:fits:fits], a.kept...)
			a.kept, a.end = nil, 0
		}
	}
	a.written += int64(len(p)) / mixFrameSize
	if _, err := a.to.Write(p); err != nil {
		return 0, err
	}
	return size, nil
}

// silence writes what comes before the track, once.
func (a *aligner) silence() error {
	zeros := make([]byte, min(a.pad, blockFrames)*mixFrameSize)
	for a.pad > 0 {
		n := min(a.pad, blockFrames)
		if _, err := a.to.Write(zeros[:n*mixFrameSize]); err != nil {
			return err
		}
		a.pad -= n
	}
	return nil
}
