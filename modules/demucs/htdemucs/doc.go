// Package htdemucs is the signal processing around the HTDemucs network: it turns a mix of any
// length into the network's inputs, and the network's outputs into stems of the same length.
// The network itself is behind the interface [Network].
//
// # Sources
//
// The algorithm is that of Demucs v4 (S. Rouard, F. Massa, A. Défossez, "Hybrid Transformers for
// Music Source Separation", 2022, https://arxiv.org/abs/2211.08553). Each step follows the
// authors' program, https://github.com/facebookresearch/demucs:
//
//   - normalization: Separator.separate_tensor in demucs/api.py
//   - shifts, segments and weights: apply_model and TensorChunk in demucs/apply.py
//   - transforms: HTDemucs._spec, _ispec and _magnitude in demucs/htdemucs.py
//
// # The steps
//
// The mix is normalized as a whole: the mean and the unbiased standard deviation of its mono mix,
// (left+right)/2, are measured in a first pass over the song; x becomes (x-mean)/(std+1e-8), and
// the inverse is applied to each stem.
//
// The network takes segments of 343,980 frames (7.8 s), one every int((1-overlap)*343,980) frames.
// A segment that would end past the end of the song is centered on what is left of it: the samples before
// it are the song's own, those outside of the song are zero, and only the middle of the result is
// used. Each result is weighted with a triangle (1, 2 ... 171,990, 171,990 ... 2, 1), so that
// neighbours fade into each other, and divided by the sum of all weights at that frame.
//
// With shifts, the whole song is separated several times, each time with up to half a second of
// silence before it, and the results are averaged. The lengths of silence are random in the
// original; here they come from a fixed seed, so that the same song gives the same stems.
//
// # The transform
//
// The short-time Fourier transform has frames of 4096 samples every 1024, a periodic Hann window,
// and is scaled by 1/sqrt(4096). A segment is extended by reflection without repeating the edge,
// by 1536 samples on the left and 1620 on the right, the latter to reach a multiple of 1024.
// Then frame f (0 to 335) is centered on sample 1024*f+512 of the segment. torch.stft computes
// two more frames on each side, which the original drops, and the original drops the highest bin.
// Real and imaginary parts are separate channels: left re, left im, right re, right im.
//
// The inverse takes the highest bin and the dropped frames as zero, adds the windowed frames up,
// and divides by the sum of the squared windows of all frames, the dropped ones too. That sum is
// 1.5 everywhere. So the inverse of the transform is not the segment itself in the first 1536 and
// the last 1452 samples: there it fades, down to half, as it does in the original. The network was
// trained with that, and its second output, a waveform that is added, makes up for it.
//
// # Memory
//
// Nothing grows with the song. A frame's final weight is known in advance, so weighted results are
// added to one ring of frames, whatever the number of shifts, and a frame leaves as soon as no
// later segment can change it. With four stems and overlap 0.25 the package needs 4 MB and 0.5 MB
// for each thread; with two shifts or more 13 MB and the same for each thread. The arrays of the
// network are the network's.
package htdemucs
