package htdemucs

// peak is the largest weight of the triangle.
const peak = Segment / 2

// triangle is the weight of a frame of a segment before normalization.
func triangle(i int64) int64 { return min(i+1, Segment-i) }

// weight is that of a frame of a segment, so that the weights of all segments at a frame of the
// song add up to 1. inPass counts from the start of the pass, inChunk from that of the segment.
func weight(inPass, inChunk, stride int64) float64 {
	return float64(triangle(inChunk)) / float64(triangles(inPass, stride))
}

// triangles is the sum of the weights of all segments that cover a frame: those that begin at a
// multiple of stride, from 0 on.
func triangles(inPass, stride int64) int64 {
	first := inPass % stride // the frame in the last segment that covers it; then first+stride ...
	n := min(inPass/stride, (Segment-1-first)/stride) + 1
	var rising int64 // how many of them are before the peak
	if first < peak {
		rising = min(n, (peak-1-first)/stride+1)
	}
	falling := n - rising
	// arithmetic series: rising from first+1 on, falling from Segment-first-rising*stride on
	return rising*(first+1) + stride*rising*(rising-1)/2 +
		falling*(Segment-first) - stride*falling*(rising+n-1)/2
}

// ring sums up frames that are not complete, in all channels. A frame's place is its number modulo
// the length, so that nothing moves.
type ring struct {
	channels [][]float32
	size     int64
	at       int64 // the first frame that was not dropped
}

func newRing(channels, size int) ring {
	r := ring{channels: make([][]float32, channels), size: int64(size)}
	for c := range r.channels {
		r.channels[c] = make([]float32, size)
	}
	return r
}

// add adds weights * (a+b) from a frame on. The frames must be within size of the first one that
// was not dropped.
func (r *ring) add(channel int, from int64, weights, a []float64, b []float32) {
	for len(weights) > 0 {
		to := r.channels[channel][from%r.size:]
		to = to[:min(len(to), len(weights))]
		w, a1, b1 := weights[:len(to)], a[:len(to)], b[:len(to)]
		for i := range to {
			to[i] += float32(w[i] * (a1[i] + float64(b1[i])))
		}
		from += int64(len(to))
		weights, a, b = weights[len(to):], a[len(to):], b[len(to):]
	}
}

// next is how many frames before until are contiguous.
func (r *ring) next(until int64) int {
	return int(min(until-r.at, r.size-r.at%r.size))
}

// take returns the next n frames of a channel, which may be changed until they are dropped.
func (r *ring) take(channel, n int) []float32 {
	return r.channels[channel][r.at%r.size:][:n]
}

// drop frees the next n frames for later ones.
func (r *ring) drop(n int) {
	for c := range r.channels {
		clear(r.take(c, n))
	}
	r.at += int64(n)
}
