// Draws the waveforms of a song from its peaks.json, and the time line above them.

const version = 1;

// readPeaks returns the lists of each file, or an empty map where peaks.json is of no use: the page has a plain time line then.
export async function readPeaks(address) {
  const found = new Map();
  try {
    const answer = await fetch(address);
    const peaks = answer.ok ? await answer.json() : null;
    if (peaks?.version !== version) return found;
    for (const { file, min, max } of peaks.stems) {
      if (min.length === peaks.bins && max.length === peaks.bins && peaks.bins > 0) found.set(file, { min, max, full: peaks.full });
    }
  } catch {
    // The stems can be heard all the same.
  }
  return found;
}

// sized makes a canvas as sharp as the screen and returns what to draw with, in CSS pixels.
function sized(canvas) {
  const { width, height } = canvas.getBoundingClientRect();
  const scale = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const pen = canvas.getContext('2d');
  pen.scale(scale, scale);
  return { pen, width, height };
}

export function drawWave(canvas, peaks) {
  const { pen, width, height } = sized(canvas);
  pen.fillStyle = getComputedStyle(canvas).color;
  const middle = height / 2;
  if (!peaks) {
    pen.fillRect(0, middle - 0.5, width, 1);
    return;
  }
  const bins = peaks.min.length;
  const step = 1 / Math.min(2, window.devicePixelRatio || 1);
  for (let x = 0; x < width; x += step) {
    const first = Math.min(bins - 1, Math.floor(x / width * bins));
    const end = Math.max(first + 1, Math.min(bins, Math.floor((x + step) / width * bins)));
    let low = 0;
    let high = 0;
    for (let bin = first; bin < end; bin++) {
      low = Math.min(low, peaks.min[bin]);
      high = Math.max(high, peaks.max[bin]);
    }
    const top = middle - high / peaks.full * (middle - 1);
    const bottom = middle - low / peaks.full * (middle - 1);
    pen.fillRect(x, top - 0.25, step, bottom - top + 0.5);
  }
}

// drawRuler marks times that are far enough from each other to be read.
export function drawRuler(canvas, seconds) {
  const { pen, width, height } = sized(canvas);
  const style = getComputedStyle(canvas);
  pen.fillStyle = style.color;
  pen.font = `12px ${style.fontFamily}`;
  pen.textBaseline = 'top';
  const apart = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400].find((step) => step / seconds * width >= 64) ?? 28800;
  for (let at = 0; at < seconds; at += apart) {
    const x = at / seconds * width;
    const text = clock(at);
    pen.fillRect(x, height - 5, 1, 5);
    if (x + pen.measureText(text).width <= width) pen.fillText(text, x ? x - Math.min(x, pen.measureText(text).width / 2) : 0, 0);
  }
}

export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds + 1e-6));
  const two = (n) => String(n).padStart(2, '0');
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}
