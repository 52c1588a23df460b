// Two ways to play the stems of a song at the same time, in one AudioContext. Both have the same methods:
//
//   load(said)     makes all stems ready; said(text) is told how far it is
//   play(at)       starts all stems at a second of the song
//   pause()        stops them
//   seek(at)       goes on from there, or stays there
//   loop           { from, to } in seconds, or null
//   position()     the second of the song that plays now
//   positions()    the same for each stem that plays, by its index
//
// stem.input is the node that a stem plays into; onfail(stem, why) is called for one that cannot go on; onend at the end
// of the song; onwait(true) while nothing plays because data is missing.

class Sound {
  constructor(context, stems, seconds) {
    Object.assign(this, { context, stems, seconds, playing: false, at: 0, loop: null });
    this.onfail = this.onend = this.onwait = () => {};
  }

  get alive() {
    return this.stems.filter((stem) => !stem.failed);
  }

  fail(stem, why) {
    if (stem.failed) return;
    stem.failed = true;
    this.onfail(stem, why);
  }

  async seek(at) {
    const playing = this.playing;
    if (playing) this.pause();
    this.at = Math.max(0, Math.min(at, this.seconds));
    if (playing) await this.play(this.at);
  }
}

// Decoded keeps all samples in memory: every stem starts at the same moment of the context, and stays with the others to
// the sample.
export class Decoded extends Sound {
  async load(said) {
    let loaded = 0;
    said(`Loading 0 of ${this.stems.length} stems`);
    await Promise.all(this.stems.map(async (stem) => {
      try {
        const answer = await fetch(stem.src);
        if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
        stem.buffer = await this.context.decodeAudioData(await answer.arrayBuffer());
        said(`Loading ${++loaded} of ${this.stems.length} stems`);
      } catch (error) {
        this.fail(stem, error.message);
      }
    }));
    this.seconds = Math.max(0, ...this.alive.map((stem) => stem.buffer.duration)) || this.seconds;
  }

  async play(at) {
    this.pause();
    const soon = 0.03; // so that no stem is late
    this.at = at;
    this.started = this.context.currentTime + soon;
    this.playing = true;
    let last = null;
    for (const stem of this.alive) {
      const source = new AudioBufferSourceNode(this.context, { buffer: stem.buffer });
      if (this.loop) Object.assign(source, { loop: true, loopStart: this.loop.from, loopEnd: this.loop.to });
      source.connect(stem.input);
      source.start(this.started, at);
      stem.source = source;
      if (!last || stem.buffer.duration > last.buffer.duration) last = source;
    }
    if (last) last.onended = () => this.playing && last.onended && this.end();
    this.last = last;
  }

  end() {
    this.pause();
    this.at = 0;
    this.onend();
  }

  pause() {
    this.at = this.position();
    this.playing = false;
    if (this.last) this.last.onended = null;
    for (const stem of this.stems) {
      stem.source?.stop();
      stem.source?.disconnect();
      stem.source = null;
    }
  }

  setLoop(loop) {
    const at = this.position();
    this.loop = loop;
    return this.seek(loop && (at < loop.from || at >= loop.to) ? loop.from : at);
  }

  position() {
    if (!this.playing) return this.at;
    const at = this.at + Math.max(0, this.context.currentTime - this.started);
    if (!this.loop || at < this.loop.to) return Math.min(at, this.seconds);
    return this.loop.from + (at - this.loop.from) % (this.loop.to - this.loop.from);
  }

  positions() {
    const at = this.position();
    return this.stems.map((stem) => (stem.source ? at : null));
  }
}

const often = 100; // milliseconds between two looks at the elements
const near = 0.0015; // seconds: stems that are so close need no correction
const far = 0.25; // seconds: stems that are so far apart are set, not hurried
const tick = 20; // milliseconds between two looks at whether something was reached
const patience = 2000; // milliseconds that a seek may take before another one: Chromium plays no more after seeks there and back at once
const ready = 3; // HTMLMediaElement.HAVE_FUTURE_DATA

