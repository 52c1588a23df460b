"""Writes transform.json, values that TestAgainstNumpy compares with: python3 transform.py > transform.json

The transform as Demucs has it, with numpy's FFT and pad, in float64, of a signal and a spectrogram
that both sides compute from their indexes. Only some of the values are written.
"""
import json
import numpy as np

N, HOP, SEGMENT, FRAMES = 4096, 1024, 343980, 336
window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N) / N)

i = np.arange(SEGMENT, dtype=np.int64)
x = ((i * i % 1009).astype(np.float32) / np.float32(504) - np.float32(1)).astype(np.float64)
x = np.pad(x, (1536, 1536 + FRAMES * HOP - SEGMENT), mode="reflect")  # _spec
x = np.pad(x, N // 2, mode="reflect")  # torch.stft, center
z = np.array([np.fft.rfft(window * x[t:t + N], norm="ortho") for t in range(0, len(x) - N + 1, HOP)])
assert z.shape == (FRAMES + 4, N // 2 + 1)
z = z[2:-2, :-1]
forward = [{"frame": f, "bin": k, "value": [z[f, k].real, z[f, k].imag]}
           for f in [0, 1, 2, 3, 4, 111, 333, 334, 335] for k in [0, 1, 2, 3, 40, 511, 1024, 1025, 2000, 2045, 2046, 2047]]

k, f = np.meshgrid(np.arange(N // 2), np.arange(FRAMES), indexing="ij")
re = ((k * 31 + f * 17) % 101).astype(np.float32) / np.float32(50) - np.float32(1)
im = ((k * 13 + f * 29) % 103).astype(np.float32) / np.float32(51) - np.float32(1)
z = np.pad(re.astype(np.float64) + 1j * im, ((0, 1), (2, 2)))  # _ispec
sums, envelope = np.zeros(N + HOP * (FRAMES + 3)), np.zeros(N + HOP * (FRAMES + 3))
for t in range(FRAMES + 4):  # torch.istft
    sums[t * HOP:t * HOP + N] += window * np.fft.irfft(z[:, t], norm="ortho")
    envelope[t * HOP:t * HOP + N] += window ** 2
y = sums[N // 2 + 1536:][:SEGMENT] / envelope[N // 2 + 1536:][:SEGMENT]
picked = sorted({*range(0, SEGMENT, 4001), 1, 2, 511, 512, 513, 1023, 1024, 1535, 1536, 1537, 14847, 14848, 14849,
                 *range(SEGMENT - 2000, SEGMENT, 150), SEGMENT - 2, SEGMENT - 1})
print(json.dumps({"forward": forward, "inverse": [{"sample": int(i), "value": y[i]} for i in picked]}).replace("}, ", "},\n"))
