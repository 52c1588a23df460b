//go:build linux

package pages_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

var short = song{name: "short", stems: stems, seconds: 20, sounds: []int{0}}

// heard is an expression for what each stem sends to the loudspeakers at one moment, as root mean squares.
const heard = `(() => { const p = document.getElementById('player').player;
	return p.stems.map((s) => { s.analyser.getFloatTimeDomainData(s.samples); return Math.sqrt(s.samples.reduce((sum, x) => sum + x * x, 0) / s.samples.length); }); })()`

// apart is an expression for how far the stems of a song that is streamed are from each other, in seconds. For one that is
// decoded it says nothing: all its stems have the position of the song.
const apart = `(() => { const at = document.getElementById('player').player.sound.positions().filter((t) => t !== null);
	return at.length ? Math.max(...at) - Math.min(...at) : 1e9; })()`

// unlike is an expression for the largest difference between the stems, at one moment, when each is made as loud as the
// first one: they have the same noise, so that a shift by one sample makes it as large as the noise itself.
const unlike = `(() => { const p = document.getElementById('player').player;
	for (const s of p.stems) s.analyser.getFloatTimeDomainData(s.samples);
	const first = p.stems[0].samples;
	if (!first.some((x) => Math.abs(x) > 0.1)) return 1e9; // silence is no proof
	return Math.max(...p.stems.map((s, i) => s.samples.reduce((most, x, n) => Math.max(most, Math.abs(x * (i + 1) - first[n])), 0))); })()`

// lags is an expression for how much later each stem is heard than the first one, in seconds: where their noise is most alike.
const lags = `(() => { const p = document.getElementById('player').player;
	const heard = p.stems.map((s) => { s.analyser.fftSize = 8192; return new Float32Array(8192); });
	p.stems.forEach((s, i) => s.analyser.getFloatTimeDomainData(heard[i]));
	return heard.map((samples) => { let most = 0, lag = 1e9;
		for (let shift = -1500; shift <= 1500; shift++) { let sum = 0;
			for (let n = 2000; n < 6000; n++) sum += heard[0][n] * samples[n + shift];
			if (sum > most) { most = sum; lag = shift; } }
		return lag / p.context.sampleRate; }); })()`

// state is an expression for what there is to be said when a test fails.
const state = `(() => { const { sound } = document.getElementById('player').player;
	return JSON.stringify({ playing: sound.playing, at: sound.position(), positions: sound.positions(), elements: sound.stems.map(({ element: e }) =>
		e && [e.readyState, e.paused, e.ended, e.seeking, e.currentTime, e.error?.message, Array.from({ length: e.buffered.length }, (_, i) => [e.buffered.start(i), e.buffered.end(i)])]) }); })()`

const playing = `Boolean(document.getElementById('player').player.sound?.playing)`

const level = 0.4 / 1.7320508 // of the first stem: white noise from -0.4 to 0.4

func (b *tab) text(id string) string {
	return eval[string](b, `document.getElementById("`+id+`").textContent`)
}

// wantHeard waits until exactly these stems can be heard, at the volume that they have.
func (b *tab) wantHeard(want ...float64) {
	b.t.Helper()
	var got []float64
	defer func() {
		if b.t.Failed() {
			b.t.Logf("heard %v instead of %v; %s", got, want, eval[string](b, state))
		}
	}()
	waitFor(b.t, "the stems to be heard", func() bool {
		got = eval[[]float64](b, heard)
		for i, x := range got {
			if math.Abs(x-want[i]*level/float64(i+1)) > 0.02*level {
				return false
			}
		}
		return true
	})
}

// wantTogether waits until all stems play the same to the sample. Just after a volume was changed, the one before can still be in what is
// compared; stems that are apart stay apart.
func (b *tab) wantTogether() {
	b.t.Helper()
	waitFor(b.t, "the stems to play the same", func() bool { return eval[float64](b, unlike) <= 0.001 })
}

