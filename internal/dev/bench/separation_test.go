package bench

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// Both forms of the song hold the same samples, as many as it must have.
func TestTheSong(t *testing.T) {
	t.Parallel()
	var wav, floats bytes.Buffer
	if err := errors.Join(writeWAV(&wav, 0.5), writeFloats(&floats, 0.5)); err != nil {
		t.Fatal(err)
	}
	const frames, header = songRate / 2, 44
	if wav.Len() != header+4*frames || floats.Len() != 8*frames {
		t.Fatalf("%d and %d bytes", wav.Len(), floats.Len())
	}
	head := wav.Bytes()[:header]
	if string(head[:4]) != "RIFF" || binary.LittleEndian.Uint32(head[4:]) != uint32(wav.Len()-8) || binary.LittleEndian.Uint32(head[40:]) != 4*frames {
		t.Errorf("header % x", head)
	}
	loudest := 0.0
	for i := range 2 * frames {
		a := float64(int16(binary.LittleEndian.Uint16(wav.Bytes()[header+2*i:]))) / 32768
		b := float64(math.Float32frombits(binary.LittleEndian.Uint32(floats.Bytes()[4*i:])))
		if a != b {
			t.Fatalf("sample %d is %g and %g", i, a, b)
		}
		loudest = max(loudest, math.Abs(a))
	}
	if loudest < 0.5 || loudest > 0.95 {
		t.Errorf("the loudest sample is %g", loudest)
	}
}

func TestDifference(t *testing.T) {
	t.Parallel()
	folders := []string{t.TempDir(), t.TempDir(), t.TempDir()}
	for i, folder := range folders {
		for _, stem := range stemNames() {
			var samples []byte
			for n := range 1000 {
				v := 0.5 * math.Sin(float64(n))
				if i == 2 && stem != "vocals" { // a hundredth more in three of four: 40 dB, and a quarter of that left out
					v *= 1.01
				}
				samples = binary.LittleEndian.AppendUint32(samples, math.Float32bits(float32(v)))
			}
			if err := os.WriteFile(filepath.Join(folder, stem+".f32"), samples, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if db, err := difference(folders[0], folders[1]); err != nil || db != equalDB {
		t.Errorf("equal stems differ: %g dB, %v", db, err)
	}
	if db, err := difference(folders[0], folders[2]); err != nil || db != 41.2 { // 40 + 10 log10(4/3)
		t.Errorf("%g dB, %v; want 41.2", db, err)
	}
	if err := os.Truncate(filepath.Join(folders[1], "other.f32"), 400); err != nil {
		t.Fatal(err)
	}
	if _, err := difference(folders[0], folders[1]); err == nil {
		t.Error("a shorter stem was not noticed")
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	s := &separations{data: t.TempDir()}
	for _, way := range []int{engineWay, lowWay, int8Way} {
		if err := os.MkdirAll(s.out(way), 0o700); err != nil {
			t.Fatal(err)
		}
		for _, stem := range stemNames() {
			if err := os.WriteFile(filepath.Join(s.out(way), stem+".f32"), []byte{0, 0, 0, 63, 0, 0, byte(way / int8Way), 63}, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	c := Case{Ours: "demucs engine"}
	for i, way := range separationWays() {
		n := float64(i + 1)
		c.Results = append(c.Results, Result{Way: way, Runs: figures([4]float64{60 / n, 110 / n, 1 << 20, 0})})
	}
	c.summarize()
	r := Separation{Segments: 11, Limit: 67, Cases: []Case{c}}
	if err := r.judge(s); err != nil {
		t.Fatal(err)
	}
	if e := r.Ways[engineWay]; e.CPUSecondsPerSegment != 5 || e.GFLOPPerCoreSecond != 67 || e.OfLimit != 1 || e.OfReference != 0.5 || e.DifferenceDB != 0 {
		t.Errorf("%+v", e)
	}
	if low, small := r.Ways[lowWay], r.Ways[int8Way]; low.DifferenceDB != equalDB || small.DifferenceDB <= 0 || small.DifferenceDB >= equalDB {
		t.Errorf("%+v, %+v", low, small)
	}
	r.Lengths = []Length{{Seconds: 7200, Memory: "low", Figures: figures([4]float64{1, 2, 5 << 20, 0})[0]}}
	for _, table := range []func() ([]string, [][]string){r.Table, r.LengthsTable} {
		header, rows := table()
		for _, row := range rows {
			if len(row) != len(header) {
				t.Errorf("%q below %q", row, header)
			}
		}
	}
	if _, rows := r.LengthsTable(); !slices.Equal(rows[0], []string{"2h0m0s", "low", "1.000 s", "2.000 s", "5.0 MiB"}) {
		t.Errorf("%q", rows)
	}
}

func TestAJobThatWasGivenUp(t *testing.T) {
	t.Parallel()
	s := &separations{data: t.TempDir()}
	if ok, err := s.handedOn("one"); ok || err != nil {
		t.Errorf("nothing there: %t, %v", ok, err)
	}
	for _, folder := range []string{filepath.Join(s.stage("separated"), "one"), filepath.Join(s.stage("failed"), "two")} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(s.stage("failed"), "two", "job.json"), []byte(`{"error":"no memory"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if ok, err := s.handedOn("one"); !ok || err != nil {
		t.Errorf("separated: %t, %v", ok, err)
	}
	if ok, err := s.handedOn("two"); ok || err == nil || !strings.Contains(err.Error(), "no memory") {
		t.Errorf("failed: %t, %v", ok, err)
	}
}

func TestPoll(t *testing.T) {
	t.Parallel()
	n := 0
	if err := poll(t.Context(), time.Minute, time.Millisecond, func() (bool, error) { n++; return n == 3, nil }); err != nil || n != 3 {
		t.Errorf("%d calls, %v", n, err)
	}
	never := func() (bool, error) { return false, nil }
	if err := poll(t.Context(), time.Millisecond, time.Millisecond, never); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

func TestProcessor(t *testing.T) {
	t.Parallel()
	if got := processor("processor\t: 0\nmodel name\t: AMD EPYC: 7B13\nmodel name\t: x\n"); got != "AMD EPYC: 7B13" {
		t.Errorf("%q", got)
	}
	if got := processor("processor\t: 0\nCPU part\t: 0xd0c\n"); got != "" {
		t.Errorf("%q", got)
	}
}
