//go:build unix

package main

import (
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

func parse(t *testing.T, args ...string) *settings {
	t.Helper()
	s := &settings{}
	flags := flag.NewFlagSet("demucs", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	s.addTo(flags)
	spooltest.Must(t, flags.Parse(args))
	return s
}

func TestSettings(t *testing.T) {
	t.Parallel()
	tests := []struct {
		args string
		want string
	}{
		{"-engine=onnx -model=htdemucs", ""},
		{"-engine=torch -model=htdemucs", `unknown engine "torch": known are onnx; set DEMUCS_ENGINE in .env`},
		{"-engine=onnx -model=../mdx", `-model "../mdx": no model can have that name; set DEMUCS_MODEL in .env`},
		{"-engine=onnx -model=mine -precision=fp16", `unknown precision "fp16": known are fp32, int8; set DEMUCS_PRECISION in .env`},
		{"-engine=onnx -model=htdemucs -max-duration=-1s", "-max-duration -1s: it must be from 0 to 24h0m0s; 0 is the same as that"},
		{"-engine=onnx -model=htdemucs -max-duration=0", ""},
		{"-engine=onnx -model=htdemucs -max-duration=25h", "from 0 to 24h0m0s"},
	}
	for _, tt := range tests {
		err := parse(t, strings.Fields(tt.args)...).check()
		if (tt.want == "") != (err == nil) || (err != nil && !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v; want %q", tt.args, err, tt.want)
		}
	}
}

func TestSettingsComeFromTheEnvironment(t *testing.T) {
	t.Setenv("DEMUCS_ENGINE", "e")
	t.Setenv("DEMUCS_MODEL", "")
	if s := parse(t); s.engine != "e" || s.model != "htdemucs" {
		t.Errorf("engine %q, model %q", s.engine, s.model)
	}
	if s := demucsService(); s.Name != "demucs" || s.Poll != 200*time.Millisecond {
		t.Errorf("service = %+v", s)
	}
}

func TestParseProgress(t *testing.T) {
	t.Parallel()
	tests := []struct {
		line        string
		done, total int
		ok          bool
	}{
		{"3/17", 3, 17, true},
		{" 0/1\r", 0, 1, true},
		{"17/17", 17, 17, true},
		{"Loading model...", 0, 0, false},
		{"18/17", 0, 0, false},
		{"-1/2", 0, 0, false},
		{"1/", 0, 0, false},
		{"Wrote: a/b", 0, 0, false},
		{"", 0, 0, false},
	}
	for _, tt := range tests {
		if done, total, ok := parseProgress(tt.line); done != tt.done || total != tt.total || ok != tt.ok {
			t.Errorf("parseProgress(%q) = %d, %d, %v", tt.line, done, total, ok)
		}
	}
}

func TestLineWriter(t *testing.T) {
	t.Parallel()
	var got []string
	w := &lineWriter{line: func(line string) { got = append(got, line) }}
	for _, part := range []string{"a", "b\nc\n\nd", strings.Repeat("x", 2*tailSize), "e\nf\n"} {
		if n, err := io.WriteString(w, part); n != len(part) || err != nil {
			t.Fatalf("Write = %d, %v", n, err)
		}
	}
	if strings.Join(got, "|") != "ab|c||e|f" {
		t.Errorf("lines = %q", got)
	}
}

func TestTelling(t *testing.T) {
	t.Parallel()
	tests := []struct{ said, want string }{
		{"", ""},
		{"a\nb\n\n", "b"},
		{"Error: bad\n    at f (x)\n\nNode.js v20.1.0\n", "Error: bad"},
		{"Error: bad\nmore\n", "Error: bad"},
		{"TypeError: a\nRangeError: b\n", "RangeError: b"},
		{"red \x1b[31malert\xff\x07", "red  [31malert?"},
		{strings.Repeat("x", 3*tailSize), strings.Repeat("x", longestLine) + "..."},
	}
	for _, tt := range tests {
		var said tail
		for part := range strings.SplitSeq(tt.said, " ") {
			_, _ = io.WriteString(&said, part+" ")
		}
		if got := said.telling(); got != tt.want {
			t.Errorf("telling of %.40q = %q; want %q", tt.said, got, tt.want)
		}
	}
}

func TestPlainLine(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"file:source: Invalid data": "Invalid data",
		"[mp3 @ 0x55] bad frame":    "bad frame",
		"Conversion failed!":        "Conversion failed!",
	} {
		if got := plainLine(in); got != want {
			t.Errorf("plainLine(%q) = %q; want %q", in, got, want)
		}
	}
}

func TestMixFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), mixName)
	create := func(path string) (*os.File, error) {
		_ = os.Remove(path)
		return place.Create(path)
	}
	m, err := createMix(create, path, 100)
	spooltest.Must(t, err)
	size := func() int64 {
		info, err := os.Stat(path)
		spooltest.Must(t, err)
		return info.Size()
	}
	_, err = m.Write(make([]byte, 100*mixFrameSize))
	spooltest.Must(t, err)
	spooltest.Must(t, m.close())
	if size() != 100*mixFrameSize || m.frames() != 100 {
		t.Errorf("%d bytes, %d frames", size(), m.frames())
	}
	// What is beyond the longest track is counted, and takes no room.
	m, err = createMix(create, path, 100)
	spooltest.Must(t, err)
	for range 3 {
		if n, err := m.Write(make([]byte, 70*mixFrameSize)); n != 70*mixFrameSize || err != nil {
			t.Fatalf("Write = %d, %v", n, err)
		}
	}
	spooltest.Must(t, m.close())
	if size() != 100*mixFrameSize || m.frames() != 210 {
		t.Errorf("%d bytes, %d frames", size(), m.frames())
	}
	m, err = createMix(create, path, 100)
	spooltest.Must(t, err)
	_, err = m.Write(make([]byte, 70*mixFrameSize))
	spooltest.Must(t, err)
	m.cut(80)
	m.cut(60)
	spooltest.Must(t, m.close())
	if size() != 60*mixFrameSize || m.frames() != 60 {
		t.Errorf("%d bytes, %d frames", size(), m.frames())
	}
	if _, err := createMix(create, filepath.Join(path, "x"), 1); err == nil {
		t.Error("a mix was made below a file")
	}
}