// All stems play at the same time, to the sample, and each control does what it says.
func TestAllStemsPlayTogether(t *testing.T) {
	t.Parallel()
	s := newSite(t, short)
	b := newTab(t)
	b.open(s.song(t, "short"), 1440, 900)
	b.until(`document.getElementById('player').player.peaks?.size === 4`)
	b.click("#play")
	b.until(playing)
	b.wantHeard(1, 1, 1, 1)
	b.wantTogether()
	b.click(".lane:nth-child(2) .solo")
	b.wantHeard(0, 1, 0, 0)
	b.click(".lane:nth-child(3) .solo")
	b.wantHeard(0, 1, 1, 0)
	b.click(".lane:nth-child(3) .mute")
	b.wantHeard(0, 1, 0, 0)
	b.click(".lane:nth-child(2) .solo")
	b.click(".lane:nth-child(3) .solo")
	b.wantHeard(1, 1, 0, 1)
	b.click(".lane:nth-child(3) .mute")
	b.run(`(() => { const v = document.querySelector('.lane:nth-child(4) .volume'); v.value = 50; v.dispatchEvent(new Event('input')); })()`)
	b.wantHeard(1, 1, 1, 0.5)

	// What was sought is what plays, in all stems.
	b.run(`document.getElementById('player').player.seek(12)`)
	b.until(`Math.abs(document.getElementById('player').player.position() - 12.5) < 0.5`)
	b.run(`(() => { const p = document.getElementById('player').player; p.stems[3].volume.value = 100; p.mix(0); })()`)
	b.wantHeard(1, 1, 1, 1)
	b.wantTogether()

	b.click("#play")
	b.until(`!(` + playing + `)`)
	b.quiet("")
}

// A loop is repeated in all stems at the same time, and ends when it is told to.
func TestALoopIsRepeated(t *testing.T) {
	t.Parallel()
	s := newSite(t, short)
	b := newTab(t)
	b.open(s.song(t, "short"), 1440, 900)
	b.click("#play")
	b.until(playing)
	const player = `document.getElementById('player').player`
	b.run(player + `.seek(4)`)
	b.click("#loop-from")
	b.run(player + `.seek(6)`)
	b.click("#loop-to")
	from, to := eval[float64](b, player+`.loop.from`), eval[float64](b, player+`.loop.to`)
	if from < 4 || from > 6 || to < 6 || to <= from {
		t.Fatalf("the loop is from %v to %v", from, to)
	}
	last, jumps := 0.0, 0
	waitFor(t, "the loop to begin again twice", func() bool {
		at := eval[float64](b, player+`.position()`)
		if at < from-0.001 || at > to+0.001 {
			t.Fatalf("%v plays, which is not from %v to %v", at, from, to)
		}
		if at < last {
			jumps++
		}
		last = at
		return jumps == 2
	})
	b.wantTogether()
	b.click("#loop-off")
	b.until(fmt.Sprintf(player+`.position() > %v`, to+0.5))
	b.quiet("")
}

// A click on a waveform, and the slider, lead to a place of the song; the volume is that of all stems.
func TestSeekingAndVolumeWithAPointer(t *testing.T) {
	t.Parallel()
	const player = `document.getElementById('player').player`
	s := newSite(t, short)
	b := newTab(t)
	b.open(s.song(t, "short"), 1440, 900)
	b.until(player + `.peaks?.size === 4`)
	clickAt := func(part float64) {
		t.Helper()
		at := eval[[]float64](b, fmt.Sprintf(`(() => { const wave = document.querySelector('.lane:nth-child(2) .wave');
			wave.scrollIntoView({ block: 'center' });
			const { left, top, width, height } = wave.getBoundingClientRect();
			return [left + width * %v, top + height / 2]; })()`, part))
		b.do(chromedp.MouseClickXY(at[0], at[1]))
	}
	leads := func(want float64) {
		t.Helper()
		at, shown := eval[float64](b, player+`.position()`), eval[float64](b, `Number(document.getElementById('position').value)`)
		if math.Abs(at-want) > 0.1 || math.Abs(shown-want) > 0.1 {
			t.Errorf("it leads to %v s, and the slider is at %v s; want %v s", at, shown, want)
		}
	}
	slide := func(id string, value int) {
		t.Helper()
		b.run(fmt.Sprintf(`(() => { const e = document.getElementById(%q); e.value = %d; e.dispatchEvent(new Event('input', { bubbles: true })); })()`, id, value))
	}
	clickAt(0.5)
	leads(10)
	slide("position", 4)
	leads(4)
	b.click("#play")
	b.until(playing)
	clickAt(0.5)
	b.until(player + `.position() >= 10`)
	b.click("#play")
	b.until(`!(` + playing + `)`)
	clickAt(0.25)
	leads(5)

	b.run(player + `.setLoop({ from: 2, to: 18 })`) // so that it lasts as long as a busy machine needs
	b.click("#play")
	b.wantHeard(1, 1, 1, 1)
	b.run(`(() => { const { context, master } = ` + player + `; window.out = new AnalyserNode(context, { fftSize: 2048 }); master.connect(out); })()`)
	const sum = level * (1 + 1.0/2 + 1.0/3 + 1.0/4)
	wantOut := func(want float64) {
		t.Helper()
		waitFor(t, fmt.Sprintf("%v of the sum to be heard", want), func() bool {
			got := eval[float64](b, `(() => { const x = new Float32Array(out.fftSize); out.getFloatTimeDomainData(x); return Math.sqrt(x.reduce((sum, x) => sum + x * x, 0) / x.length); })()`)
			return math.Abs(got-want*sum) < 0.04*sum
		})
	}
	wantOut(1)
	slide("master", 50)
	wantOut(0.5)
	b.wantHeard(1, 1, 1, 1) // which is measured before the volume
	slide("master", 0)
	wantOut(0)
	b.quiet("")
}