// Streamed plays a long song from the server as it comes. Each element has its own clock, so that the others are made
// to follow the first one: by playing a little faster or slower.
export class Streamed extends Sound {
  async load(said) {
    said('Loading');
    await Promise.all(this.stems.map((stem) => this.open(stem)));
  }

  async open(stem) {
    const element = new Audio();
    Object.assign(element, { preload: 'auto', preservesPitch: false, src: stem.src });
    stem.element = element;
    new MediaElementAudioSourceNode(this.context, { mediaElement: element }).connect(stem.input);
    await new Promise((resolve) => {
      element.addEventListener('canplay', resolve, { once: true });
      element.addEventListener('error', () => {
        this.fail(stem, 'it cannot be read any more');
        resolve();
      });
    });
    element.addEventListener('ended', () => {
      if (this.playing && this.alive.every((other) => other.element.ended)) this.end();
    });
  }

  async play(at) {
    this.pause();
    this.at = at;
    this.playing = true;
    this.onwait(true);
    const turn = this.turn = {};
    await this.until(turn, () => !this.alive.some(({ element }) => element.seeking), patience);
    if (this.turn !== turn) return;
    for (const { element } of this.alive) element.currentTime = at;
    await this.go();
  }

  // until returns when something is reached, for which there is no event, when another turn came, or after some milliseconds.
  async until(turn, reached, most = Infinity) {
    for (let waited = 0; this.turn === turn && waited < most && !reached(); waited += tick) {
      await new Promise((resolve) => { setTimeout(resolve, tick); });
    }
  }

  // go starts all elements when all have data.
  async go() {
    const turn = this.turn = {};
    clearInterval(this.timer);
    this.onwait(true);
    for (const { element } of this.alive) element.pause();
    await this.until(turn, () => this.alive.every(({ element }) => element.ended || (!element.seeking && element.readyState >= ready)));
    if (this.turn !== turn) return;
    for (const { element } of this.alive) element.playbackRate = 1;
    await Promise.allSettled(this.alive.filter(({ element }) => !element.ended).map(({ element }) => element.play()));
    if (this.turn !== turn) return;
    this.onwait(false);
    this.timer = setInterval(() => this.follow(), often);
  }

  follow() {
    const stems = this.alive;
    const leader = stems[0]?.element;
    if (!leader) return this.pause();
    if (this.loop && leader.currentTime >= this.loop.to) return this.seek(this.loop.from);
    if (stems.some(({ element }) => element.readyState < ready && !element.ended)) {
      this.at = Math.min(...stems.map(({ element }) => element.currentTime));
      for (const { element } of stems) if (element.currentTime - this.at > near) element.currentTime = this.at;
      return this.go();
    }
    if (leader.ended) return undefined;
    for (const { element } of stems.slice(1)) {
      const ahead = element.currentTime - leader.currentTime;
      if (Math.abs(ahead) > far) element.currentTime = leader.currentTime;
      element.playbackRate = Math.abs(ahead) < near ? 1 : 1 - Math.max(-0.05, Math.min(0.05, 2 * ahead));
    }
    return undefined;
  }

  end() {
    this.pause();
    this.at = 0;
    this.onend();
  }

  pause() {
    this.at = this.position();
    this.playing = false;
    this.turn = null;
    clearInterval(this.timer);
    this.onwait(false);
    for (const stem of this.stems) stem.element?.pause();
  }

  setLoop(loop) {
    const at = this.position();
    this.loop = loop;
    return loop && (at < loop.from || at >= loop.to) ? this.seek(loop.from) : undefined;
  }

  position() {
    const leader = this.alive[0]?.element;
    return this.playing && leader && (leader.ended || !leader.paused) ? leader.currentTime : this.at;
  }

  positions() {
    return this.stems.map(({ failed, element }) => (failed || !element || element.paused ? null : element.currentTime));
  }
}
