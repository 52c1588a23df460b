package term

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestResultsAndNotesDoNotMix(t *testing.T) {
	t.Parallel()
	ui, out, err := Test()
	ui.Result("%d stems", 4)
	ui.Note("building %s", "demucs")
	ui.Note("not shown: %v", fmt.Errorf("asking: %w", context.Canceled))
	ui.Table([]string{"SERVICE", "STATE"}, [][]string{{"demucs", "running"}, {"watcher", "exited"}})
	if e := ui.JSON(map[string]string{"name": "a<b"}); e != nil {
		t.Fatal(e)
	}
	const want = "4 stems\nSERVICE  STATE\ndemucs   running\nwatcher  exited\n{\n  \"name\": \"a<b\"\n}\n"
	if out.String() != want {
		t.Errorf("stdout is %q, want %q", out, want)
	}
	if err.String() != "building demucs\n" {
		t.Errorf("stderr is %q", err)
	}
}

func TestPlainProgressWritesLines(t *testing.T) {
	t.Parallel()
	ui, out, err := Test()
	ui.every = time.Millisecond
	p := ui.Progress("fetching the model", 200_000_000, Bytes)
	p.Set(50_000_000)
	deadline := time.Now().Add(10 * time.Second)
	for {
		ui.mu.Lock()
		text := err.String()
		ui.mu.Unlock()
		if strings.Contains(text, "fetching the model: 50 MB of 200 MB (25 %)\n") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("no progress line: %q", text)
		}
		time.Sleep(time.Millisecond)
	}
	p.Done()
	p.Done() // twice is harmless
	if out.Len() != 0 {
		t.Errorf("progress on stdout: %q", out)
	}
}

func TestProgressLine(t *testing.T) {
	t.Parallel()
	ui, _, _ := Test()
	cases := []struct {
		name        string
		unit        Unit
		done, total int64
		want        string
	}{
		{"bytes without a total", Bytes, 1500, 0, "x: 1.5 kB"},
		{"percent", Percent, 40, 100, "x: 40 % after 0s"},
		{"percent without a total", Percent, 0, 0, "x: 0 % after 0s"},
		{"time", Seconds, 0, 0, "x: 0s so far"},
		{"entries", Count, 0, 0, "x: 0 entries, 0/s"},
	}
	for _, c := range cases {
		p := &Progress{ui: ui, label: "x", unit: c.unit, start: time.Now(), done: c.done, total: c.total}
		if got := p.line(); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestACountHasARate(t *testing.T) {
	t.Parallel()
	p := &Progress{label: "x", unit: Count, start: time.Now().Add(-10 * time.Second), done: 12_345_670}
	if got := p.line(); !strings.HasPrefix(got, "x: 12,345,670 entries, 1,23") || !strings.HasSuffix(got, "/s") {
		t.Errorf("got %q", got)
	}
}