// Everything can be done with the keyboard.
func TestKeys(t *testing.T) {
	t.Parallel()
	s := newSite(t, short)
	b := newTab(t)
	b.open(s.song(t, "short"), 1440, 900)
	position := func() float64 { return eval[float64](b, `document.getElementById('player').player.position()`) }
	b.press(kb.ArrowRight, kb.ArrowRight)
	if at := position(); at != 10 {
		t.Errorf("two arrows lead to %v s", at)
	}
	b.press(kb.ArrowLeft)
	if at := position(); at != 5 {
		t.Errorf("an arrow back leads to %v s", at)
	}
	b.press(" ")
	b.until(playing)
	if at := position(); at < 5 || at > 15 {
		t.Errorf("it plays from %v s", at)
	}
	b.press("2")
	b.wantHeard(0, 1, 0, 0)
	if said := b.text("said"); said != "Drums solo" {
		t.Errorf("said %q", said)
	}
	b.press("m")
	b.wantHeard(0, 0, 0, 0)
	b.press("m", "s")
	b.wantHeard(1, 1, 1, 1)
	b.press("4", "1")
	b.wantHeard(1, 0, 0, 1)
	b.press("1", "4", " ")
	b.until(`!(` + playing + `)`)

	// A button that has the focus is pressed by the space bar, and a volume is changed by arrows.
	at := position()
	b.do(chromedp.Focus(chromedp.CSS(".lane:nth-child(1) .mute")))
	b.press(" ")
	if eval[bool](b, playing) || eval[string](b, `document.querySelector('.lane .mute').getAttribute('aria-pressed')`) != "true" {
		t.Error("the space bar did not press the button")
	}
	b.do(chromedp.Focus(chromedp.CSS(".lane:nth-child(1) .volume")))
	b.press(kb.ArrowLeft)
	if eval[string](b, `document.querySelector('.lane .volume').value`) == "100" || position() != at {
		t.Error("the arrow did not change the volume alone")
	}
	// Who does not want the keys turns them off.
	b.run(`document.getElementById('keys').checked = false; document.activeElement.blur()`)
	b.press(" ", "s", kb.ArrowRight)
	if eval[bool](b, playing) || position() != at || eval[int](b, `document.querySelectorAll('.solo[aria-pressed=true]').length`) != 0 {
		t.Error("keys work that were turned off")
	}
	b.quiet("")
}

// A song of three hours is played as it comes, with its stems near to each other, also from a place that was sought. A stem
// that vanishes meanwhile is said, and the others go on.
func TestThreeHours(t *testing.T) {
	t.Parallel()
	const later = 2 * 3600
	long := song{name: "long", stems: stems, seconds: 3 * 3600, sounds: []int{0, later * rate}, wave: func(int, int) float64 { return 0.2 }}
	s := newSite(t, long)
	b := newTab(t)
	b.open(s.song(t, "long"), 1440, 900)
	// What is heard at a place lasts for 20 seconds: in a loop it lasts as long as a busy machine needs.
	loop := func(from, to int) {
		t.Helper()
		b.run(fmt.Sprintf(`(() => { const p = document.getElementById('player').player;
			for (const [at, id] of [[%d, 'loop-from'], [%d, 'loop-to']]) { p.seek(at); document.getElementById(id).click(); } })()`, from, to))
		b.until(fmt.Sprintf(`((at) => at > %d && at < %d)(document.getElementById('player').player.position())`, from, to))
	}
	b.click("#play")
	b.until(playing)
	loop(2, 18)
	together := func() {
		t.Helper()
		const near = 0.005
		times := 0
		waitFor(t, "the stems to be within 5 ms", func() bool {
			times++
			for _, lag := range eval[[]float64](b, lags) {
				if eval[float64](b, apart) > near || math.Abs(lag) > near {
					times = 0
				}
			}
			return times == 10
		})
	}
	together()
	b.wantHeard(1, 1, 1, 1)
	if eval[bool](b, `document.getElementById('player').player.stems.some((s) => s.buffer)`) {
		t.Error("three hours were decoded into memory")
	}
	loop(7202, 7218)
	together()
	b.wantHeard(1, 1, 1, 1)
	b.quiet("")

	must(t, os.Remove(filepath.Join(s.data, "output", "long", "drums.wav")))
	b.run(`document.getElementById('player').player.seek(3600)`)
	b.until(`document.getElementById('trouble').textContent.includes('Drums cannot be played')`)
	loop(7202, 7218)
	b.until(playing)
	b.wantHeard(1, 0, 1, 1)
	b.quiet("404")
}

