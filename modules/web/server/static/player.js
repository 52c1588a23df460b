// The player of a song's page: its elements are in the page already, and are shown when this runs.

import { Decoded, Streamed } from './sound.js';
import { clock, drawRuler, drawWave, readPeaks } from './wave.js';

// mostDecoded is how many bytes of samples are kept in memory; longer songs are streamed.
const mostDecoded = (navigator.deviceMemory ?? (matchMedia('(pointer: coarse)').matches ? 2 : 8)) <= 4 ? 256e6 : 768e6;
const hop = 5; // seconds that an arrow key goes
const shortestLoop = 0.05;

const $ = (id) => document.getElementById(id);

class Player {
  constructor(section) {
    this.section = section;
    this.seconds = Number(section.dataset.seconds);
    this.stems = [...section.querySelectorAll('.lane')].map((lane) => ({
      lane,
      file: lane.dataset.file,
      src: lane.dataset.src,
      label: lane.dataset.label,
      mute: lane.querySelector('.mute'),
      solo: lane.querySelector('.solo'),
      volume: lane.querySelector('.volume'),
      wave: lane.querySelector('.wave'),
      level: lane.querySelector('.level'),
      muted: 'sum' in lane.dataset,
      soloed: false,
      failed: false,
    }));
    this.selected = this.stems[0];
    this.from = null; // where a loop is to begin that has no end yet
    this.bind();
    section.hidden = false;
    this.select(this.selected);
    this.mix();
    this.draw();
    this.show();
    if (section.dataset.peaks) {
      readPeaks(section.dataset.peaks).then((peaks) => {
        this.peaks = peaks;
        this.draw();
      });
    }
  }

  // Everything that makes sound is made at the first press: browsers allow none before, and nothing is loaded for who only
  // looks.
  async start() {
    this.context = new AudioContext({ latencyHint: 'playback' });
    this.master = new GainNode(this.context, { gain: this.volumeOf($('master')) });
    this.master.connect(this.context.destination);
    for (const stem of this.stems) {
      stem.gain = new GainNode(this.context);
      stem.analyser = new AnalyserNode(this.context, { fftSize: 2048 });
      stem.samples = new Float32Array(stem.analyser.fftSize);
      stem.input = stem.gain;
      stem.gain.connect(stem.analyser).connect(this.master);
    }
    this.mix(0);
    const bytes = this.seconds * this.context.sampleRate * 2 * 4 * this.stems.length;
    const Kind = bytes > mostDecoded ? Streamed : Decoded;
    const sound = new Kind(this.context, this.stems, this.seconds);
    sound.onfail = (stem, why) => this.lost(stem, why);
    sound.onend = () => this.show();
    sound.onwait = (waits) => $('player').classList.toggle('waits', waits);
    await sound.load((text) => this.say(text));
    this.say('');
    if (sound.alive.length === 0) throw new Error('none of its stems can be read');
    sound.at = this.at ?? 0;
    if (this.loop) sound.setLoop(this.loop);
    this.sound = sound;
  }

  async toggle() {
    if (this.starting) return;
    try {
      if (!this.sound) {
        this.starting = true;
        $('play').setAttribute('aria-disabled', 'true');
        await this.start();
      }
      await this.context.resume();
      if (this.sound.playing) this.sound.pause();
      else await this.sound.play(this.sound.at);
    } catch (error) {
      this.trouble(`The song cannot be played: ${error.message}.`);
    } finally {
      this.starting = false;
      $('play').removeAttribute('aria-disabled');
      this.show();
    }
  }

  position() {
    return this.sound?.position() ?? this.at ?? 0;
  }

  seek(at) {
    const to = Math.max(0, Math.min(at, this.seconds));
    this.at = to;
    this.sound?.seek(to);
    this.show();
  }

  // mix gives each stem the volume that it has now; soft, in seconds, keeps a change from clicking.
  mix(soft = 0.01) {
    const solo = this.stems.some((stem) => stem.soloed && !stem.failed);
    for (const stem of this.stems) {
      const silent = stem.muted || (solo && !stem.soloed);
      stem.lane.classList.toggle('silent', silent || stem.failed);
      stem.mute.setAttribute('aria-pressed', stem.muted);
      stem.solo.setAttribute('aria-pressed', stem.soloed);
      this.set(stem.gain, silent ? 0 : this.volumeOf(stem.volume), soft);
    }
    this.set(this.master, this.volumeOf($('master')), soft);
  }

  set(node, value, soft) {
    if (!node) return;
    node.gain.cancelScheduledValues(this.context.currentTime);
    if (soft) node.gain.setTargetAtTime(value, this.context.currentTime, soft);
    else node.gain.value = value;
  }

  volumeOf(slider) {
    return Number(slider.value) / 100;
  }

  mute(stem) {
    if (stem.failed) return;
    stem.muted = !stem.muted;
    this.mix();
    this.say(stem.muted ? `${stem.label} muted` : `${stem.label} not muted`);
  }

  solo(stem) {
    if (stem.failed) return;
    stem.soloed = !stem.soloed;
    this.mix();
    this.say(stem.soloed ? `${stem.label} solo` : `${stem.label} not solo`);
  }

  select(stem) {
    this.selected = stem;
    for (const other of this.stems) {
      if (other === stem) other.lane.setAttribute('aria-current', 'true');
      else other.lane.removeAttribute('aria-current');
    }
  }

  loopFrom() {
    this.from = this.position();
    this.setLoop(null);
    this.say(`Loop from ${clock(this.from)}; choose its end`);
  }

  loopTo() {
    const to = this.position();
    const from = this.from ?? 0;
    if (to - from < shortestLoop) {
      this.say('The end of a loop is after its start');
      return;
    }
    this.setLoop({ from, to });
    this.say(`Loop from ${clock(from)} to ${clock(to)}`);
  }

  loopOff() {
    this.from = null;
    this.setLoop(null);
    this.say('No loop');
  }

  setLoop(loop) {
    this.loop = loop;
    if (this.sound) this.sound.setLoop(loop);
    this.show();
  }

  lost(stem, why) {
    stem.lane.classList.add('gone');
    for (const control of [stem.mute, stem.solo, stem.volume]) control.disabled = true;
    this.mix();
    this.trouble(`${stem.label} cannot be played: ${why}. The others go on.`);
  }

  say(text) {
    $('said').textContent = text;
  }

  trouble(text) {
    if ($('trouble').lastElementChild?.textContent === text) return;
    const line = document.createElement('p');
    line.textContent = text;
    $('trouble').append(line);
  }

  // show brings the page up to date, and goes on with each frame while the song plays.
  show() {
    const playing = Boolean(this.sound?.playing);
    const at = this.position();
    const whole = this.sound?.seconds || this.seconds;
    const percent = (t) => `${Math.max(0, Math.min(1, t / whole || 0)) * 100}%`;
    $('play').textContent = playing ? 'Pause' : 'Play';
    $('clock').textContent = `${clock(at)} / ${clock(whole)}`;
    if (!this.dragging) {
      $('position').value = at;
      this.section.style.setProperty('--at', percent(at));
    }
    $('position').setAttribute('aria-valuetext', `${clock(at)} of ${clock(whole)}`);
    const loop = this.loop ?? (this.from === null ? null : { from: this.from, to: this.from });
    this.section.classList.toggle('loops', loop !== null);
    this.section.style.setProperty('--from', percent(loop?.from));
    this.section.style.setProperty('--to', percent(loop?.to));
    $('loop-off').disabled = loop === null;
    for (const stem of this.stems) stem.level.style.transform = `scaleY(${playing ? this.level(stem) : 0})`;
    cancelAnimationFrame(this.frame);
    if (playing) this.frame = requestAnimationFrame(() => this.show());
  }

  // level is how loud a stem is just now, from 0 for -60 dB to 1 for full scale.
  level(stem) {
    stem.analyser.getFloatTimeDomainData(stem.samples);
    const loudest = stem.samples.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    return Math.max(0, Math.min(1, 1 + Math.log10(loudest || 1e-9) / 3));
  }

  draw() {
    drawRuler($('ruler'), this.seconds);
    for (const stem of this.stems) drawWave(stem.wave.querySelector('canvas'), this.peaks?.get(stem.file));
  }

  bind() {
    $('play').addEventListener('click', () => this.toggle());
    $('loop-from').addEventListener('click', () => this.loopFrom());
    $('loop-to').addEventListener('click', () => this.loopTo());
    $('loop-off').addEventListener('click', () => this.loopOff());
    $('master').addEventListener('input', () => this.mix());
    $('position').addEventListener('input', (event) => this.seek(Number(event.target.value)));
    for (const stem of this.stems) {
      stem.mute.addEventListener('click', () => this.mute(stem));
      stem.solo.addEventListener('click', () => this.solo(stem));
      stem.volume.addEventListener('input', () => this.mix());
      stem.lane.addEventListener('focusin', () => this.select(stem));
      stem.lane.addEventListener('pointerdown', () => this.select(stem));
      this.bindWave(stem.wave);
    }
    document.addEventListener('keydown', (event) => this.key(event));
    new ResizeObserver(() => this.draw()).observe(this.section);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.draw());
  }

  bindWave(wave) {
    const at = (event) => {
      const { left, width } = wave.getBoundingClientRect();
      return Math.max(0, Math.min(1, (event.clientX - left) / width)) * this.seconds;
    };
    wave.addEventListener('pointerdown', (event) => {
      if (event.button !== 0) return;
      wave.setPointerCapture(event.pointerId);
      this.dragging = true;
      this.section.style.setProperty('--at', `${at(event) / this.seconds * 100}%`);
    });
    wave.addEventListener('pointermove', (event) => {
      if (this.dragging) this.section.style.setProperty('--at', `${at(event) / this.seconds * 100}%`);
    });
    wave.addEventListener('pointerup', (event) => {
      if (!this.dragging) return;
      this.dragging = false;
      this.seek(at(event));
    });
    wave.addEventListener('pointercancel', () => {
      this.dragging = false;
      this.show();
    });
  }

  key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing || !$('keys').checked) return;
    const { target } = event;
    const slider = target.matches('input[type=range]');
    if (target.matches('textarea, select, [contenteditable], input:not([type=range], [type=checkbox])')) return;
    if (event.key === ' ' && target.matches('button, a, summary, input[type=checkbox]')) return; // which it presses
    if (event.key.startsWith('Arrow') && slider && target.id !== 'position') return; // which it moves
    const stem = this.stems[Number(event.key) - 1];
    if (event.repeat && !event.key.startsWith('Arrow')) {
      if (event.key === ' ') event.preventDefault();
      return;
    }
    switch (event.key) {
      case ' ': this.toggle(); break;
      case 'ArrowLeft': this.seek(this.position() - hop); break;
      case 'ArrowRight': this.seek(this.position() + hop); break;
      case 's': this.solo(this.selected); break;
      case 'm': this.mute(this.selected); break;
      default:
        if (!stem) return;
        this.select(stem);
        this.solo(stem);
    }
    event.preventDefault();
  }
}

const section = $('player');
if (section && window.AudioContext) section.player = new Player(section);