// A song of an earlier version, or one whose peaks.json is of no use, has a plain time line, and is played like every other.
func TestASongWithoutWaveforms(t *testing.T) {
	t.Parallel()
	s := newSite(t, short, song{name: "damaged", stems: stems, seconds: 20, sounds: []int{0}})
	must(t, os.Remove(filepath.Join(s.data, "output", "short", "peaks.json")))
	must(t, os.WriteFile(filepath.Join(s.data, "output", "damaged", "peaks.json"), []byte(`{"version":1,"bins":3,"full":127,"stems":[{"file":"vocals.wav","min":[1],"max":null}]}`), 0o644))
	b := newTab(t)
	for _, name := range []string{"short", "damaged"} {
		b.open(s.song(t, name), 1440, 900)
		b.until(`document.getElementById('player').player`)
		// A line of one pixel in the middle: the canvas is empty above and below.
		b.until(`(() => { const c = document.querySelector('.wave canvas'); const at = (y) => c.getContext('2d').getImageData(c.width / 2, y, 1, 1).data[3];
			return at(Math.floor(c.height / 2)) > 0 && at(Math.floor(c.height / 4)) === 0; })()`)
		b.click("#play")
		b.until(playing)
		b.wantHeard(1, 1, 1, 1)
	}
	b.quiet("willReadFrequently") // which this test does
}

// The song without its vocals, beside its stems, would be heard twice: it is muted until somebody wants it.
func TestASumIsMutedAtFirst(t *testing.T) {
	t.Parallel()
	s := newSite(t, song{name: "both", stems: []string{"vocals", "drums", "both (Instrumental)"}, seconds: 20, sounds: []int{0}})
	b := newTab(t)
	b.open(s.song(t, "both"), 360, 740)
	b.click("#play")
	b.until(playing)
	b.wantHeard(1, 1, 0)
	b.click(".lane:nth-child(3) .mute")
	b.wantHeard(1, 1, 1)
	b.press("3")
	b.wantHeard(0, 0, 1)
	b.quiet("")
}

// A stem that is gone before anything was played is said, and the others play.
func TestAStemThatIsGone(t *testing.T) {
	t.Parallel()
	s := newSite(t, short)
	b := newTab(t)
	b.open(s.song(t, "short"), 1440, 900)
	must(t, os.Remove(filepath.Join(s.data, "output", "short", "bass.wav")))
	b.click("#play")
	b.until(playing)
	b.wantHeard(1, 1, 0, 1)
	if said := b.text("trouble"); said != "Bass cannot be played: the server answered 404. The others go on." {
		t.Errorf("said %q", said)
	}
	b.quiet("404")
}

// A song whose stems are all gone says so, each time.
func TestAllStemsAreGone(t *testing.T) {
	t.Parallel()
	s := newSite(t, short)
	b := newTab(t)
	b.open(s.song(t, "short"), 1440, 900)
	for _, stem := range stems {
		must(t, os.Remove(filepath.Join(s.data, "output", "short", stem+".wav")))
	}
	for range 2 {
		b.click("#play")
		b.until(`document.getElementById('trouble').lastElementChild?.textContent === 'The song cannot be played: none of its stems can be read.'`)
		if eval[bool](b, playing) || b.text("play") != "Play" {
			t.Error("nothing plays")
		}
	}
	b.quiet("404")
}
